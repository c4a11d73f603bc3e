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
  /* NULL or "cpu"; "cuda" (the first GPU) or "cuda:N"; "auto": the first GPU
   * if it and its libraries work, else the CPU */
  const char *device;
  /* Where cuBLASLt is, tried before the loader's own paths: a library file, or
   * folders separated by ':', each holding it or the folders of NVIDIA's wheels
   * (nvidia/cu13/lib, nvidia/cublas/lib).  NULL: QMM_CUBLASLT_PATH. */
  const char *cublaslt;
  /* Folder of the file that keeps chosen algorithms; "": none; NULL:
   * QMM_CACHE_DIR, else qmm in XDG_CACHE_HOME or ~/.cache. */
  const char *cache_dir;
  uint32_t autotune;          /* 1: plans time several algorithms; NULL options
                                 or 0: QMM_AUTOTUNE=1 does the same */
  uint32_t full_accumulation; /* 1: FP8 sums in full f32 on the GPU, slower */
} qmm_context_options;

/* `options` may be NULL.  *context is the caller's, to be destroyed. */
QMM_EXPORT qmm_status qmm_context_create(const qmm_context_options *options,
                                         qmm_context **context);

/* NULL is allowed.  Modules of the context must be gone. */
QMM_EXPORT void qmm_context_destroy(qmm_context *context);

/* "cpu (AVX2, 2 threads)" or "cuda:0 (NVIDIA H100 80GB HBM3, sm_90, driver
 * 13.0, cuBLASLt 13.1.0)".  Owned by the context. */
QMM_EXPORT const char *qmm_context_description(const qmm_context *context);

#ifdef __cplusplus
}
#endif
#endif /* QMM_CONTEXT_H */
