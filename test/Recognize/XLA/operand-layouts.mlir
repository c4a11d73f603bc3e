// Every order of the operands' dimensions; a product takes M x K and N x K.
// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-import-stablehlo,func.func(qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,canonicalize,cse))' | FileCheck %s
// Twice is as good as once.
// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-import-stablehlo,func.func(qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,canonicalize,cse))' 2>/dev/null | FileCheck %s

// CHECK-LABEL: func.func @tn(
// CHECK: %[[A:.*]] = qmm.assemble %{{.*}} -> !qmm.tensor<8x32xf32, fp8>
// CHECK: %[[B:.*]] = qmm.assemble %{{.*}} -> !qmm.tensor<16x32xf32, fp8>
// CHECK: qmm.scaled_matmul %[[A]], %[[B]]
func.func @tn(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf32>, tensor<16x32xf32>) -> tensor<8x16xf32>
  return %6 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @tt(
// CHECK: %[[A:.*]] = qmm.assemble %{{.*}} -> !qmm.tensor<8x32xf32, fp8>
// CHECK: %[[B:.*]] = qmm.assemble %{{.*}} -> !qmm.tensor<32x16xf32, fp8>
// CHECK: %[[BT:.*]] = qmm.transpose %[[B]] [1, 0]
// CHECK: qmm.scaled_matmul %[[A]], %[[BT]]
func.func @tt(%x: tensor<8x32xf8E4M3FN>, %w: tensor<32x16xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<32x16xf8E4M3FN>) -> tensor<32x16xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<32x16xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<32x16xf32>, tensor<32x16xf32>) -> tensor<32x16xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]>}> : (tensor<8x32xf32>, tensor<32x16xf32>) -> tensor<8x16xf32>
  return %6 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @nn(
// CHECK: %[[A:.*]] = qmm.assemble %{{.*}} -> !qmm.tensor<32x8xf32, fp8>
// CHECK: %[[AT:.*]] = qmm.transpose %[[A]] [1, 0]
// CHECK: %[[B:.*]] = qmm.assemble %{{.*}} -> !qmm.tensor<16x32xf32, fp8>
// CHECK: qmm.scaled_matmul %[[AT]], %[[B]]
func.func @nn(%x: tensor<32x8xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%x) : (tensor<32x8xf8E4M3FN>) -> tensor<32x8xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<32x8xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<32x8xf32>, tensor<32x8xf32>) -> tensor<32x8xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [1]>}> : (tensor<32x8xf32>, tensor<16x32xf32>) -> tensor<8x16xf32>
  return %6 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @nt(
// CHECK: %[[A:.*]] = qmm.assemble %{{.*}} -> !qmm.tensor<32x8xf32, fp8>
// CHECK: %[[AT:.*]] = qmm.transpose %[[A]] [1, 0]
// CHECK: %[[B:.*]] = qmm.assemble %{{.*}} -> !qmm.tensor<32x16xf32, fp8>
// CHECK: %[[BT:.*]] = qmm.transpose %[[B]] [1, 0]
// CHECK: qmm.scaled_matmul %[[AT]], %[[BT]]
func.func @nt(%x: tensor<32x8xf8E4M3FN>, %w: tensor<32x16xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%x) : (tensor<32x8xf8E4M3FN>) -> tensor<32x8xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<32x8xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<32x8xf32>, tensor<32x8xf32>) -> tensor<32x8xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<32x16xf8E4M3FN>) -> tensor<32x16xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<32x16xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<32x16xf32>, tensor<32x16xf32>) -> tensor<32x16xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0]>}> : (tensor<32x8xf32>, tensor<32x16xf32>) -> tensor<8x16xf32>
  return %6 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @result_transposed(
// CHECK: qmm.scaled_matmul
// CHECK: linalg.transpose
func.func @result_transposed(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.dot_general"(%5, %2) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<16x32xf32>, tensor<8x32xf32>) -> tensor<16x8xf32>
  %7 = "stablehlo.transpose"(%6) <{permutation = array<i64: 1, 0>}> : (tensor<16x8xf32>) -> tensor<8x16xf32>
  return %7 : tensor<8x16xf32>
}
