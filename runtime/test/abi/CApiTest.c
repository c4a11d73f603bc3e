/*===- test/abi/CApiTest.c - The C ABI from C11 ---------------------------===*\
|* Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|* What a C program does first: version, context, quantize, multiply, errors.
\*===----------------------------------------------------------------------===*/
#include "qmm/context.h"
#include "qmm/module.h"
#include "qmm/ops.h"
#include "qmm/status.h"
#include "qmm/tensor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;

#define CHECK(condition)                                                       \
  do {                                                                         \
    if (!(condition)) {                                                        \
      fprintf(stderr, "line %d: %s\n  last error: %s\n", __LINE__, #condition, \
              qmm_last_error());                                               \
      ++failures;                                                              \
    }                                                                          \
  } while (0)

enum { M = 3, N = 4, K = 64 };

static qmm_tensor make(const char *scheme, int64_t rows, int64_t cols) {
  qmm_tensor tensor;
  memset(&tensor, 0, sizeof(tensor));
  tensor.struct_size = sizeof(tensor);
  tensor.rank = 2;
  tensor.shape[0] = rows;
  tensor.shape[1] = cols;
  CHECK(qmm_scheme_from_name(scheme, &tensor.scheme) == QMM_STATUS_OK);
  return tensor;
}

/* Memory for a tensor's buffers, to be freed by release(). */
static void allocate(qmm_tensor *tensor) {
  size_t data, scale, tensor_scale;
  CHECK(qmm_tensor_sizes(tensor, &data, &scale, &tensor_scale) ==
        QMM_STATUS_OK);
  tensor->data = calloc(data, 1);
  tensor->scale = scale ? calloc(scale, 1) : NULL;
  tensor->tensor_scale = tensor_scale ? calloc(tensor_scale, 1) : NULL;
}

static void release(qmm_tensor *tensor) {
  free(tensor->data);
  free(tensor->scale);
  free(tensor->tensor_scale);
}

static void test_matmul(qmm_context *context, const char *scheme) {
  qmm_tensor a = make("f32", M, K), w = make("f32", N, K),
             q = make(scheme, N, K);
  qmm_tensor back = make("f32", N, K), d = make("f32", M, N);
  qmm_scaled_matmul_args args;
  int m, n, k;
  if (q.scheme.element == QMM_DTYPE_E2M1)
    q.layout.nibbles = QMM_NIBBLES_HI_FIRST;
  allocate(&a);
  allocate(&w);
  allocate(&q);
  allocate(&back);
  allocate(&d);
  for (k = 0; k < M * K; ++k)
    ((float *)a.data)[k] = (float)(k % 9) - 4;
  for (k = 0; k < N * K; ++k)
    ((float *)w.data)[k] = (float)(k % 13) - 6;
  CHECK(qmm_quantize(context, &w, NULL, &q) == QMM_STATUS_OK);
  CHECK(qmm_dequantize(context, &q, &back) == QMM_STATUS_OK);
  memset(&args, 0, sizeof(args));
  args.struct_size = sizeof(args);
  args.a = &a;
  args.b = &q;
  args.d = &d;
  CHECK(qmm_scaled_matmul(context, &args) == QMM_STATUS_OK);
  for (m = 0; m < M; ++m)
    for (n = 0; n < N; ++n) {
      double sum = 0, magnitude = 0;
      for (k = 0; k < K; ++k) {
        double term = (double)((float *)a.data)[m * K + k] *
                      (double)((float *)back.data)[n * K + k];
        sum += term;
        magnitude += fabs(term);
      }
      /* f32 sums of K terms, in any order. */
      CHECK(fabs(((float *)d.data)[m * N + n] - sum) <= magnitude * K * 6e-8);
    }
  release(&a);
  release(&w);
  release(&q);
  release(&back);
  release(&d);
}

static void test_errors(qmm_context *context) {
  qmm_scheme scheme;
  qmm_module *module = NULL;
  qmm_tensor tensor = make("f32", 2, 2);
  CHECK(qmm_scheme_from_name("fp7", &scheme) == QMM_STATUS_NOT_FOUND);
  CHECK(strstr(qmm_last_error(), "fp7") != NULL);
  CHECK(qmm_quantize(context, NULL, NULL, &tensor) ==
        QMM_STATUS_INVALID_ARGUMENT);
  CHECK(strlen(qmm_last_error()) > 0);
  CHECK(qmm_module_load(context, "no such file.qmm", NULL, &module) ==
        QMM_STATUS_NOT_FOUND);
  CHECK(strstr(qmm_last_error(), "no such file.qmm") != NULL);
  CHECK(module == NULL);
  CHECK(strcmp(qmm_status_name(QMM_STATUS_OK), "") != 0);
  CHECK(qmm_status_name((qmm_status)7) != NULL);
}

int main(void) {
  qmm_context *context = NULL;
  CHECK(qmm_version() ==
        (QMM_VERSION_MAJOR << 16 | QMM_VERSION_MINOR << 8 | QMM_VERSION_PATCH));
  CHECK(qmm_context_create(NULL, &context) == QMM_STATUS_OK);
  CHECK(strncmp(qmm_context_description(context), "cpu", 3) == 0);
  test_matmul(context, "fp8");
  test_matmul(context, "mxfp8");
  test_matmul(context, "nvfp4");
  test_matmul(context, "int8_row");
  test_errors(context);
  qmm_context_destroy(context);
  if (failures == 0)
    puts("the C ABI works from C11");
  return failures != 0;
}
