// A bias, then an activation.
// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-import-stablehlo,func.func(qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,canonicalize,cse))' | FileCheck %s
// Twice is as good as once.
// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-import-stablehlo,func.func(qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,canonicalize,cse))' 2>/dev/null | FileCheck %s

// CHECK-LABEL: func.func @relu(
// CHECK: %[[Y:.*]] = qmm.scaled_matmul {{.*}} bias({{.*}}) {activation = #qmm.activation<relu>
// CHECK: return %[[Y]]
func.func @relu(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>, %b: tensor<16xbf16>) -> tensor<8x16xbf16> {
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
  %10 = "stablehlo.constant"() <{value = dense<0.0> : tensor<8x16xbf16>}> : () -> tensor<8x16xbf16>
  %11 = "stablehlo.maximum"(%9, %10) : (tensor<8x16xbf16>, tensor<8x16xbf16>) -> tensor<8x16xbf16>
  return %11 : tensor<8x16xbf16>
}

// CHECK-LABEL: func.func @tanh_gelu(
// CHECK: %[[Y:.*]] = qmm.scaled_matmul {{.*}} bias({{.*}}) {activation = #qmm.activation<gelu_tanh>
// CHECK: return %[[Y]]
func.func @tanh_gelu(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>, %b: tensor<16xf32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf32>, tensor<16x32xf32>) -> tensor<8x16xf32>
  %7 = "stablehlo.broadcast_in_dim"(%b) <{broadcast_dimensions = array<i64: 1>}> : (tensor<16xf32>) -> tensor<8x16xf32>
  %8 = "stablehlo.add"(%6, %7) : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %9 = "stablehlo.multiply"(%8, %8) : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %10 = "stablehlo.multiply"(%8, %9) : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %11 = "stablehlo.constant"() <{value = dense<4.471500e-02> : tensor<8x16xf32>}> : () -> tensor<8x16xf32>
  %12 = "stablehlo.multiply"(%10, %11) : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %13 = "stablehlo.add"(%8, %12) : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %14 = "stablehlo.constant"() <{value = dense<0.797884583> : tensor<8x16xf32>}> : () -> tensor<8x16xf32>
  %15 = "stablehlo.multiply"(%13, %14) : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %16 = "stablehlo.tanh"(%15) : (tensor<8x16xf32>) -> tensor<8x16xf32>
  %17 = "stablehlo.constant"() <{value = dense<1.0> : tensor<8x16xf32>}> : () -> tensor<8x16xf32>
  %18 = "stablehlo.add"(%16, %17) : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %19 = "stablehlo.constant"() <{value = dense<5.0e-01> : tensor<8x16xf32>}> : () -> tensor<8x16xf32>
  %20 = "stablehlo.multiply"(%18, %19) : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %21 = "stablehlo.multiply"(%8, %20) : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  return %21 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @relu_without_bias(
// CHECK: %[[Y:.*]] = qmm.scaled_matmul {{.*}} {activation = #qmm.activation<relu>
// CHECK: return %[[Y]]
func.func @relu_without_bias(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%x) : (tensor<8x32xf8E4M3FN>) -> tensor<8x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xf32>, tensor<16x32xf32>) -> tensor<8x16xf32>
  %7 = "stablehlo.constant"() <{value = dense<0.0> : tensor<8x16xf32>}> : () -> tensor<8x16xf32>
  %8 = "stablehlo.maximum"(%6, %7) : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  return %8 : tensor<8x16xf32>
}
