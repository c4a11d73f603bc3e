// Extents that aren't multiples of 16 stay as they are: only a kernel knows what
// it needs.  A program that pads them itself has its codes padded.
// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-import-stablehlo,func.func(qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,canonicalize,cse))' | FileCheck %s
// Twice is as good as once.
// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-import-stablehlo,func.func(qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,canonicalize,cse))' 2>/dev/null | FileCheck %s

// CHECK-LABEL: func.func @unaligned(
// CHECK-NOT: tensor.pad
// CHECK: %[[Y:.*]] = qmm.scaled_matmul {{.*}} : !qmm.tensor<3x13xf32, fp8>, !qmm.tensor<5x13xf32, fp8> -> tensor<3x5xf32>
// CHECK: return %[[Y]]
func.func @unaligned(%x: tensor<3x13xf8E4M3FN>, %w: tensor<5x13xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>) -> tensor<3x5xf32> {
  %0 = "stablehlo.convert"(%x) : (tensor<3x13xf8E4M3FN>) -> tensor<3x13xf32>
  %1 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<3x13xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<3x13xf32>, tensor<3x13xf32>) -> tensor<3x13xf32>
  %3 = "stablehlo.convert"(%w) : (tensor<5x13xf8E4M3FN>) -> tensor<5x13xf32>
  %4 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<5x13xf32>
  %5 = "stablehlo.multiply"(%3, %4) : (tensor<5x13xf32>, tensor<5x13xf32>) -> tensor<5x13xf32>
  %6 = "stablehlo.dot_general"(%2, %5) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<3x13xf32>, tensor<5x13xf32>) -> tensor<3x5xf32>
  return %6 : tensor<3x5xf32>
}

// CHECK-LABEL: func.func @padded_and_sliced(
// CHECK: tensor.insert_slice %{{.*}} : tensor<13x19xf8E4M3FN> into tensor<16x32xf8E4M3FN>
// CHECK: tensor.insert_slice %{{.*}} : tensor<21x19xf8E4M3FN> into tensor<32x32xf8E4M3FN>
// CHECK: %[[Y:.*]] = qmm.scaled_matmul
// CHECK: tensor.extract_slice %[[Y]][0, 0] [13, 21] [1, 1]
func.func @padded_and_sliced(%x: tensor<13x19xf8E4M3FN>, %w: tensor<21x19xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>) -> tensor<13x21xf32> {
  %0 = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %1 = "stablehlo.convert"(%x) : (tensor<13x19xf8E4M3FN>) -> tensor<13x19xf32>
  %2 = "stablehlo.broadcast_in_dim"(%sx) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<13x19xf32>
  %3 = "stablehlo.multiply"(%1, %2) : (tensor<13x19xf32>, tensor<13x19xf32>) -> tensor<13x19xf32>
  %4 = "stablehlo.convert"(%w) : (tensor<21x19xf8E4M3FN>) -> tensor<21x19xf32>
  %5 = "stablehlo.broadcast_in_dim"(%sw) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<21x19xf32>
  %6 = "stablehlo.multiply"(%4, %5) : (tensor<21x19xf32>, tensor<21x19xf32>) -> tensor<21x19xf32>
  %7 = "stablehlo.pad"(%3, %0) <{edge_padding_low = array<i64: 0, 0>, edge_padding_high = array<i64: 3, 13>, interior_padding = array<i64: 0, 0>}> : (tensor<13x19xf32>, tensor<f32>) -> tensor<16x32xf32>
  %8 = "stablehlo.pad"(%6, %0) <{edge_padding_low = array<i64: 0, 0>, edge_padding_high = array<i64: 11, 13>, interior_padding = array<i64: 0, 0>}> : (tensor<21x19xf32>, tensor<f32>) -> tensor<32x32xf32>
  %9 = "stablehlo.dot_general"(%7, %8) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<16x32xf32>, tensor<32x32xf32>) -> tensor<16x32xf32>
  %10 = "stablehlo.slice"(%9) <{start_indices = array<i64: 0, 0>, limit_indices = array<i64: 13, 21>, strides = array<i64: 1, 1>}> : (tensor<16x32xf32>) -> tensor<13x21xf32>
  return %10 : tensor<13x21xf32>
}
