//===- AllocationTest.cpp - The hot path allocates nothing ----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A matmul with a workspace given, over schemes, outputs and sizes.
//
//===----------------------------------------------------------------------===//
#include "../AllocationCounter.h"
#include "TestTensor.h"
#include "qmm/ops.h"

#include <gtest/gtest.h>

using namespace qmmrt;
using namespace qmmrt::test;

namespace {

TEST(Allocation, NoneInScaledMatmul) {
  qmm_context_options options = {};
  options.struct_size = sizeof(options);
  options.num_threads = 3;
  qmm_context *context = nullptr;
  ASSERT_EQ(qmm_context_create(&options, &context), QMM_STATUS_OK);
  std::mt19937 random(1);
  for (int64_t m : {0, 1, 40})
    for (const char *scheme : {"bf16", "fp8_1x128", "nvfp4", "int8_row"})
      for (const char *output : {"bf16", "fp8", "nvfp4", "mxfp8"}) {
        qmm_scheme sb = getScheme(scheme), sd = getScheme(output);
        TestTensor a({m, 256}, getScheme("bf16"));
        TestTensor b({64, 256}, sb, getPlainLayout(sb));
        TestTensor bias({64}, getScheme("f32"));
        TestTensor residual({m, 64}, getScheme("bf16"));
        TestTensor d({m, 64}, sd, getPlainLayout(sd));
        for (TestTensor *tensor : {&a, &b, &bias, &residual})
          tensor->fill(random);
        float amax = 0;
        qmm_scaled_matmul_args args = {};
        args.struct_size = sizeof(args);
        args.activation = QMM_ACTIVATION_GELU_ERF;
        args.a = &a.desc;
        args.b = &b.desc;
        args.bias = &bias.desc;
        args.residual = &residual.desc;
        args.d = &d.desc;
        args.amax = &amax;
        size_t bytes = 0;
        ASSERT_EQ(qmm_scaled_matmul_workspace(context, &args, &bytes),
                  QMM_STATUS_OK);
        Workspace workspace(bytes);
        args.workspace = workspace.get();
        args.workspace_bytes = bytes;
        AllocationCounter counter;
        size_t again = 0;
        qmm_status queried =
            qmm_scaled_matmul_workspace(context, &args, &again);
        qmm_status status = qmm_scaled_matmul(context, &args);
        EXPECT_EQ(counter.stop(), 0u)
            << scheme << " to " << output << ", M " << m;
        EXPECT_EQ(queried, QMM_STATUS_OK);
        EXPECT_EQ(status, QMM_STATUS_OK) << qmm_last_error();
      }
  qmm_context_destroy(context);
}

} // namespace
