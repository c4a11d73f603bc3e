/*===- qmm/context.h - A device, its threads and its caches ---------------===*\
|* Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* A context owns a device and everything cached for it.  There is no global
|* device: two contexts never share state.
\*===----------------------------------------------------------------------===*/
#ifndef QMM_CONTEXT_H
#define QMM_CONTEXT_H

#include "qmm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct qmm_context qmm_context;

typedef struct qmm_context_options {
  uint32_t struct_size;
  uint32_t num_threads; /* 0: the CPUs this process may run on */
  const char *device;   /* NULL, "auto" or "cpu" */
} qmm_context_options;

/* `options` may be NULL.  *context is the caller's, to be destroyed. */
QMM_EXPORT qmm_status qmm_context_create(const qmm_context_options *options,
                                         qmm_context **context);

/* NULL is allowed.  Modules of the context must be gone. */
QMM_EXPORT void qmm_context_destroy(qmm_context *context);

/* "cpu (AVX2, 2 threads)".  Owned by the context. */
QMM_EXPORT const char *qmm_context_description(const qmm_context *context);

#ifdef __cplusplus
}
#endif
#endif /* QMM_CONTEXT_H */
