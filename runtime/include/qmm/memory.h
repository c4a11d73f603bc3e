/*===- qmm/memory.h - Memory and streams of a context's device ------------===*\
|* Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* For callers without a CUDA runtime of their own: tests and tools.  Any memory
|* that the device can address and any stream of its primary context will do
|* instead.  On a CPU context this is plain memory, and streams are NULL.
\*===----------------------------------------------------------------------===*/
#ifndef QMM_MEMORY_H
#define QMM_MEMORY_H

#include "qmm/context.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Uninitialized memory, aligned to 256 bytes; 0 bytes give NULL. */
QMM_EXPORT qmm_status qmm_memory_allocate(qmm_context *context, size_t bytes,
                                          void **memory);
/* Waits for work that uses it, as cuMemFree does.  NULL is allowed. */
QMM_EXPORT qmm_status qmm_memory_free(qmm_context *context, void *memory);

/* Between host memory and the device's, in order with `stream`; the bytes have
 * arrived when the call returns. */
QMM_EXPORT qmm_status qmm_memory_to_device(qmm_context *context, void *device,
                                           const void *host, size_t bytes,
                                           void *stream);
QMM_EXPORT qmm_status qmm_memory_to_host(qmm_context *context, void *host,
                                         const void *device, size_t bytes,
                                         void *stream);

/* A stream that doesn't wait for the default one; NULL on the CPU. */
QMM_EXPORT qmm_status qmm_stream_create(qmm_context *context, void **stream);
/* Waits until the stream's work is done, as qmm_stream_synchronize does, and
 * frees the workspace that matmuls used on it. */
QMM_EXPORT qmm_status qmm_stream_destroy(qmm_context *context, void *stream);
QMM_EXPORT qmm_status qmm_stream_synchronize(qmm_context *context,
                                             void *stream);

#ifdef __cplusplus
}
#endif
#endif /* QMM_MEMORY_H */
