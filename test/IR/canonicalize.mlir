// RUN: quant-opt %s --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func @assemble_of_disassemble
// CHECK-SAME: (%[[W:.*]]: !qmm.tensor
func.func @assemble_of_disassemble(%w: !qmm.tensor<8x256xbf16, nvfp4, nibbles = hi_first>)
    -> !qmm.tensor<8x256xbf16, nvfp4, nibbles = hi_first> {
  // CHECK-NEXT: return %[[W]]
  %p:3 = qmm.disassemble %w : !qmm.tensor<8x256xbf16, nvfp4, nibbles = hi_first> -> tensor<8x128xi8>, tensor<8x16xf8E4M3FN>, tensor<f32>
  %v = qmm.assemble %p#0, %p#1, %p#2 : tensor<8x128xi8>, tensor<8x16xf8E4M3FN>, tensor<f32> -> !qmm.tensor<8x256xbf16, nvfp4, nibbles = hi_first>
  return %v : !qmm.tensor<8x256xbf16, nvfp4, nibbles = hi_first>
}

// The same bytes read as another type are another value.
// Codes 1, 2, 3 and 9 two by two, the first one in the low nibble.
// CHECK-LABEL: func @assemble_of_constant_codes
// CHECK: %[[BYTES:.*]] = arith.constant dense<{{.*}}33, -109{{.*}}> : tensor<1x2xi8>
// CHECK: qmm.assemble %[[BYTES]], %{{.*}} : tensor<1x2xi8>, tensor<1x1xf32>
func.func @assemble_of_constant_codes(%s: tensor<1x1xf32>) -> !qmm.tensor<1x4xf32, f4E2M1FN block = [1, 4] scale = f32, nibbles = lo_first> {
  %d = arith.constant dense<[[0.5, 1.0, 1.5, -0.5]]> : tensor<1x4xf4E2M1FN>
  %q = qmm.assemble %d, %s : tensor<1x4xf4E2M1FN>, tensor<1x1xf32> -> !qmm.tensor<1x4xf32, f4E2M1FN block = [1, 4] scale = f32, nibbles = lo_first>
  return %q : !qmm.tensor<1x4xf32, f4E2M1FN block = [1, 4] scale = f32, nibbles = lo_first>
}

// CHECK-LABEL: func @assemble_of_disassemble_as_another_type
func.func @assemble_of_disassemble_as_another_type(%w: !qmm.tensor<8x256xbf16, nvfp4, nibbles = hi_first>)
    -> !qmm.tensor<8x256xbf16, nvfp4, nibbles = lo_first> {
  // CHECK: qmm.disassemble
  // CHECK: qmm.assemble
  %p:3 = qmm.disassemble %w : !qmm.tensor<8x256xbf16, nvfp4, nibbles = hi_first> -> tensor<8x128xi8>, tensor<8x16xf8E4M3FN>, tensor<f32>
  %v = qmm.assemble %p#0, %p#1, %p#2 : tensor<8x128xi8>, tensor<8x16xf8E4M3FN>, tensor<f32> -> !qmm.tensor<8x256xbf16, nvfp4, nibbles = lo_first>
  return %v : !qmm.tensor<8x256xbf16, nvfp4, nibbles = lo_first>
}

// Parts of two tensors aren't either of them.
// CHECK-LABEL: func @assemble_of_parts_of_two
func.func @assemble_of_parts_of_two(%w: !qmm.tensor<8x256xbf16, fp8>, %v: !qmm.tensor<8x256xbf16, fp8>)
    -> !qmm.tensor<8x256xbf16, fp8> {
  // CHECK-COUNT-2: qmm.disassemble
  // CHECK: qmm.assemble
  %p:2 = qmm.disassemble %w : !qmm.tensor<8x256xbf16, fp8> -> tensor<8x256xf8E4M3FN>, tensor<f32>
  %q:2 = qmm.disassemble %v : !qmm.tensor<8x256xbf16, fp8> -> tensor<8x256xf8E4M3FN>, tensor<f32>
  %r = qmm.assemble %p#0, %q#1 : tensor<8x256xf8E4M3FN>, tensor<f32> -> !qmm.tensor<8x256xbf16, fp8>
  return %r : !qmm.tensor<8x256xbf16, fp8>
}

