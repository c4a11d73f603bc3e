// A dot of FP8 elements without scales.
// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-import-stablehlo,func.func(qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,canonicalize,cse))' | FileCheck %s
// Twice is as good as once.
// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-import-stablehlo,func.func(qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,canonicalize,cse))' 2>/dev/null | FileCheck %s

// CHECK-LABEL: func.func @raw(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xf8E4M3FN>, %[[W:.*]]: tensor<16x32xf8E4M3FN>
// CHECK: %[[ONE:.*]] = arith.constant dense<1.000000e+00> : tensor<f32>
// CHECK: %[[A:.*]] = qmm.assemble %[[X]], %[[ONE]] : {{.*}} -> !qmm.tensor<8x32xbf16, fp8>
// CHECK: %[[B:.*]] = qmm.assemble %[[W]], %[[ONE]] : {{.*}} -> !qmm.tensor<16x32xbf16, fp8>
// CHECK: qmm.scaled_matmul %[[A]], %[[B]]
func.func @raw(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>) -> tensor<8x16xbf16> {
  %0 = "stablehlo.dot_general"(%x, %w) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf8E4M3FN>, tensor<16x32xf8E4M3FN>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}

// CHECK-LABEL: func.func @raw_e5m2(
// CHECK: qmm.scaled_matmul {{.*}} : !qmm.tensor<8x32xf32, fp8_e5m2>, !qmm.tensor<16x32xf32, fp8> -> tensor<8x16xf32>
func.func @raw_e5m2(%x: tensor<8x32xf8E5M2>, %w: tensor<16x32xf8E4M3FN>) -> tensor<8x16xf32> {
  %0 = "stablehlo.dot_general"(%x, %w) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf8E5M2>, tensor<16x32xf8E4M3FN>) -> tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}
