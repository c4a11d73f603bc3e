/*===- qmm/module.h - Loading and running compiled programs ---------------===*\
|* Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* A module is a loaded `.qmm` artefact.  An entry runs in three steps: query
|* (shapes to sizes), prepare (everything that allocates), invoke (nothing but
|* work).
\*===----------------------------------------------------------------------===*/
#ifndef QMM_MODULE_H
#define QMM_MODULE_H

#include "qmm/context.h"
#include "qmm/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct qmm_module qmm_module;
typedef struct qmm_entry qmm_entry;

typedef struct qmm_module_options {
  uint32_t struct_size;
  uint32_t reserved;
  /* Where referenced parameter files are looked for when the artefact's own
   * path for them doesn't exist; NULL: the artefact's folder. */
  const char *weights_dir;
} qmm_module_options;

/* Maps `path`, verifies it whole (magic, version, checksum, every index) and
 * packs parameters for the context's device.  `options` may be NULL. */
QMM_EXPORT qmm_status qmm_module_load(qmm_context *context, const char *path,
                                      const qmm_module_options *options,
                                      qmm_module **module);
/* NULL is allowed.  No entry of the module may be running. */
QMM_EXPORT void qmm_module_destroy(qmm_module *module);

/* The compile report: JSON text owned by the module. */
QMM_EXPORT const char *qmm_module_report(const qmm_module *module);

QMM_EXPORT size_t qmm_module_entry_count(const qmm_module *module);
/* NULL when index is out of range.  Owned by the module. */
QMM_EXPORT qmm_entry *qmm_module_entry_at(qmm_module *module, size_t index);
/* NOT_FOUND names the entries there are. */
QMM_EXPORT qmm_status qmm_module_find_entry(qmm_module *module,
                                            const char *name,
                                            qmm_entry **entry);

QMM_EXPORT const char *qmm_entry_name(const qmm_entry *entry);
QMM_EXPORT size_t qmm_entry_input_count(const qmm_entry *entry);
QMM_EXPORT size_t qmm_entry_output_count(const qmm_entry *entry);

/* What a caller passes or receives: always wide or raw builtin data. */
typedef struct qmm_value_info {
  uint32_t struct_size;
  uint32_t dtype; /* qmm_dtype; E2M1 arguments are packed lo_first along the
                     last dimension */
  uint32_t rank;
  uint32_t reserved;
  int64_t shape[QMM_MAX_RANK]; /* -1: dynamic */
  const char *name;            /* owned by the module, never NULL */
} qmm_value_info;

QMM_EXPORT qmm_status qmm_entry_input_info(const qmm_entry *entry, size_t index,
                                           qmm_value_info *info);
QMM_EXPORT qmm_status qmm_entry_output_info(const qmm_entry *entry,
                                            size_t index, qmm_value_info *info);

/* Step 1: from the inputs' shapes (data pointers unused) to the outputs' shapes
 * and dtypes (filled in outputs[0..output_count)) and the arena size. */
QMM_EXPORT qmm_status qmm_entry_query(qmm_entry *entry,
                                      const qmm_tensor *inputs,
                                      qmm_tensor *outputs, size_t *arena_bytes);

/* Step 2: everything for these shapes that may allocate.  Thread-safe.  On a
 * GPU a stream that is to be captured needs one call on it before (its
 * workspace), and no prepare() while it is. */
QMM_EXPORT qmm_status qmm_entry_prepare(qmm_entry *entry,
                                        const qmm_tensor *inputs);

/* Step 3: runs.  Allocates nothing; UNPREPARED for shapes step 2 hasn't seen.
 * `arena`: 64-byte aligned, arena_bytes of it, the caller's, used by one call
 * at a time.  `stream`: NULL on the CPU, where the call returns when it has
 * finished; a GPU's stream (NULL: its default one), on which the call only
 * enqueues.  There, data and arena are the device's, 16-byte aligned. */
QMM_EXPORT qmm_status qmm_entry_invoke(qmm_entry *entry,
                                       const qmm_tensor *inputs,
                                       const qmm_tensor *outputs, void *arena,
                                       size_t arena_bytes, void *stream);

#ifdef __cplusplus
}
#endif
#endif /* QMM_MODULE_H */
