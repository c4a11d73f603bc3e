/*===- run.c - An embedder of the runtime, in C11 -------------------------===*\
|* Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* Includes every public header and loads a module that isn't there.
\*===----------------------------------------------------------------------===*/
#include "qmm/context.h"
#include "qmm/module.h"
#include "qmm/ops.h"
#include "qmm/status.h"
#include "qmm/tensor.h"

#include <stdio.h>

int main(void) {
  qmm_context *context = NULL;
  qmm_status status = qmm_context_create(NULL, &context);
  if (status != QMM_STATUS_OK) {
    fprintf(stderr, "context: %s\n", qmm_last_error());
    return 1;
  }
  printf("device: %s\n", qmm_context_description(context));

  qmm_module *module = NULL;
  status = qmm_module_load(context, "no-such-file.qmm", NULL, &module);
  printf("load: %s\n", status == QMM_STATUS_OK ? "worked" : qmm_last_error());
  qmm_module_destroy(module);
  qmm_context_destroy(context);
  return status == QMM_STATUS_OK;
}