// CHECK-LABEL: func @disassemble_of_assemble
// CHECK-SAME: (%[[D:.*]]: tensor<8x256xf8E4M3FN>, %[[S:.*]]: tensor<f32>)
func.func @disassemble_of_assemble(%d: tensor<8x256xf8E4M3FN>, %s: tensor<f32>) -> (tensor<8x256xf8E4M3FN>, tensor<f32>) {
  // CHECK-NEXT: return %[[D]], %[[S]]
  %w = qmm.assemble %d, %s : tensor<8x256xf8E4M3FN>, tensor<f32> -> !qmm.tensor<8x256xbf16, fp8>
  %p:2 = qmm.disassemble %w : !qmm.tensor<8x256xbf16, fp8> -> tensor<8x256xf8E4M3FN>, tensor<f32>
  return %p#0, %p#1 : tensor<8x256xf8E4M3FN>, tensor<f32>
}

// CHECK-LABEL: func @disassemble_of_assemble_of_other_types
func.func @disassemble_of_assemble_of_other_types(%d: tensor<8x256xf8E4M3FN>, %s: tensor<f32>) -> tensor<?x256xf8E4M3FN> {
  // CHECK: qmm.disassemble
  %w = qmm.assemble %d, %s : tensor<8x256xf8E4M3FN>, tensor<f32> -> !qmm.tensor<?x256xbf16, fp8>
  %p:2 = qmm.disassemble %w : !qmm.tensor<?x256xbf16, fp8> -> tensor<?x256xf8E4M3FN>, tensor<f32>
  return %p#0 : tensor<?x256xf8E4M3FN>
}

// Quantizing rounds: this isn't an identity.
// CHECK-LABEL: func @dequantize_of_quantize
func.func @dequantize_of_quantize(%x: tensor<?x256xbf16>) -> tensor<?x256xbf16> {
  // CHECK: qmm.quantize
  // CHECK: %[[R:.*]] = qmm.dequantize
  // CHECK: return %[[R]]
  %q = qmm.quantize %x : tensor<?x256xbf16> -> !qmm.tensor<?x256xbf16, fp8>
  %r = qmm.dequantize %q : !qmm.tensor<?x256xbf16, fp8> -> tensor<?x256xbf16>
  return %r : tensor<?x256xbf16>
}

// Nor is this, where the scales are computed anew.
// CHECK-LABEL: func @quantize_of_dequantize
func.func @quantize_of_dequantize(%q: !qmm.tensor<8x256xbf16, mxfp8>) -> !qmm.tensor<8x256xbf16, mxfp8> {
  // CHECK: qmm.dequantize
  // CHECK: qmm.quantize
  %x = qmm.dequantize %q : !qmm.tensor<8x256xbf16, mxfp8> -> tensor<8x256xbf16>
  %r = qmm.quantize %x : tensor<8x256xbf16> -> !qmm.tensor<8x256xbf16, mxfp8>
  return %r : !qmm.tensor<8x256xbf16, mxfp8>
}

// CHECK-LABEL: func @relayout_of_relayout
// CHECK-SAME: (%[[W:.*]]: !qmm.tensor
func.func @relayout_of_relayout(%w: !qmm.tensor<8x256xbf16, nvfp4, nibbles = hi_first>)
    -> !qmm.tensor<8x256xbf16, nvfp4, scales = tiled_128x4, nibbles = lo_first> {
  // CHECK-NEXT: %[[R:.*]] = qmm.relayout %[[W]] : !qmm.tensor<8x256xbf16, nvfp4, nibbles = hi_first> -> !qmm.tensor<8x256xbf16, nvfp4, scales = tiled_128x4, nibbles = lo_first>
  // CHECK-NEXT: return %[[R]]
  %a = qmm.relayout %w : !qmm.tensor<8x256xbf16, nvfp4, nibbles = hi_first> -> !qmm.tensor<8x256xbf16, nvfp4, nibbles = lo_first>
  %b = qmm.relayout %a : !qmm.tensor<8x256xbf16, nvfp4, nibbles = lo_first> -> !qmm.tensor<8x256xbf16, nvfp4, scales = tiled_128x4, nibbles = lo_first>
  return %b : !qmm.tensor<8x256xbf16, nvfp4, scales = tiled_128x4, nibbles = lo_first>
}

// There and back again.
// CHECK-LABEL: func @relayout_and_back
// CHECK-SAME: (%[[W:.*]]: !qmm.tensor
func.func @relayout_and_back(%w: !qmm.tensor<8x256xbf16, mxfp8>) -> !qmm.tensor<8x256xbf16, mxfp8> {
  // CHECK-NEXT: return %[[W]]
  %a = qmm.relayout %w : !qmm.tensor<8x256xbf16, mxfp8> -> !qmm.tensor<8x256xbf16, mxfp8, pad = [16, 1]>
  %b = qmm.relayout %a : !qmm.tensor<8x256xbf16, mxfp8, pad = [16, 1]> -> !qmm.tensor<8x256xbf16, mxfp8>
  return %b : !qmm.tensor<8x256xbf16, mxfp8>
}

