/*===- test/program/TestKernels.c - Kernels of the interpreter's tests
-----===*\
|* Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* Built as a shared object whose bytes the tests put into artefacts.
\*===----------------------------------------------------------------------===*/
#include <stdint.h>

/* out[i] = in[i] + integers[0] */
void add_constant(void *const *buffers, const int64_t *integers, int64_t begin,
                  int64_t end) {
  const float *in = buffers[0];
  float *out = buffers[1];
  for (int64_t i = begin; i < end; ++i)
    out[i] = in[i] + (float)integers[0];
}

/* out[i] += 1: a wrong split of the range shows. */
void count_visits(void *const *buffers, const int64_t *integers, int64_t begin,
                  int64_t end) {
  float *out = buffers[0];
  (void)integers;
  for (int64_t i = begin; i < end; ++i)
    out[i] += 1;
}
