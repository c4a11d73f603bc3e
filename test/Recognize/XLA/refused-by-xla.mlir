// What XLA's rewriter leaves alone, and this one takes.
// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-import-stablehlo,func.func(qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,canonicalize,cse))' | FileCheck %s
// Twice is as good as once.
// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-import-stablehlo,func.func(qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,canonicalize,cse))' 2>/dev/null | FileCheck %s

// CHECK-LABEL: func.func @scale_per_row(
// CHECK: qmm.scaled_matmul {{.*}} : !qmm.tensor<8x32xf32, fp8_row>, !qmm.tensor<16x32xf32, fp8> -> tensor<8x16xf32>
func.func @scale_per_row(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<8xf32>, %sw: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64: 0>}> : (tensor<8xf32>) -> tensor<8x32xf32>
  %1 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xf32>
  %2 = "stablehlo.multiply"(%1, %0) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf32>, tensor<16x32xf32>) -> tensor<8x16xf32>
  return %6 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @scale_per_column(
// CHECK: qmm.scaled_matmul {{.*}} : !qmm.tensor<8x32xf32, fp8>, !qmm.tensor<16x32xf32, fp8_row> -> tensor<8x16xf32>
func.func @scale_per_column(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<16xf32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %3 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64: 0>}> : (tensor<16xf32>) -> tensor<16x32xf32>
  %4 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %5 = "stablehlo.multiply"(%4, %3) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf32>, tensor<16x32xf32>) -> tensor<8x16xf32>
  return %6 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @scale_per_block(
// CHECK: qmm.scaled_matmul {{.*}} : !qmm.tensor<8x32xf32, f8E4M3FN block = [1, 16] scale = f32>, !qmm.tensor<16x32xf32, f8E4M3FN block = [8, 16] scale = f32> -> tensor<8x16xf32>
func.func @scale_per_block(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<8x2xf32>, %sw: tensor<2x2xf32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64: 0, 1>}> : (tensor<8x2xf32>) -> tensor<8x2x16xf32>
  %1 = "stablehlo.reshape"(%0) : (tensor<8x2x16xf32>) -> tensor<8x32xf32>
  %2 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xf32>
  %3 = "stablehlo.multiply"(%2, %1) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64: 0, 2>}> : (tensor<2x2xf32>) -> tensor<2x8x2x16xf32>
  %5 = "stablehlo.reshape"(%4) : (tensor<2x8x2x16xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %7 = "stablehlo.multiply"(%6, %5) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %8 = "stablehlo.dot_general"(%3, %7) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf32>, tensor<16x32xf32>) -> tensor<8x16xf32>
  return %8 : tensor<8x16xf32>
}

// Where hardware lacks it, the route says so.
// CHECK-LABEL: func.func @e5m2_times_e5m2(
// CHECK: qmm.scaled_matmul {{.*}} : !qmm.tensor<8x32xf32, fp8_e5m2>, !qmm.tensor<16x32xf32, fp8_e5m2> -> tensor<8x16xf32>
func.func @e5m2_times_e5m2(%x: tensor<8x32xf8E5M2>, %w: tensor<16x32xf8E5M2>, %sx: tensor<f32>, %sw: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%x) : (tensor<8x32xf8E5M2>) -> tensor<8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<16x32xf8E5M2>) -> tensor<16x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf32>, tensor<16x32xf32>) -> tensor<8x16xf32>
  return %6 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @several_contracting_dimensions(
// CHECK: qmm.scaled_matmul {{.*}} : !qmm.tensor<8x32xf32, fp8>, !qmm.tensor<16x32xf32, fp8> -> tensor<8x16xf32>
func.func @several_contracting_dimensions(%x: tensor<4x8x8xf8E4M3FN>, %w: tensor<16x8x4xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%x) : (tensor<4x8x8xf8E4M3FN>) -> tensor<4x8x8xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<4x8x8xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<4x8x8xf32>, tensor<4x8x8xf32>) -> tensor<4x8x8xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<16x8x4xf8E4M3FN>) -> tensor<16x8x4xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x8x4xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<16x8x4xf32>, tensor<16x8x4xf32>) -> tensor<16x8x4xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [0, 2], rhs_contracting_dimensions = [2, 1]>}> : (tensor<4x8x8xf32>, tensor<16x8x4xf32>) -> tensor<8x16xf32>
  return %6 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @multiply_apart_from_convert(
// CHECK: qmm.scaled_matmul {{.*}} : !qmm.tensor<8x32xf32, fp8>, !qmm.tensor<16x32xf32, fp8> -> tensor<8x16xf32>
func.func @multiply_apart_from_convert(%x: tensor<8x32xf8E4M3FN>, %w: tensor<32x16xf8E4M3FN>, %sw: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%w) : (tensor<32x16xf8E4M3FN>) -> tensor<32x16xf32>
  %1 = "stablehlo.transpose"(%0) <{permutation = array<i64: 1, 0>}> : (tensor<32x16xf32>) -> tensor<16x32xf32>
  %2 = "stablehlo.convert"(%1) : (tensor<16x32xf32>) -> tensor<16x32xbf16>
  %3 = "stablehlo.convert"(%sw) : (tensor<f32>) -> tensor<bf16>
  %4 = "stablehlo.broadcast_in_dim"(%3) <{broadcast_dimensions = array<i64>}> : (tensor<bf16>) -> tensor<16x32xbf16>
  %5 = "stablehlo.multiply"(%2, %4) : (tensor<16x32xbf16>, tensor<16x32xbf16>) -> tensor<16x32xbf16>
  %6 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xbf16>
  %7 = "stablehlo.dot_general"(%6, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xbf16>, tensor<16x32xbf16>) -> tensor<8x16xf32>
  return %7 : tensor<8x16xf32>
}