// CHECK-LABEL: func @whole_slice
// CHECK-SAME: (%[[X:.*]]: !qmm.tensor
func.func @whole_slice(%x: !qmm.tensor<?x256xbf16, fp8>) -> !qmm.tensor<?x256xbf16, fp8> {
  // CHECK-NEXT: return %[[X]]
  %s = qmm.slice %x [0, 0] [-1, 256] : !qmm.tensor<?x256xbf16, fp8> -> !qmm.tensor<?x256xbf16, fp8>
  return %s : !qmm.tensor<?x256xbf16, fp8>
}

// CHECK-LABEL: func @reshape_of_reshape
// CHECK-SAME: (%[[X:.*]]: !qmm.tensor
func.func @reshape_of_reshape(%x: !qmm.tensor<4x?x256xbf16, fp8_row>)
    -> (!qmm.tensor<2x?x256xbf16, fp8_row>, !qmm.tensor<4x?x256xbf16, fp8_row>) {
  // CHECK-NEXT: %[[R:.*]] = qmm.reshape %[[X]] : !qmm.tensor<4x?x256xbf16, fp8_row> -> !qmm.tensor<2x?x256xbf16, fp8_row>
  // CHECK-NEXT: return %[[R]], %[[X]]
  %a = qmm.reshape %x : !qmm.tensor<4x?x256xbf16, fp8_row> -> !qmm.tensor<?x256xbf16, fp8_row>
  %b = qmm.reshape %a : !qmm.tensor<?x256xbf16, fp8_row> -> !qmm.tensor<2x?x256xbf16, fp8_row>
  %c = qmm.reshape %a : !qmm.tensor<?x256xbf16, fp8_row> -> !qmm.tensor<4x?x256xbf16, fp8_row>
  return %b, %c : !qmm.tensor<2x?x256xbf16, fp8_row>, !qmm.tensor<4x?x256xbf16, fp8_row>
}

// CHECK-LABEL: func @transpose_of_transpose
// CHECK-SAME: (%[[X:.*]]: !qmm.tensor
func.func @transpose_of_transpose(%x: !qmm.tensor<2x3x5xbf16, fp8>)
    -> (!qmm.tensor<5x3x2xbf16, fp8>, !qmm.tensor<2x3x5xbf16, fp8>) {
  // CHECK-NEXT: %[[T:.*]] = qmm.transpose %[[X]] [2, 1, 0] : !qmm.tensor<2x3x5xbf16, fp8> -> !qmm.tensor<5x3x2xbf16, fp8>
  // CHECK-NEXT: return %[[T]], %[[X]]
  %a = qmm.transpose %x [1, 2, 0] : !qmm.tensor<2x3x5xbf16, fp8> -> !qmm.tensor<3x5x2xbf16, fp8>
  %b = qmm.transpose %a [1, 0, 2] : !qmm.tensor<3x5x2xbf16, fp8> -> !qmm.tensor<5x3x2xbf16, fp8>
  %c = qmm.transpose %a [2, 0, 1] : !qmm.tensor<3x5x2xbf16, fp8> -> !qmm.tensor<2x3x5xbf16, fp8>
  return %b, %c : !qmm.tensor<5x3x2xbf16, fp8>, !qmm.tensor<2x3x5xbf16, fp8>
}

// Equal extents: the permutation decides, not the type.
// CHECK-LABEL: func @transpose_of_a_square
func.func @transpose_of_a_square(%x: !qmm.tensor<8x8xbf16, fp8>) -> !qmm.tensor<8x8xbf16, fp8> {
  // CHECK: qmm.transpose
  %a = qmm.transpose %x [1, 0] : !qmm.tensor<8x8xbf16, fp8> -> !qmm.tensor<8x8xbf16, fp8>
  return %a : !qmm.tensor<8x8xbf16, fp8>
}

// CHECK-LABEL: func @pad_by_nothing
// CHECK-SAME: (%[[X:.*]]: !qmm.tensor
func.func @pad_by_nothing(%x: !qmm.tensor<?x256xbf16, fp8>) -> !qmm.tensor<?x256xbf16, fp8> {
  // CHECK-NEXT: return %[[X]]
  %p = qmm.pad %x [0, 0] : !qmm.tensor<?x256xbf16, fp8> -> !qmm.tensor<?x256xbf16, fp8>
  return %p : !qmm.tensor<?x256xbf16, fp8>
}

