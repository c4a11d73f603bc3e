// A bias of one value a column, and one of a matrix.
// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-import-stablehlo,func.func(qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,canonicalize,cse))' | FileCheck %s
// Twice is as good as once.
// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-import-stablehlo,func.func(qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,canonicalize,cse))' 2>/dev/null | FileCheck %s

// CHECK-LABEL: func.func @vector_bf16(
// CHECK-SAME: %[[BIAS:[a-z0-9]+]]: tensor<16xbf16>)
// CHECK: %[[Y:.*]] = qmm.scaled_matmul {{.*}} bias(%[[BIAS]] : tensor<16xbf16>)
// CHECK: return %[[Y]]
func.func @vector_bf16(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>, %b: tensor<16xbf16>) -> tensor<8x16xbf16> {
  %0 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf32>, tensor<16x32xf32>) -> tensor<8x16xf32>
  %7 = "stablehlo.convert"(%6) : (tensor<8x16xf32>) -> tensor<8x16xbf16>
  %8 = "stablehlo.broadcast_in_dim"(%b) <{broadcast_dimensions = array<i64: 1>}> : (tensor<16xbf16>) -> tensor<8x16xbf16>
  %9 = "stablehlo.add"(%7, %8) : (tensor<8x16xbf16>, tensor<8x16xbf16>) -> tensor<8x16xbf16>
  return %9 : tensor<8x16xbf16>
}

// CHECK-LABEL: func.func @vector_f16(
// CHECK-SAME: %[[BIAS:[a-z0-9]+]]: tensor<16xf16>)
// CHECK: %[[Y:.*]] = qmm.scaled_matmul {{.*}} bias(%[[BIAS]] : tensor<16xf16>)
// CHECK: return %[[Y]]
func.func @vector_f16(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>, %b: tensor<16xf16>) -> tensor<8x16xf16> {
  %0 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf32>, tensor<16x32xf32>) -> tensor<8x16xf32>
  %7 = "stablehlo.convert"(%6) : (tensor<8x16xf32>) -> tensor<8x16xf16>
  %8 = "stablehlo.broadcast_in_dim"(%b) <{broadcast_dimensions = array<i64: 1>}> : (tensor<16xf16>) -> tensor<8x16xf16>
  %9 = "stablehlo.add"(%7, %8) : (tensor<8x16xf16>, tensor<8x16xf16>) -> tensor<8x16xf16>
  return %9 : tensor<8x16xf16>
}

// CHECK-LABEL: func.func @vector_f32_from_bf16(
// CHECK-SAME: %[[BIAS:[a-z0-9]+]]: tensor<16xbf16>)
// CHECK: %[[Y:.*]] = qmm.scaled_matmul {{.*}} bias(%[[BIAS]] : tensor<16xbf16>)
// CHECK: return %[[Y]]
func.func @vector_f32_from_bf16(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>, %b: tensor<16xbf16>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf32>, tensor<16x32xf32>) -> tensor<8x16xf32>
  %7 = "stablehlo.convert"(%b) : (tensor<16xbf16>) -> tensor<16xf32>
  %8 = "stablehlo.broadcast_in_dim"(%7) <{broadcast_dimensions = array<i64: 1>}> : (tensor<16xf32>) -> tensor<8x16xf32>
  %9 = "stablehlo.add"(%6, %8) : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  return %9 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @vector_f32(
// CHECK-SAME: %[[BIAS:[a-z0-9]+]]: tensor<16xf32>)
// CHECK: %[[Y:.*]] = qmm.scaled_matmul {{.*}} bias(%[[BIAS]] : tensor<16xf32>)
// CHECK: return %[[Y]]
func.func @vector_f32(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>, %b: tensor<16xf32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf32>, tensor<16x32xf32>) -> tensor<8x16xf32>
  %7 = "stablehlo.broadcast_in_dim"(%b) <{broadcast_dimensions = array<i64: 1>}> : (tensor<16xf32>) -> tensor<8x16xf32>
  %8 = "stablehlo.add"(%6, %7) : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  return %8 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @matrix(
// CHECK-SAME: %[[C:[a-z0-9]+]]: tensor<8x16xbf16>)
// CHECK: %[[Y:.*]] = qmm.scaled_matmul {{.*}} residual(%[[C]] : tensor<8x16xbf16>)
// CHECK: return %[[Y]]
func.func @matrix(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>, %c: tensor<8x16xbf16>) -> tensor<8x16xbf16> {
  %0 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf32>, tensor<16x32xf32>) -> tensor<8x16xf32>
  %7 = "stablehlo.convert"(%6) : (tensor<8x16xf32>) -> tensor<8x16xbf16>
  %8 = "stablehlo.add"(%7, %c) : (tensor<8x16xbf16>, tensor<8x16xbf16>) -> tensor<8x16xbf16>
  return %8 : tensor<8x16xbf16>
}

// CHECK-LABEL: func.func @vector_and_matrix(
// CHECK: %[[Y:.*]] = qmm.scaled_matmul {{.*}} bias(%{{.*}} : tensor<16xf32>) residual(%{{.*}} : tensor<8x16xf32>)
// CHECK: return %[[Y]]
func.func @vector_and_matrix(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>, %b: tensor<16xf32>, %c: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf32>, tensor<16x32xf32>) -> tensor<8x16xf32>
  %7 = "stablehlo.broadcast_in_dim"(%b) <{broadcast_dimensions = array<i64: 1>}> : (tensor<16xf32>) -> tensor<8x16xf32>
  %8 = "stablehlo.add"(%6, %7) : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %9 = "stablehlo.add"(%8, %c) : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  return %9 : tensor<8x16xf32>
}
