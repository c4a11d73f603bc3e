/*===- qmm/status.h - Status codes and export macro of the runtime --------===*\
|* Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* Every call of the C ABI returns a qmm_status; the text of the last failure
|* belongs to the calling thread.  No exception crosses this boundary.
\*===----------------------------------------------------------------------===*/
#ifndef QMM_STATUS_H
#define QMM_STATUS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define QMM_EXPORT __attribute__((visibility("default")))

typedef enum qmm_status {
  QMM_STATUS_OK = 0,
  QMM_STATUS_INVALID_ARGUMENT = 1, /* a caller's mistake: shape, dtype, null */
  QMM_STATUS_UNSUPPORTED = 2,      /* well formed, but no route runs it */
  QMM_STATUS_NOT_FOUND = 3,        /* a name, key, entry or file is absent */
  QMM_STATUS_MALFORMED = 4,        /* a file or artefact contradicts itself */
  QMM_STATUS_IO = 5,               /* the operating system refused */
  QMM_STATUS_OUT_OF_MEMORY = 6,
  QMM_STATUS_UNPREPARED = 7, /* invoke() for shapes prepare() hasn't seen */
  QMM_STATUS_INTERNAL = 8,   /* a bug in QMM: please report it */
  QMM_STATUS_DEVICE = 9      /* the GPU, its driver or cuBLASLt failed */
} qmm_status;

/* The text of this thread's last failed call, "" when none failed.  Owned by
 * the runtime, valid until this thread's next failing call. */
QMM_EXPORT const char *qmm_last_error(void);

/* A short constant name, e.g. "invalid argument".  Never NULL. */
QMM_EXPORT const char *qmm_status_name(qmm_status status);

#define QMM_VERSION_MAJOR 0
#define QMM_VERSION_MINOR 1
#define QMM_VERSION_PATCH 0

/* The version of the loaded library: major << 16 | minor << 8 | patch. */
QMM_EXPORT uint32_t qmm_version(void);

#ifdef __cplusplus
}
#endif
#endif /* QMM_STATUS_H */
