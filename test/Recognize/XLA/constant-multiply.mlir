// A constant factor, which XLA folds into alpha, goes into a scale.
// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-import-stablehlo,func.func(qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,canonicalize,cse))' | FileCheck %s
// Twice is as good as once.
// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-import-stablehlo,func.func(qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,canonicalize,cse))' 2>/dev/null | FileCheck %s

// CHECK-LABEL: func.func @behind_raw_product(
// CHECK-DAG: %[[ONE:.*]] = arith.constant dense<1.000000e+00> : tensor<f32>
// CHECK-DAG: %[[C:.*]] = arith.constant dense<2.500000e-01> : tensor<f32>
// CHECK: qmm.assemble %{{.*}}, %[[C]]
// CHECK: %[[Y:.*]] = qmm.scaled_matmul
// CHECK: return %[[Y]]
func.func @behind_raw_product(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>) -> tensor<8x16xf32> {
  %0 = "stablehlo.dot_general"(%x, %w) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf8E4M3FN>, tensor<16x32xf8E4M3FN>) -> tensor<8x16xf32>
  %1 = "stablehlo.constant"() <{value = dense<2.5e-01> : tensor<8x16xf32>}> : () -> tensor<8x16xf32>
  %2 = "stablehlo.multiply"(%1, %0) : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  return %2 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @quotient(
// CHECK: %[[C:.*]] = arith.constant dense<2.500000e-01> : tensor<f32>
// CHECK: qmm.assemble %{{.*}}, %[[C]]
// CHECK: %[[Y:.*]] = qmm.scaled_matmul
// CHECK: return %[[Y]]
func.func @quotient(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>) -> tensor<8x16xf32> {
  %0 = "stablehlo.dot_general"(%x, %w) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf8E4M3FN>, tensor<16x32xf8E4M3FN>) -> tensor<8x16xf32>
  %1 = "stablehlo.constant"() <{value = dense<4.0> : tensor<8x16xf32>}> : () -> tensor<8x16xf32>
  %2 = "stablehlo.divide"(%0, %1) : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  return %2 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @behind_product(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xf8E4M3FN>, %[[W:.*]]: tensor<16x32xf8E4M3FN>, %[[SX:.*]]: tensor<f32>, %[[SW:.*]]: tensor<f32>
// CHECK: %[[F:.*]] = linalg.generic {{.*}} ins(%[[SX]]
// CHECK: arith.mulf
// CHECK: qmm.assemble %{{.*}}, %[[F]]
// CHECK: %[[Y:.*]] = qmm.scaled_matmul
// CHECK: return %[[Y]]
func.func @behind_product(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf32>, tensor<16x32xf32>) -> tensor<8x16xf32>
  %7 = "stablehlo.constant"() <{value = dense<2.5e-01> : tensor<8x16xf32>}> : () -> tensor<8x16xf32>
  %8 = "stablehlo.multiply"(%6, %7) : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  return %8 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @of_operand(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xf8E4M3FN>, %[[W:.*]]: tensor<16x32xf8E4M3FN>, %[[SX:.*]]: tensor<f32>, %[[SW:.*]]: tensor<f32>
// CHECK: %[[F:.*]] = linalg.generic {{.*}} ins(%[[SX]]
// CHECK: arith.mulf
// CHECK: qmm.assemble %[[X]], %[[F]]
// CHECK: %[[Y:.*]] = qmm.scaled_matmul
// CHECK: return %[[Y]]
func.func @of_operand(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %3 = "stablehlo.constant"() <{value = dense<5.0e-01> : tensor<8x32xf32>}> : () -> tensor<8x32xf32>
  %4 = "stablehlo.multiply"(%2, %3) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %5 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %6 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %7 = "stablehlo.multiply"(%5, %6) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %8 = "stablehlo.dot_general"(%4, %7) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf32>, tensor<16x32xf32>) -> tensor<8x16xf32>
  return %8 : tensor<8x16xf32>
}
