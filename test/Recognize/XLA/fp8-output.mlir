// D times or over a scale, clamped to the type's limits, converted; and its amax.
// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-import-stablehlo,func.func(qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,canonicalize,cse))' | FileCheck %s
// Twice is as good as once.
// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-import-stablehlo,func.func(qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,canonicalize,cse))' 2>/dev/null | FileCheck %s

// CHECK-LABEL: func.func @divided(
// CHECK-SAME: %[[SD:[a-z0-9]+]]: tensor<f32>)
// CHECK: %[[D:.*]] = qmm.scaled_matmul {{.*}} out_scale(%[[SD]] : tensor<f32>) {{.*}} -> !qmm.tensor<8x16xf32, fp8>
// CHECK: %[[C:.*]]:2 = qmm.disassemble %[[D]]
// CHECK: return %[[C]]#0
func.func @divided(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>, %sd: tensor<f32>) -> tensor<8x16xf8E4M3FN> {
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
  return %12 : tensor<8x16xf8E4M3FN>
}

// CHECK-LABEL: func.func @multiplied(
// CHECK-SAME: %[[SD:[a-z0-9]+]]: tensor<f32>)
// CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%[[SD]]
// CHECK: qmm.scaled_matmul {{.*}} out_scale(%[[R]] : tensor<f32>)
// CHECK-SAME: "out_scale is 1 / factor, rounded to f32"
func.func @multiplied(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>, %sd: tensor<f32>) -> tensor<8x16xf8E4M3FN> {
  %0 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf32>, tensor<16x32xf32>) -> tensor<8x16xf32>
  %7 = "stablehlo.broadcast_in_dim"(%sd) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x16xf32>
  %8 = "stablehlo.multiply"(%6, %7) : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %9 = "stablehlo.constant"() <{value = dense<-448.0> : tensor<f32>}> : () -> tensor<f32>
  %10 = "stablehlo.constant"() <{value = dense<448.0> : tensor<f32>}> : () -> tensor<f32>
  %11 = "stablehlo.clamp"(%9, %8, %10) : (tensor<f32>, tensor<8x16xf32>, tensor<f32>) -> tensor<8x16xf32>
  %12 = "stablehlo.convert"(%11) : (tensor<8x16xf32>) -> tensor<8x16xf8E4M3FN>
  return %12 : tensor<8x16xf8E4M3FN>
}

// CHECK-LABEL: func.func @e5m2(
// CHECK: qmm.scaled_matmul {{.*}} out_scale({{.*}} -> !qmm.tensor<8x16xf32, fp8_e5m2>
func.func @e5m2(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>, %sd: tensor<f32>) -> tensor<8x16xf8E5M2> {
  %0 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf32>, tensor<16x32xf32>) -> tensor<8x16xf32>
  %7 = "stablehlo.broadcast_in_dim"(%sd) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x16xf32>
  %8 = "stablehlo.divide"(%6, %7) : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %9 = "stablehlo.constant"() <{value = dense<-57344.0> : tensor<f32>}> : () -> tensor<f32>
  %10 = "stablehlo.constant"() <{value = dense<57344.0> : tensor<f32>}> : () -> tensor<f32>
  %11 = "stablehlo.clamp"(%9, %8, %10) : (tensor<f32>, tensor<8x16xf32>, tensor<f32>) -> tensor<8x16xf32>
  %12 = "stablehlo.convert"(%11) : (tensor<8x16xf32>) -> tensor<8x16xf8E5M2>
  return %12 : tensor<8x16xf8E5M2>
}

// CHECK-LABEL: func.func @amax(
// CHECK: %[[D:.*]], %[[AMAX:.*]] = qmm.scaled_matmul {{.*}} out_scale({{.*}} -> !qmm.tensor<8x16xf32, fp8>, tensor<f32>
// CHECK: %[[C:.*]]:2 = qmm.disassemble %[[D]]
// CHECK: return %[[C]]#0, %[[AMAX]]
func.func @amax(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>, %sd: tensor<f32>) -> (tensor<8x16xf8E4M3FN>, tensor<f32>) {
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
  %13 = "stablehlo.abs"(%6) : (tensor<8x16xf32>) -> tensor<8x16xf32>
  %14 = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %15 = "stablehlo.reduce"(%13, %14) <{dimensions = array<i64: 0, 1>}> ({
  ^bb0(%p: tensor<f32>, %q: tensor<f32>):
    %m = "stablehlo.maximum"(%p, %q) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%m) : (tensor<f32>) -> ()
  }) : (tensor<8x16xf32>, tensor<f32>) -> tensor<f32>
  return %12, %15 : tensor<8x16xf8E4M3FN>, tensor<f32>
}