// CHECK-LABEL: func @dim_of_static
func.func @dim_of_static(%x: !qmm.tensor<?x256xbf16, fp8>) -> index {
  // CHECK-NEXT: %[[C:.*]] = arith.constant 256 : index
  // CHECK-NEXT: return %[[C]]
  %d = qmm.dim %x, 1 : !qmm.tensor<?x256xbf16, fp8>
  return %d : index
}

// CHECK-LABEL: func @dim_of_shape_ops
// CHECK-SAME: (%[[X:.*]]: !qmm.tensor<4x?x256xbf16, fp8>)
func.func @dim_of_shape_ops(%x: !qmm.tensor<4x?x256xbf16, fp8>) -> (index, index, index, index) {
  // CHECK-NEXT: %[[D:.*]] = qmm.dim %[[X]], 1
  // CHECK-NEXT: return %[[D]], %[[D]], %[[D]], %[[D]]
  %s = qmm.slice %x [1, 0, 0] [2, -1, 64] : !qmm.tensor<4x?x256xbf16, fp8> -> !qmm.tensor<2x?x64xbf16, fp8>
  %0 = qmm.dim %s, 1 : !qmm.tensor<2x?x64xbf16, fp8>
  %p = qmm.pad %s [6, 0, 0] : !qmm.tensor<2x?x64xbf16, fp8> -> !qmm.tensor<8x?x64xbf16, fp8>
  %1 = qmm.dim %p, 1 : !qmm.tensor<8x?x64xbf16, fp8>
  %t = qmm.transpose %p [2, 0, 1] : !qmm.tensor<8x?x64xbf16, fp8> -> !qmm.tensor<64x8x?xbf16, fp8>
  %2 = qmm.dim %t, 2 : !qmm.tensor<64x8x?xbf16, fp8>
  %r = qmm.reshape %x : !qmm.tensor<4x?x256xbf16, fp8> -> !qmm.tensor<2x2x?x256xbf16, fp8>
  %3 = qmm.dim %r, 2 : !qmm.tensor<2x2x?x256xbf16, fp8>
  return %0, %1, %2, %3 : index, index, index, index
}

// 4 x ? rows in one dimension: not an extent of the input.
// CHECK-LABEL: func @dim_of_collapsing_reshape
func.func @dim_of_collapsing_reshape(%x: !qmm.tensor<4x?x256xbf16, fp8>) -> index {
  // CHECK: %[[R:.*]] = qmm.reshape
  // CHECK: qmm.dim %[[R]], 0
  %r = qmm.reshape %x : !qmm.tensor<4x?x256xbf16, fp8> -> !qmm.tensor<?x256xbf16, fp8>
  %d = qmm.dim %r, 0 : !qmm.tensor<?x256xbf16, fp8>
  return %d : index
}

// CHECK-LABEL: func @dim_of_producers
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x256xbf16>, %[[D:[^:]*]]: tensor<?x256xf8E4M3FN>, %[[S:[^:]*]]: tensor<f32>
func.func @dim_of_producers(%x: tensor<?x256xbf16>, %d: tensor<?x256xf8E4M3FN>, %s: tensor<f32>) -> (index, index, index) {
  // CHECK-DAG: %[[XD:.*]] = tensor.dim %[[X]], %{{.*}}
  // CHECK-DAG: %[[DD:.*]] = tensor.dim %[[D]], %{{.*}}
  // CHECK: return %[[XD]], %[[DD]], %[[DD]]
  %q = qmm.quantize %x : tensor<?x256xbf16> -> !qmm.tensor<?x256xbf16, mxfp8>
  %0 = qmm.dim %q, 0 : !qmm.tensor<?x256xbf16, mxfp8>
  %w = qmm.assemble %d, %s : tensor<?x256xf8E4M3FN>, tensor<f32> -> !qmm.tensor<?x256xbf16, fp8>
  %1 = qmm.dim %w, 0 : !qmm.tensor<?x256xbf16, fp8>
  %y = qmm.scaled_matmul %x, %w out_scale(%s : tensor<f32>)
    : tensor<?x256xbf16>, !qmm.tensor<?x256xbf16, fp8> -> !qmm.tensor<?x?xbf16, fp8>
  %2 = qmm.dim %y, 1 : !qmm.tensor<?x?xbf16, fp8>
  return %0, %1, %2 : index, index, index
}
