// What moves elements between the dequantization and the dot moves codes then.
// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-import-stablehlo,func.func(qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,canonicalize,cse))' | FileCheck %s
// Twice is as good as once.
// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-import-stablehlo,func.func(qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,qmm-recognize-contractions,qmm-recognize-dynamic-quantization,qmm-fuse-epilogue,canonicalize,cse))' 2>/dev/null | FileCheck %s

// HLO's bitcast is a reshape that moves nothing.
// CHECK-LABEL: func.func @bitcast(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xbf16>, %[[W:.*]]: tensor<16x32xf8E4M3FN>, %[[S:.*]]: tensor<f32>
// CHECK-NEXT: %[[B:.*]] = qmm.assemble %[[W]], %[[S]]
// CHECK: qmm.scaled_matmul %[[X]], %[[B]]
func.func @bitcast(%x: tensor<8x32xbf16>, %w: tensor<16x32xf8E4M3FN>, %s: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%s) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %3 = "stablehlo.reshape"(%2) : (tensor<16x32xf32>) -> tensor<1x16x32x1xf32>
  %cast = tensor.cast %3 : tensor<1x16x32x1xf32> to tensor<1x?x32x1xf32>
  %back = tensor.cast %cast : tensor<1x?x32x1xf32> to tensor<1x16x32x1xf32>
  %4 = "stablehlo.reshape"(%back) : (tensor<1x16x32x1xf32>) -> tensor<16x32xf32>
  %5 = "stablehlo.dot_general"(%x, %4) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xbf16>, tensor<16x32xf32>) -> tensor<8x16xf32>
  return %5 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @broadcast(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xbf16>, %[[W:.*]]: tensor<32xf8E4M3FN>, %[[S:.*]]: tensor<f32>
// CHECK: %[[C:.*]] = linalg.generic {{.*}} ins(%[[W]] : tensor<32xf8E4M3FN>)
// CHECK: %[[B:.*]] = qmm.assemble %[[C]], %[[S]]
// CHECK: qmm.scaled_matmul %[[X]], %[[B]]
func.func @broadcast(%x: tensor<8x32xbf16>, %w: tensor<32xf8E4M3FN>, %s: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%w) : (tensor<32xf8E4M3FN>) -> tensor<32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%s) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<32xf32>, tensor<32xf32>) -> tensor<32xf32>
  %3 = "stablehlo.broadcast_in_dim"(%2) <{broadcast_dimensions = array<i64: 1>}> : (tensor<32xf32>) -> tensor<16x32xf32>
  %4 = "stablehlo.dot_general"(%x, %3) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xbf16>, tensor<16x32xf32>) -> tensor<8x16xf32>
  return %4 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @copy(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xbf16>, %[[W:.*]]: tensor<16x32xf8E4M3FN>, %[[S:.*]]: tensor<f32>
// CHECK-NEXT: %[[B:.*]] = qmm.assemble %[[W]], %[[S]]
// CHECK: qmm.scaled_matmul %[[X]], %[[B]]
func.func @copy(%x: tensor<8x32xbf16>, %w: tensor<16x32xf8E4M3FN>, %s: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%s) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %empty = tensor.empty() : tensor<16x32xf32>
  %3 = linalg.copy ins(%2 : tensor<16x32xf32>) outs(%empty : tensor<16x32xf32>) -> tensor<16x32xf32>
  %4 = "stablehlo.dot_general"(%x, %3) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xbf16>, tensor<16x32xf32>) -> tensor<8x16xf32>
  return %4 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @slice(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xbf16>, %[[W:.*]]: tensor<64x40xf8E4M3FN>, %[[S:.*]]: tensor<f32>
// CHECK: %[[C:.*]] = tensor.extract_slice %[[W]][8, 4] [16, 32] [2, 1]
// CHECK: %[[B:.*]] = qmm.assemble %[[C]], %[[S]]
// CHECK: qmm.scaled_matmul %[[X]], %[[B]]
func.func @slice(%x: tensor<8x32xbf16>, %w: tensor<64x40xf8E4M3FN>, %s: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%w) : (tensor<64x40xf8E4M3FN>) -> tensor<64x40xf32>
  %1 = "stablehlo.broadcast_in_dim"(%s) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<64x40xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<64x40xf32>, tensor<64x40xf32>) -> tensor<64x40xf32>
  %3 = "stablehlo.slice"(%2) <{start_indices = array<i64: 8, 4>, limit_indices = array<i64: 40, 36>, strides = array<i64: 2, 1>}> : (tensor<64x40xf32>) -> tensor<16x32xf32>
  %4 = "stablehlo.dot_general"(%x, %3) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xbf16>, tensor<16x32xf32>) -> tensor<8x16xf32>
  return %4 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @dynamic_slice(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xbf16>, %[[W:.*]]: tensor<64x32xf8E4M3FN>, %[[S:.*]]: tensor<f32>, %[[AT:.*]]: tensor<i32>
// CHECK: %[[C:.*]] = linalg.generic {{.*}} ins(%[[AT]]
// CHECK: tensor.extract %[[W]]
// CHECK: %[[B:.*]] = qmm.assemble %[[C]], %[[S]]
// CHECK: qmm.scaled_matmul %[[X]], %[[B]]
func.func @dynamic_slice(%x: tensor<8x32xbf16>, %w: tensor<64x32xf8E4M3FN>, %s: tensor<f32>, %at: tensor<i32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%w) : (tensor<64x32xf8E4M3FN>) -> tensor<64x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%s) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<64x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %3 = "stablehlo.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
  %4 = "stablehlo.dynamic_slice"(%2, %at, %3) <{slice_sizes = array<i64: 16, 32>}> : (tensor<64x32xf32>, tensor<i32>, tensor<i32>) -> tensor<16x32xf32>
  %5 = "stablehlo.dot_general"(%x, %4) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xbf16>, tensor<16x32xf32>) -> tensor<8x16xf32>
  return %5 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @pad(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xbf16>, %[[W:.*]]: tensor<14x31xf8E4M3FN>, %[[S:.*]]: tensor<f32>
// CHECK: %[[ZERO:.*]] = linalg.fill {{.*}} -> tensor<16x32xf8E4M3FN>
// CHECK: %[[C:.*]] = tensor.insert_slice %[[W]] into %[[ZERO]][0, 0] [14, 31] [1, 1]
// CHECK: %[[B:.*]] = qmm.assemble %[[C]], %[[S]]
// CHECK: qmm.scaled_matmul %[[X]], %[[B]]
func.func @pad(%x: tensor<8x32xbf16>, %w: tensor<14x31xf8E4M3FN>, %s: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%w) : (tensor<14x31xf8E4M3FN>) -> tensor<14x31xf32>
  %1 = "stablehlo.broadcast_in_dim"(%s) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<14x31xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<14x31xf32>, tensor<14x31xf32>) -> tensor<14x31xf32>
  %3 = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %4 = "stablehlo.pad"(%2, %3) <{edge_padding_low = array<i64: 0, 0>, edge_padding_high = array<i64: 2, 1>, interior_padding = array<i64: 0, 0>}> : (tensor<14x31xf32>, tensor<f32>) -> tensor<16x32xf32>
  %5 = "stablehlo.dot_general"(%x, %4) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xbf16>, tensor<16x32xf32>) -> tensor<8x16xf32>
  return %5 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @reshape(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xbf16>, %[[W:.*]]: tensor<4x4x32xf8E4M3FN>, %[[S:.*]]: tensor<f32>
// CHECK: %[[C:.*]] = tensor.collapse_shape %[[W]]
// CHECK: %[[B:.*]] = qmm.assemble %[[C]], %[[S]]
// CHECK: qmm.scaled_matmul %[[X]], %[[B]]
func.func @reshape(%x: tensor<8x32xbf16>, %w: tensor<4x4x32xf8E4M3FN>, %s: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%w) : (tensor<4x4x32xf8E4M3FN>) -> tensor<4x4x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%s) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<4x4x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<4x4x32xf32>, tensor<4x4x32xf32>) -> tensor<4x4x32xf32>
  %3 = "stablehlo.reshape"(%2) : (tensor<4x4x32xf32>) -> tensor<16x32xf32>
  %4 = "stablehlo.dot_general"(%x, %3) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xbf16>, tensor<16x32xf32>) -> tensor<8x16xf32>
  return %4 : tensor<8x16xf32>
}