// The product stays wide, and its quantization behind it.
// CHECK-LABEL: func.func @more_than_two_users(
// CHECK: %[[Y:.*]] = qmm.scaled_matmul {{.*}} -> tensor<8x16xf32>
// CHECK: linalg.generic {{.*}} ins(%[[Y]]
func.func @more_than_two_users(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>, %sd: tensor<f32>) -> (tensor<8x16xf8E4M3FN>, tensor<8x16xf32>, tensor<8x16xf32>) {
  %0 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf32>, tensor<16x32xf32>) -> tensor<8x16xf32>
  %7 = "stablehlo.broadcast_in_dim"(%sd) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x16xf32>
  %8 = "stablehlo.divide"(%6, %7) : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %9 = "stablehlo.constant"() <{value = dense<-448.0> : tensor<f32>}> : () -> tensor<f32>
  %10 = "stablehlo.constant"() <{value = dense<448.0> : tensor<f32>}> : () -> tensor<f32>
  %11 = "stablehlo.clamp"(%9, %8, %10) : (tensor<f32>, tensor<8x16xf32>, tensor<f32>) -> tensor<8x16xf32>
  %12 = "stablehlo.convert"(%11) : (tensor<8x16xf32>) -> tensor<8x16xf8E4M3FN>
  %13 = "stablehlo.negate"(%6) : (tensor<8x16xf32>) -> tensor<8x16xf32>
  %14 = "stablehlo.exponential"(%6) : (tensor<8x16xf32>) -> tensor<8x16xf32>
  return %12, %13, %14 : tensor<8x16xf8E4M3FN>, tensor<8x16xf32>, tensor<8x16xf32>
}

// The clamp stays arithmetic, and a remark says why.
// CHECK-LABEL: func.func @tighter_clamp(
// CHECK: %[[Y:.*]] = qmm.scaled_matmul {{.*}} -> tensor<8x16xf32>
// CHECK: linalg.generic {{.*}} ins(%[[Y]]
// CHECK: arith.truncf {{.*}} : f32 to f8E4M3FN
func.func @tighter_clamp(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>, %sd: tensor<f32>) -> tensor<8x16xf8E4M3FN> {
  %0 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf32>, tensor<16x32xf32>) -> tensor<8x16xf32>
  %7 = "stablehlo.broadcast_in_dim"(%sd) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x16xf32>
  %8 = "stablehlo.divide"(%6, %7) : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %9 = "stablehlo.constant"() <{value = dense<-240.0> : tensor<f32>}> : () -> tensor<f32>
  %10 = "stablehlo.constant"() <{value = dense<240.0> : tensor<f32>}> : () -> tensor<f32>
  %11 = "stablehlo.clamp"(%9, %8, %10) : (tensor<f32>, tensor<8x16xf32>, tensor<f32>) -> tensor<8x16xf32>
  %12 = "stablehlo.convert"(%11) : (tensor<8x16xf32>) -> tensor<8x16xf8E4M3FN>
  return %12 : tensor<8x16xf8E4M3FN>
}
