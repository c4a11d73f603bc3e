// convert(codes), multiplied or divided by a scalar that is broadcast.
// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-import-stablehlo,func.func(qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,canonicalize,cse))' | FileCheck %s
// Twice is as good as once.
// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-import-stablehlo,func.func(qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,canonicalize,cse))' 2>/dev/null | FileCheck %s

// CHECK-LABEL: func.func @multiplied(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xf8E4M3FN>, %[[W:.*]]: tensor<16x32xf8E4M3FN>, %[[SX:.*]]: tensor<f32>, %[[SW:.*]]: tensor<f32>
// CHECK: %[[A:.*]] = qmm.assemble %[[X]], %[[SX]] : {{.*}} -> !qmm.tensor<8x32xf32, fp8>
// CHECK: %[[B:.*]] = qmm.assemble %[[W]], %[[SW]] : {{.*}} -> !qmm.tensor<16x32xf32, fp8>
// CHECK: %[[Y:.*]] = qmm.scaled_matmul %[[A]], %[[B]]
// CHECK: return %[[Y]]
func.func @multiplied(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf32>, tensor<16x32xf32>) -> tensor<8x16xf32>
  return %6 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @multiplied_in_bf16(
// CHECK: qmm.scaled_matmul
// CHECK-SAME: "a: element times scale rounded to bf16", "b: element times scale rounded to bf16"
func.func @multiplied_in_bf16(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<bf16>, %sw: tensor<bf16>) -> tensor<8x16xbf16> {
  %0 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xbf16>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<bf16>) -> tensor<8x32xbf16>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<8x32xbf16>, tensor<8x32xbf16>) -> tensor<8x32xbf16>
  %3 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xbf16>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<bf16>) -> tensor<16x32xbf16>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<16x32xbf16>, tensor<16x32xbf16>) -> tensor<16x32xbf16>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xbf16>, tensor<16x32xbf16>) -> tensor<8x16xbf16>
  return %6 : tensor<8x16xbf16>
}

// CHECK-LABEL: func.func @divided(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xf8E4M3FN>, %[[W:.*]]: tensor<16x32xf8E4M3FN>, %[[SX:.*]]: tensor<f32>, %[[SW:.*]]: tensor<f32>
// CHECK: %[[RX:.*]] = linalg.generic {{.*}} ins(%[[SX]] :
// CHECK: arith.divf
// CHECK: %[[A:.*]] = qmm.assemble %[[X]], %[[RX]]
// CHECK: %[[RW:.*]] = linalg.generic {{.*}} ins(%[[SW]] :
// CHECK: arith.divf
// CHECK: %[[B:.*]] = qmm.assemble %[[W]], %[[RW]]
// CHECK: qmm.scaled_matmul %[[A]], %[[B]]
func.func @divided(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x32xf32>
  %2 = "stablehlo.divide"(%0, %1) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %5 = "stablehlo.divide"(%3, %4) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf32>, tensor<16x32xf32>) -> tensor<8x16xf32>
  return %6 : tensor<8x16xf32>
}