// Two rows of one.
// CHECK-LABEL: func.func @reshape_across(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xbf16>, %[[W:.*]]: tensor<8x64xf8E4M3FN>, %[[S:.*]]: tensor<f32>
// CHECK: %[[FLAT:.*]] = tensor.collapse_shape %[[W]]
// CHECK: %[[C:.*]] = tensor.expand_shape %[[FLAT]]
// CHECK: %[[B:.*]] = qmm.assemble %[[C]], %[[S]]
// CHECK: qmm.scaled_matmul %[[X]], %[[B]]
func.func @reshape_across(%x: tensor<8x32xbf16>, %w: tensor<8x64xf8E4M3FN>, %s: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%w) : (tensor<8x64xf8E4M3FN>) -> tensor<8x64xf32>
  %1 = "stablehlo.broadcast_in_dim"(%s) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x64xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %3 = "stablehlo.reshape"(%2) : (tensor<8x64xf32>) -> tensor<16x32xf32>
  %4 = "stablehlo.dot_general"(%x, %3) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xbf16>, tensor<16x32xf32>) -> tensor<8x16xf32>
  return %4 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @layer_of_a_stack(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xbf16>, %[[W:.*]]: tensor<4x16x32xf8E4M3FN>, %[[S:.*]]: tensor<f32>
// CHECK: %[[C:.*]] = tensor.extract_slice %[[W]][2, 0, 0] [1, 16, 32] [1, 1, 1] : tensor<4x16x32xf8E4M3FN> to tensor<16x32xf8E4M3FN>
// CHECK: %[[B:.*]] = qmm.assemble %[[C]], %[[S]]
// CHECK: qmm.scaled_matmul %[[X]], %[[B]]
func.func @layer_of_a_stack(%x: tensor<8x32xbf16>, %w: tensor<4x16x32xf8E4M3FN>, %s: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%w) : (tensor<4x16x32xf8E4M3FN>) -> tensor<4x16x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%s) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<4x16x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<4x16x32xf32>, tensor<4x16x32xf32>) -> tensor<4x16x32xf32>
  %3 = "stablehlo.slice"(%2) <{start_indices = array<i64: 2, 0, 0>, limit_indices = array<i64: 3, 16, 32>, strides = array<i64: 1, 1, 1>}> : (tensor<4x16x32xf32>) -> tensor<1x16x32xf32>
  %4 = "stablehlo.reshape"(%3) : (tensor<1x16x32xf32>) -> tensor<16x32xf32>
  %5 = "stablehlo.dot_general"(%x, %4) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xbf16>, tensor<16x32xf32>) -> tensor<8x16xf32>
  return %5 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @transpose(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xbf16>, %[[W:.*]]: tensor<32x16xf8E4M3FN>, %[[S:.*]]: tensor<f32>
// CHECK: %[[Q:.*]] = qmm.assemble %[[W]], %[[S]]
// CHECK: %[[B:.*]] = qmm.transpose %[[Q]] [1, 0]
// CHECK: qmm.scaled_matmul %[[X]], %[[B]]
func.func @transpose(%x: tensor<8x32xbf16>, %w: tensor<32x16xf8E4M3FN>, %s: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%w) : (tensor<32x16xf8E4M3FN>) -> tensor<32x16xf32>
  %1 = "stablehlo.broadcast_in_dim"(%s) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<32x16xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<32x16xf32>, tensor<32x16xf32>) -> tensor<32x16xf32>
  %3 = "stablehlo.transpose"(%2) <{permutation = array<i64: 1, 0>}> : (tensor<32x16xf32>) -> tensor<16x32xf32>
  %4 = "stablehlo.dot_general"(%x, %3) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xbf16>, tensor<16x32xf32>) -> tensor<8x16xf32>
  return %4 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @select_with_zero(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xbf16>, %[[W:.*]]: tensor<16x32xf8E4M3FN>, %[[S:.*]]: tensor<f32>, %[[MASK:.*]]: tensor<16x32xi1>
// CHECK: %[[C:.*]] = linalg.generic {{.*}} ins(%[[MASK]], %[[W]] :
// CHECK: arith.select {{.*}} : f8E4M3FN
// CHECK: %[[B:.*]] = qmm.assemble %[[C]], %[[S]]
// CHECK: qmm.scaled_matmul %[[X]], %[[B]]
func.func @select_with_zero(%x: tensor<8x32xbf16>, %w: tensor<16x32xf8E4M3FN>, %s: tensor<f32>, %mask: tensor<16x32xi1>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%s) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %3 = "stablehlo.constant"() <{value = dense<0.0> : tensor<16x32xf32>}> : () -> tensor<16x32xf32>
  %4 = "stablehlo.select"(%mask, %2, %3) : (tensor<16x32xi1>, tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %5 = "stablehlo.dot_general"(%x, %4) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xbf16>, tensor<16x32xf32>) -> tensor<8x16xf32>
  return %5 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @select_zero_or(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xbf16>, %[[W:.*]]: tensor<16x32xf8E4M3FN>, %[[S:.*]]: tensor<f32>, %[[MASK:.*]]: tensor<16x32xi1>
// CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : f8E4M3FN
// CHECK: qmm.scaled_matmul %[[X]]
func.func @select_zero_or(%x: tensor<8x32xbf16>, %w: tensor<16x32xf8E4M3FN>, %s: tensor<f32>, %mask: tensor<16x32xi1>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%w) : (tensor<16x32xf8E4M3FN>) -> tensor<16x32xf32>
  %1 = "stablehlo.broadcast_in_dim"(%s) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x32xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %3 = "stablehlo.constant"() <{value = dense<0.0> : tensor<16x32xf32>}> : () -> tensor<16x32xf32>
  %4 = "stablehlo.select"(%mask, %3, %2) : (tensor<16x32xi1>, tensor<16x32xf32>, tensor<16x32xf32>) -> tensor<16x32xf32>
  %5 = "stablehlo.dot_general"(%x, %4) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xbf16>, tensor<16x32xf32>) -> tensor<8x16xf32>
  return %5 : tensor<8x16xf32>
}

