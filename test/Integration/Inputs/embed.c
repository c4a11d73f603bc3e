/*===- embed.c - Calls a compiled program from C --------------------------===*\
|* Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* Links an object of quant-compile --emit=object, gives it numbers whose
|* product is exact, and checks every element.
\*===----------------------------------------------------------------------===*/
#include "qmm/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

qmm_status qmm_entry_scale_add_query(qmm_context *, const qmm_tensor *inputs,
                                     int64_t *extents, size_t *arena_bytes);
qmm_status qmm_entry_scale_add(qmm_context *, const qmm_tensor *inputs,
                               const qmm_tensor *outputs,
                               const void *const *parameters, void *arena,
                               size_t arena_bytes);
extern const char *const qmm_entry_scale_add_parameters[];

enum { M = 5, N = 16, K = 32 };

static qmm_tensor describe(void *data, qmm_dtype dtype, uint32_t rank,
                           int64_t a, int64_t b) {
  qmm_tensor t;
  memset(&t, 0, sizeof t);
  t.struct_size = sizeof t;
  t.rank = rank;
  t.shape[0] = a;
  t.shape[1] = b;
  t.scheme.element = dtype;
  t.data = data;
  return t;
}

int main(void) {
  static float x[M * K], w[N * K], y[M * N], offset[N];
  for (int i = 0; i < M * K; ++i)
    x[i] = (float)(i % 7 - 3);
  for (int i = 0; i < N * K; ++i)
    w[i] = (float)(i % 5 - 2);
  for (int i = 0; i < N; ++i)
    offset[i] = (float)i;
  qmm_tensor inputs[] = {describe(x, QMM_DTYPE_F32, 2, M, K),
                         describe(w, QMM_DTYPE_F32, 2, N, K)};
  qmm_tensor outputs[] = {describe(y, QMM_DTYPE_F32, 2, M, N)};

  qmm_context *context;
  if (qmm_context_create(NULL, &context))
    return printf("context: %s\n", qmm_last_error()), 1;
  if (!qmm_entry_scale_add_parameters[0] ||
      strcmp(qmm_entry_scale_add_parameters[0], "model::offset") ||
      qmm_entry_scale_add_parameters[1])
    return printf("unexpected parameters\n"), 1;
  const void *parameters[] = {offset};

  int64_t extents[2];
  size_t bytes;
  if (qmm_entry_scale_add_query(context, inputs, extents, &bytes))
    return printf("query: %s\n", qmm_last_error()), 1;
  printf("output %d x %d\n", (int)extents[0], (int)extents[1]);
  void *arena = aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);
  if (qmm_entry_scale_add(context, inputs, outputs, parameters, arena, bytes))
    return printf("run: %s\n", qmm_last_error()), 1;
  for (int m = 0; m < M; ++m)
    for (int n = 0; n < N; ++n) {
      float sum = 0;
      for (int k = 0; k < K; ++k)
        sum += x[m * K + k] * w[n * K + k];
      float expected = 2 * sum + offset[n];
      if (y[m * N + n] != expected)
        return printf("y[%d, %d] is %g, expected %g\n", m, n, y[m * N + n],
                      expected),
               1;
    }
  /* Another K is refused before anything runs. */
  inputs[0].shape[1] = K - 1;
  if (qmm_entry_scale_add(context, inputs, outputs, parameters, arena, bytes) !=
      QMM_STATUS_INVALID_ARGUMENT)
    return printf("a wrong shape went through\n"), 1;
  free(arena);
  qmm_context_destroy(context);
  printf("all elements are right\n");
  return 0;
}
