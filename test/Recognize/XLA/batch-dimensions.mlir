// Batch dimensions: one, several, collapsed, and of one side only.
// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-import-stablehlo,func.func(qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,canonicalize,cse))' | FileCheck %s
// Twice is as good as once.
// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-import-stablehlo,func.func(qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,canonicalize,cse))' 2>/dev/null | FileCheck %s

// CHECK-LABEL: func.func @one(
// CHECK: %[[Y:.*]] = qmm.scaled_matmul {{.*}} : !qmm.tensor<3x8x32xf32, fp8>, !qmm.tensor<3x16x32xf32, fp8> -> tensor<3x8x16xf32>
// CHECK: return %[[Y]]
func.func @one(%x: tensor<3x8x32xf8E4M3FN>, %w: tensor<3x16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>) -> tensor<3x8x16xf32> {
  %0 = "stablehlo.convert"(%x) : (tensor<3x8x32xf8E4M3FN>) -> tensor<3x8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<3x8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<3x8x32xf32>, tensor<3x8x32xf32>) -> tensor<3x8x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<3x16x32xf8E4M3FN>) -> tensor<3x16x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<3x16x32xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<3x16x32xf32>, tensor<3x16x32xf32>) -> tensor<3x16x32xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_batching_dimensions = [0], rhs_batching_dimensions = [0], lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [2]>}> : (tensor<3x8x32xf32>, tensor<3x16x32xf32>) -> tensor<3x8x16xf32>
  return %6 : tensor<3x8x16xf32>
}

// In another order on either side, and in neither first.
// CHECK-LABEL: func.func @several(
// CHECK: %[[Y:.*]] = qmm.scaled_matmul {{.*}} : !qmm.tensor<2x3x8x32xf32, fp8>, !qmm.tensor<2x3x16x32xf32, fp8> -> tensor<2x3x8x16xf32>
// CHECK: return %[[Y]]
func.func @several(%x: tensor<2x8x3x32xf8E4M3FN>, %w: tensor<3x32x2x16xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>) -> tensor<2x3x8x16xf32> {
  %0 = "stablehlo.convert"(%x) : (tensor<2x8x3x32xf8E4M3FN>) -> tensor<2x8x3x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<2x8x3x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<2x8x3x32xf32>, tensor<2x8x3x32xf32>) -> tensor<2x8x3x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<3x32x2x16xf8E4M3FN>) -> tensor<3x32x2x16xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<3x32x2x16xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<3x32x2x16xf32>, tensor<3x32x2x16xf32>) -> tensor<3x32x2x16xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_batching_dimensions = [0, 2], rhs_batching_dimensions = [2, 0], lhs_contracting_dimensions = [3], rhs_contracting_dimensions = [1]>}> : (tensor<2x8x3x32xf32>, tensor<3x32x2x16xf32>) -> tensor<2x3x8x16xf32>
  return %6 : tensor<2x3x8x16xf32>
}

// CHECK-LABEL: func.func @collapsed(
// CHECK: %[[C:.*]] = tensor.collapse_shape %{{.*}} : tensor<2x3x8x32xf8E4M3FN> into tensor<6x8x32xf8E4M3FN>
// CHECK: qmm.assemble %[[C]]
// CHECK: %[[Y:.*]] = qmm.scaled_matmul {{.*}} -> tensor<6x8x16xf32>
// CHECK: tensor.expand_shape %[[Y]]
func.func @collapsed(%x: tensor<2x3x8x32xf8E4M3FN>, %w: tensor<6x16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>) -> tensor<2x3x8x16xf32> {
  %0 = "stablehlo.convert"(%x) : (tensor<2x3x8x32xf8E4M3FN>) -> tensor<2x3x8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<2x3x8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<2x3x8x32xf32>, tensor<2x3x8x32xf32>) -> tensor<2x3x8x32xf32>
  %3 = "stablehlo.reshape"(%2) : (tensor<2x3x8x32xf32>) -> tensor<6x8x32xf32>
  %4 = "stablehlo.convert"(%w) : (tensor<6x16x32xf8E4M3FN>) -> tensor<6x16x32xf32>
  %5 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<6x16x32xf32>
  %6 = "stablehlo.multiply"(%4, %5) : (tensor<6x16x32xf32>, tensor<6x16x32xf32>) -> tensor<6x16x32xf32>
  %7 = "stablehlo.dot_general"(%3, %6) <{dot_dimension_numbers = #stablehlo.dot<lhs_batching_dimensions = [0], rhs_batching_dimensions = [0], lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [2]>}> : (tensor<6x8x32xf32>, tensor<6x16x32xf32>) -> tensor<6x8x16xf32>
  %8 = "stablehlo.reshape"(%7) : (tensor<6x8x16xf32>) -> tensor<2x3x8x16xf32>
  return %8 : tensor<2x3x8x16xf32>
}

// CHECK-LABEL: func.func @of_one_side(
// CHECK: %[[Y:.*]] = qmm.scaled_matmul {{.*}} : !qmm.tensor<3x8x32xf32, fp8>, !qmm.tensor<16x32xf32, fp8> -> tensor<3x8x16xf32>
// CHECK: return %[[Y]]
func.func @of_one_side(%x: tensor<3x8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>) -> tensor<3x8x16xf32> {
  %0 = "stablehlo.convert"(%x) : (tensor<3x8x32xf8E4M3FN>) -> tensor<3x8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<3x8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<3x8x32xf32>, tensor<3x8x32xf32>) -> tensor<3x8x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [1]>}> : (tensor<3x8x32xf32>, tensor<16x32xf32>) -> tensor<3x8x16xf32>
  return %6 : tensor<3x8x16xf32>
}