// One behind the other.
// CHECK-LABEL: func.func @several(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xbf16>, %[[W:.*]]: tensor<4x30x16xf8E4M3FN>, %[[S:.*]]: tensor<f32>
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[W]]
// CHECK: %[[P:.*]] = tensor.insert_slice %[[T]]
// CHECK: tensor.extract_slice %[[P]][2, 0, 0] [1, 16, 32] [1, 1, 1] : tensor<4x16x32xf8E4M3FN> to tensor<16x32xf8E4M3FN>
// CHECK: %[[B:.*]] = qmm.assemble %{{.*}}, %[[S]] : tensor<16x32xf8E4M3FN>
// CHECK: qmm.scaled_matmul %[[X]], %[[B]]
func.func @several(%x: tensor<8x32xbf16>, %w: tensor<4x30x16xf8E4M3FN>, %s: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.convert"(%w) : (tensor<4x30x16xf8E4M3FN>) -> tensor<4x30x16xf32>
  %1 = "stablehlo.broadcast_in_dim"(%s) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<4x30x16xf32>
  %2 = "stablehlo.multiply"(%0, %1) : (tensor<4x30x16xf32>, tensor<4x30x16xf32>) -> tensor<4x30x16xf32>
  %3 = "stablehlo.transpose"(%2) <{permutation = array<i64: 0, 2, 1>}> : (tensor<4x30x16xf32>) -> tensor<4x16x30xf32>
  %4 = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %5 = "stablehlo.pad"(%3, %4) <{edge_padding_low = array<i64: 0, 0, 1>, edge_padding_high = array<i64: 0, 0, 1>, interior_padding = array<i64: 0, 0, 0>}> : (tensor<4x16x30xf32>, tensor<f32>) -> tensor<4x16x32xf32>
  %6 = "stablehlo.slice"(%5) <{start_indices = array<i64: 2, 0, 0>, limit_indices = array<i64: 3, 16, 32>, strides = array<i64: 1, 1, 1>}> : (tensor<4x16x32xf32>) -> tensor<1x16x32xf32>
  %7 = "stablehlo.reshape"(%6) : (tensor<1x16x32xf32>) -> tensor<16x32xf32>
  %8 = "stablehlo.dot_general"(%x, %7) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>}> : (tensor<8x32xbf16>, tensor<16x32xf32>) -> tensor<8x16xf32>
  return %8 : tensor<8x16xf32>
}
