// Every logical op, and what may carry a quantized tensor.
// RUN: quant-opt %s --qmm-to-physical --split-input-file | FileCheck %s

// Only parts of another static type are cast.
// CHECK-LABEL: func @assemble
// CHECK-SAME: %[[DATA:[^:]*]]: tensor<?x256xf8E4M3FN> {{{.*}}}, %[[SCALE:[^:]*]]: tensor<f32> {{{.*}}})
// CHECK-SAME: -> (tensor<16x256xf8E4M3FN>, tensor<f32>)
// CHECK-NEXT: %[[CAST:.*]] = tensor.cast %[[DATA]] : tensor<?x256xf8E4M3FN> to tensor<16x256xf8E4M3FN>
// CHECK-NEXT: return %[[CAST]], %[[SCALE]]
func.func @assemble(%data: tensor<?x256xf8E4M3FN>, %scale: tensor<f32>)
    -> !qmm.tensor<16x256xbf16, fp8> {
  %q = qmm.assemble %data, %scale
    : tensor<?x256xf8E4M3FN>, tensor<f32> -> !qmm.tensor<16x256xbf16, fp8>
  return %q : !qmm.tensor<16x256xbf16, fp8>
}

// Codes of f4E2M1FN are packed bytes, and callers still see the codes.
// CHECK-LABEL: func @float4
// CHECK-SAME: (%[[DATA:[^:]*]]: tensor<4x64xi8> {bufferization.writable = false, qmm.element = f4E2M1FN, qmm.name = "w"}, %[[SCALE:[^:]*]]: tensor<2x2x4xf8E8M0FNU>
// CHECK-SAME: -> (tensor<2x2x64xi8>, tensor<2x2x4xf8E8M0FNU>)
// CHECK-NEXT: %[[E:.*]] = tensor.expand_shape %[[DATA]] {{\[\[}}0, 1], [2]] output_shape [2, 2, 64] : tensor<4x64xi8> into tensor<2x2x64xi8>
// CHECK-NEXT: return %[[E]], %[[SCALE]]
func.func @float4(%data: tensor<4x128xf4E2M1FN> {qmm.name = "w"}, %scale: tensor<2x2x4xf8E8M0FNU>)
    -> !qmm.tensor<2x2x128xbf16, mxfp4, nibbles = lo_first> {
  %e = tensor.expand_shape %data [[0, 1], [2]] output_shape [2, 2, 128] : tensor<4x128xf4E2M1FN> into tensor<2x2x128xf4E2M1FN>
  %q = qmm.assemble %e, %scale : tensor<2x2x128xf4E2M1FN>, tensor<2x2x4xf8E8M0FNU> -> !qmm.tensor<2x2x128xbf16, mxfp4, nibbles = lo_first>
  return %q : !qmm.tensor<2x2x128xbf16, mxfp4, nibbles = lo_first>
}

// CHECK-LABEL: func @float4_result
// CHECK-SAME: -> (tensor<4x64xi8> {qmm.element = f4E2M1FN})
// CHECK-NEXT: tensor.collapse_shape %{{.*}} {{\[\[}}0, 1], [2]] : tensor<2x2x64xi8> into tensor<4x64xi8>
func.func @float4_result(%x: tensor<2x2x128xf4E2M1FN>) -> tensor<4x128xf4E2M1FN> {
  %c = tensor.collapse_shape %x [[0, 1], [2]] : tensor<2x2x128xf4E2M1FN> into tensor<4x128xf4E2M1FN>
  return %c : tensor<4x128xf4E2M1FN>
}

// CHECK-LABEL: func @disassemble
// CHECK-SAME: %[[DATA:[^:]*]]: tensor<?x128xi8> {{{.*}}}, %[[SCALE:[^:]*]]: tensor<?x16xf8E4M3FN> {{{.*}}}, %[[TS:[^:]*]]: tensor<f32>
// CHECK-NEXT: return %[[DATA]], %[[SCALE]], %[[TS]] : tensor<?x128xi8>, tensor<?x16xf8E4M3FN>, tensor<f32>
func.func @disassemble(%q: !qmm.tensor<?x256xbf16, nvfp4, nibbles = hi_first>)
    -> (tensor<?x128xi8>, tensor<?x16xf8E4M3FN>, tensor<f32>) {
  %data, %scale, %ts = qmm.disassemble %q
    : !qmm.tensor<?x256xbf16, nvfp4, nibbles = hi_first>
   -> tensor<?x128xi8>, tensor<?x16xf8E4M3FN>, tensor<f32>
  return %data, %scale, %ts : tensor<?x128xi8>, tensor<?x16xf8E4M3FN>, tensor<f32>
}

// Parameters stay.
// CHECK-LABEL: func @parameter
// CHECK: %[[W:.*]] = qmm.parameter "model::w" : tensor<64x256xf8E4M3FN>
// CHECK: %[[S:.*]] = qmm.parameter "model::s" : tensor<f32>
// CHECK: return %[[W]], %[[S]]
func.func @parameter() -> !qmm.tensor<64x256xbf16, fp8> {
  %w = qmm.parameter "model::w" : tensor<64x256xf8E4M3FN>
  %s = qmm.parameter "model::s" : tensor<f32>
  %q = qmm.assemble %w, %s : tensor<64x256xf8E4M3FN>, tensor<f32> -> !qmm.tensor<64x256xbf16, fp8>
  return %q : !qmm.tensor<64x256xbf16, fp8>
}

// -----

// All scales computed: all parts are outputs.
// CHECK-LABEL: func @quantize
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x256xbf16>
func.func @quantize(%x: tensor<?x256xbf16>) -> !qmm.tensor<?x256xbf16, nvfp4, scales = tiled_128x4, nibbles = lo_first> {
  // CHECK: %[[M:.*]] = tensor.dim %[[X]], %{{.*}} : tensor<?x256xbf16>
  // CHECK: %[[DATA:.*]] = tensor.empty(%[[M]]) : tensor<?x128xi8>
  // CHECK: %[[C128:.*]] = arith.constant 128 : index
  // CHECK: %[[TILES:.*]] = arith.ceildivui %[[M]], %[[C128]] : index
  // CHECK: %[[ROWS:.*]] = arith.muli %[[TILES]], %{{.*}} : index
  // CHECK: %[[SCALE:.*]] = tensor.empty(%[[ROWS]]) : tensor<?x16xf8E4M3FN>
  // CHECK: %[[TS:.*]] = tensor.empty() : tensor<f32>
  // CHECK: %[[Q:.*]]:3 = qmm.phys.quantize ins(%[[X]] : tensor<?x256xbf16>)
  // CHECK-SAME: outs(%[[DATA]], %[[SCALE]], %[[TS]] :
  // CHECK-SAME: {input_types = [tensor<?x256xbf16>],
  // CHECK-SAME: output_types = [!qmm.tensor<?x256xbf16, nvfp4, scales = tiled_128x4, nibbles = lo_first>],
  // CHECK-SAME: qmm.notes = ["n"], qmm.reason = "r", scale_precision_input}
  // CHECK: return %[[Q]]#0, %[[Q]]#1, %[[Q]]#2
  %q = qmm.quantize %x {qmm.notes = ["n"], qmm.reason = "r", scale_precision_input}
    : tensor<?x256xbf16> -> !qmm.tensor<?x256xbf16, nvfp4, scales = tiled_128x4, nibbles = lo_first>
  return %q : !qmm.tensor<?x256xbf16, nvfp4, scales = tiled_128x4, nibbles = lo_first>
}

// A given scale is the result's scale.
// CHECK-LABEL: func @quantize_given
// CHECK-SAME: %[[X:[^:]*]]: tensor<8x256xbf16> {{{.*}}}, %[[S:[^:]*]]: tensor<f32>
func.func @quantize_given(%x: tensor<8x256xbf16>, %s: tensor<f32>) -> !qmm.tensor<8x256xbf16, fp8> {
  // CHECK-NEXT: %[[E:.*]] = tensor.empty() : tensor<8x256xf8E4M3FN>
  // CHECK-NEXT: %[[Q:.*]] = qmm.phys.quantize ins(%[[X]], %[[S]] : tensor<8x256xbf16>, tensor<f32>)
  // CHECK-SAME: outs(%[[E]] : tensor<8x256xf8E4M3FN>)
  // CHECK-SAME: precision = bf16, scale_given}
  // CHECK-NEXT: return %[[Q]], %[[S]]
  %q = qmm.quantize %x scale(%s : tensor<f32>) {precision = bf16}
    : tensor<8x256xbf16> -> !qmm.tensor<8x256xbf16, fp8>
  return %q : !qmm.tensor<8x256xbf16, fp8>
}

// A given tensor scale with computed block scales.
// CHECK-LABEL: func @quantize_tensor_scale_given
// CHECK-SAME: %[[X:[^:]*]]: tensor<8x256xbf16> {{{.*}}}, %[[TS:[^:]*]]: tensor<f32>
func.func @quantize_tensor_scale_given(%x: tensor<8x256xbf16>, %ts: tensor<f32>)
    -> !qmm.tensor<8x256xbf16, nvfp4, nibbles = hi_first> {
  // CHECK: %[[Q:.*]]:2 = qmm.phys.quantize ins(%[[X]], %[[TS]] :
  // CHECK-SAME: outs(%{{.*}}, %{{.*}} : tensor<8x128xi8>, tensor<8x16xf8E4M3FN>)
  // CHECK-SAME: tensor_scale_given}
  // CHECK-NEXT: return %[[Q]]#0, %[[Q]]#1, %[[TS]]
  %q = qmm.quantize %x tensor_scale(%ts : tensor<f32>)
    : tensor<8x256xbf16> -> !qmm.tensor<8x256xbf16, nvfp4, nibbles = hi_first>
  return %q : !qmm.tensor<8x256xbf16, nvfp4, nibbles = hi_first>
}

// Storage of scales in each layout, rows dynamic.
// CHECK-LABEL: func @scale_extents
// CHECK-SAME: %[[X:[^:]*]]: tensor<3x?x256xbf16>
func.func @scale_extents(%x: tensor<3x?x256xbf16>)
    -> (!qmm.tensor<3x?x256xbf16, fp8_row>,
        !qmm.tensor<3x?x256xbf16, fp8_1x128, scales = outer_major, scale_pad = 4>,
        !qmm.tensor<3x?x256xbf16, fp8_128x128, scales = blocks_128x128>) {
  // CHECK: %[[M0:.*]] = tensor.dim %[[X]]
  // CHECK: tensor.empty(%[[M0]]) : tensor<3x?x1xf32>
  %a = qmm.quantize %x : tensor<3x?x256xbf16> -> !qmm.tensor<3x?x256xbf16, fp8_row>
  // CHECK: %[[M1:.*]] = tensor.dim %[[X]]
  // CHECK: %[[C4:.*]] = arith.constant 4 : index
  // CHECK: %[[Q1:.*]] = arith.ceildivui %[[M1]], %[[C4]]
  // CHECK: %[[R1:.*]] = arith.muli %[[Q1]]
  // CHECK: tensor.empty(%[[R1]]) : tensor<3x2x?xf32>
  %b = qmm.quantize %x : tensor<3x?x256xbf16> -> !qmm.tensor<3x?x256xbf16, fp8_1x128, scales = outer_major, scale_pad = 4>
  // CHECK: %[[M2:.*]] = tensor.dim %[[X]]
  // CHECK: %[[C128:.*]] = arith.constant 128 : index
  // CHECK: %[[R2:.*]] = arith.ceildivui %[[M2]], %[[C128]]
  // CHECK: tensor.empty(%[[R2]]) : tensor<3x?x4xf32>
  %c = qmm.quantize %x : tensor<3x?x256xbf16> -> !qmm.tensor<3x?x256xbf16, fp8_128x128, scales = blocks_128x128>
  return %a, %b, %c : !qmm.tensor<3x?x256xbf16, fp8_row>,
    !qmm.tensor<3x?x256xbf16, fp8_1x128, scales = outer_major, scale_pad = 4>,
    !qmm.tensor<3x?x256xbf16, fp8_128x128, scales = blocks_128x128>
}

// CHECK-LABEL: func @dequantize
// CHECK-SAME: %[[Q:[^:]*]]: tensor<?x256xf8E4M3FN> {{{.*}}}, %[[S:[^:]*]]: tensor<f32>
func.func @dequantize(%q: !qmm.tensor<?x256xbf16, fp8>) -> tensor<?x256xbf16> {
  // CHECK: %[[M:.*]] = tensor.dim %[[Q]], %{{.*}} : tensor<?x256xf8E4M3FN>
  // CHECK: %[[E:.*]] = tensor.empty(%[[M]]) : tensor<?x256xbf16>
  // CHECK: %[[X:.*]] = qmm.phys.dequantize ins(%[[Q]], %[[S]] :
  // CHECK-SAME: outs(%[[E]] :
  // CHECK: return %[[X]]
  %x = qmm.dequantize %q : !qmm.tensor<?x256xbf16, fp8> -> tensor<?x256xbf16>
  return %x : tensor<?x256xbf16>
}

// The tensor scale doesn't move.
// CHECK-LABEL: func @relayout
// CHECK-SAME: %[[D:[^:]*]]: tensor<60x128xi8> {{{.*}}}, %[[S:[^:]*]]: tensor<60x16xf8E4M3FN> {{{.*}}}, %[[TS:[^:]*]]: tensor<f32>
func.func @relayout(%q: !qmm.tensor<60x256xbf16, nvfp4, nibbles = hi_first>)
    -> !qmm.tensor<60x256xbf16, nvfp4, scales = tiled_128x4, nibbles = lo_first, pad = [16, 32]> {
  // CHECK-DAG: %[[E0:.*]] = tensor.empty() : tensor<64x128xi8>
  // CHECK-DAG: %[[E1:.*]] = tensor.empty() : tensor<128x16xf8E4M3FN>
  // CHECK: %[[R:.*]]:2 = qmm.phys.relayout ins(%[[D]], %[[S]], %[[TS]] :
  // CHECK-SAME: outs(%[[E0]], %[[E1]] :
  // CHECK: return %[[R]]#0, %[[R]]#1, %[[TS]]
  %r = qmm.relayout %q : !qmm.tensor<60x256xbf16, nvfp4, nibbles = hi_first>
    -> !qmm.tensor<60x256xbf16, nvfp4, scales = tiled_128x4, nibbles = lo_first, pad = [16, 32]>
  return %r : !qmm.tensor<60x256xbf16, nvfp4, scales = tiled_128x4, nibbles = lo_first, pad = [16, 32]>
}

// CHECK-LABEL: func @amax
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x256xbf16>
func.func @amax(%x: tensor<?x256xbf16>) -> tensor<f32> {
  // CHECK: %[[E:.*]] = tensor.empty() : tensor<f32>
  // CHECK: %[[A:.*]] = qmm.phys.amax ins(%[[X]] : tensor<?x256xbf16>) outs(%[[E]] : tensor<f32>)
  // CHECK-SAME: {input_types = [tensor<?x256xbf16>], output_types = [tensor<f32>]}
  // CHECK: return %[[A]]
  %a = qmm.amax %x : tensor<?x256xbf16> -> tensor<f32>
  return %a : tensor<f32>
}

// -----

// A wide operand is its own part; routes and notes stay on the op.
// CHECK-LABEL: func @matmul_wide
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x256xbf16> {{{.*}}}, %[[W:[^:]*]]: tensor<64x256xf8E4M3FN> {{{.*}}}, %[[S:[^:]*]]: tensor<f32> {{{.*}}}, %[[B:[^:]*]]: tensor<64xbf16> {{{.*}}}, %[[R:[^:]*]]: tensor<?x64xbf16>
func.func @matmul_wide(%x: tensor<?x256xbf16>, %w: !qmm.tensor<64x256xbf16, fp8>,
                       %b: tensor<64xbf16>, %r: tensor<?x64xbf16>) -> (tensor<?x64xbf16>, tensor<f32>) {
  // CHECK: %[[M:.*]] = tensor.dim %[[X]]
  // CHECK: %[[E0:.*]] = tensor.empty(%[[M]]) : tensor<?x64xbf16>
  // CHECK: %[[E1:.*]] = tensor.empty() : tensor<f32>
  // CHECK: %[[Y:.*]]:2 = qmm.phys.scaled_matmul ins(%[[X]], %[[W]], %[[S]], %[[B]], %[[R]] :
  // CHECK-SAME: outs(%[[E0]], %[[E1]] : tensor<?x64xbf16>, tensor<f32>)
  // CHECK-SAME: {activation = #qmm.activation<relu>, has_amax, has_bias, has_residual,
  // CHECK-SAME: input_types = [tensor<?x256xbf16>, !qmm.tensor<64x256xbf16, fp8>, tensor<64xbf16>, tensor<?x64xbf16>],
  // CHECK-SAME: output_types = [tensor<?x64xbf16>, tensor<f32>],
  // CHECK-SAME: qmm.notes = ["n"], qmm.routes = [#qmm.route<host on "cpu", m = [0, *], "the only route">]}
  // CHECK: return %[[Y]]#0, %[[Y]]#1
  %y, %amax = qmm.scaled_matmul %x, %w bias(%b : tensor<64xbf16>) residual(%r : tensor<?x64xbf16>)
    {activation = #qmm.activation<relu>, qmm.notes = ["n"],
     qmm.routes = [#qmm.route<host on "cpu", m = [0, *], "the only route">]}
    : tensor<?x256xbf16>, !qmm.tensor<64x256xbf16, fp8> -> tensor<?x64xbf16>, tensor<f32>
  return %y, %amax : tensor<?x64xbf16>, tensor<f32>
}

// out_scale is the last input, and the result's scale.
// CHECK-LABEL: func @matmul_out_scale
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x256xf8E4M3FN> {{{.*}}}, %[[XS:[^:]*]]: tensor<f32> {{{.*}}}, %[[W:[^:]*]]: tensor<64x256xf8E4M3FN> {{{.*}}}, %[[WS:[^:]*]]: tensor<f32> {{{.*}}}, %[[OS:[^:]*]]: tensor<f32>
func.func @matmul_out_scale(%x: !qmm.tensor<?x256xbf16, fp8>, %w: !qmm.tensor<64x256xbf16, fp8>,
                            %os: tensor<f32>) -> !qmm.tensor<?x64xbf16, fp8> {
  // CHECK: %[[Y:.*]] = qmm.phys.scaled_matmul ins(%[[X]], %[[XS]], %[[W]], %[[WS]], %[[OS]] :
  // CHECK-SAME: outs(%{{.*}} : tensor<?x64xf8E4M3FN>)
  // CHECK: return %[[Y]], %[[OS]]
  %y = qmm.scaled_matmul %x, %w out_scale(%os : tensor<f32>)
    : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<64x256xbf16, fp8> -> !qmm.tensor<?x64xbf16, fp8>
  return %y : !qmm.tensor<?x64xbf16, fp8>
}

// Block scales of a result are computed, under the tensor scale.
// CHECK-LABEL: func @matmul_block_scaled
// CHECK-SAME: %[[X:[^:]*]]: tensor<2x?x256xbf16> {{{.*}}}, %[[W:[^:]*]]: tensor<2x64x256xbf16> {{{.*}}}, %[[OS:[^:]*]]: tensor<f32>
func.func @matmul_block_scaled(%x: tensor<2x?x256xbf16>, %w: tensor<2x64x256xbf16>, %os: tensor<f32>)
    -> !qmm.tensor<2x?x64xbf16, nvfp4, nibbles = lo_first> {
  // CHECK: %[[M:.*]] = tensor.dim %[[X]]
  // CHECK: %[[E0:.*]] = tensor.empty(%[[M]]) : tensor<2x?x32xi8>
  // CHECK: %[[E1:.*]] = tensor.empty(%[[M]]) : tensor<2x?x4xf8E4M3FN>
  // CHECK: %[[Y:.*]]:2 = qmm.phys.scaled_matmul ins(%[[X]], %[[W]], %[[OS]] :
  // CHECK-SAME: outs(%[[E0]], %[[E1]] :
  // CHECK: return %[[Y]]#0, %[[Y]]#1, %[[OS]]
  %y = qmm.scaled_matmul %x, %w out_scale(%os : tensor<f32>)
    : tensor<2x?x256xbf16>, tensor<2x64x256xbf16> -> !qmm.tensor<2x?x64xbf16, nvfp4, nibbles = lo_first>
  return %y : !qmm.tensor<2x?x64xbf16, nvfp4, nibbles = lo_first>
}

// CHECK-LABEL: func @matmul_precision
// CHECK: qmm.phys.scaled_matmul {{.*}} {a_precision = bf16, b_precision = f16,
func.func @matmul_precision(%x: !qmm.tensor<8x256xbf16, fp8>, %w: !qmm.tensor<64x256xbf16, fp8>) -> tensor<8x64xbf16> {
  %y = qmm.scaled_matmul %x, %w {a_precision = bf16, b_precision = f16}
    : !qmm.tensor<8x256xbf16, fp8>, !qmm.tensor<64x256xbf16, fp8> -> tensor<8x64xbf16>
  return %y : tensor<8x64xbf16>
}

// CHECK-LABEL: func @matmul_dynamic_n
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x?x256xbf16> {{{.*}}}, %[[W:[^:]*]]: tensor<?x256xbf16>
func.func @matmul_dynamic_n(%x: tensor<?x?x256xbf16>, %w: tensor<?x256xbf16>) -> tensor<?x?x?xbf16> {
  // CHECK: %[[B:.*]] = tensor.dim %[[X]], %c0
  // CHECK: %[[M:.*]] = tensor.dim %[[X]], %c1
  // CHECK: %[[N:.*]] = tensor.dim %[[W]], %c0
  // CHECK: tensor.empty(%[[B]], %[[M]], %[[N]]) : tensor<?x?x?xbf16>
  %y = qmm.scaled_matmul %x, %w : tensor<?x?x256xbf16>, tensor<?x256xbf16> -> tensor<?x?x?xbf16>
  return %y : tensor<?x?x?xbf16>
}

// -----

// CHECK-LABEL: func @dim
// CHECK-SAME: %[[D:[^:]*]]: tensor<?x256xf8E4M3FN>
func.func @dim(%q: !qmm.tensor<?x256xbf16, fp8>) -> (index, index) {
  // CHECK: %[[M:.*]] = tensor.dim %[[D]], %c0
  // CHECK: %[[K:.*]] = arith.constant 256 : index
  // CHECK: return %[[M]], %[[K]]
  %m = qmm.dim %q, 0 : !qmm.tensor<?x256xbf16, fp8>
  %k = qmm.dim %q, 1 : !qmm.tensor<?x256xbf16, fp8>
  return %m, %k : index, index
}

// Whole rows are a view.
// CHECK-LABEL: func @slice_rows
// CHECK-SAME: %[[D:[^:]*]]: tensor<1024x128xi8> {{{.*}}}, %[[S:[^:]*]]: tensor<1024x16xf8E4M3FN> {{{.*}}}, %[[TS:[^:]*]]: tensor<f32>
func.func @slice_rows(%q: !qmm.tensor<1024x256xbf16, nvfp4, nibbles = hi_first>)
    -> !qmm.tensor<512x256xbf16, nvfp4, nibbles = hi_first> {
  // CHECK-NEXT: %[[D1:.*]] = tensor.extract_slice %[[D]][512, 0] [512, 128] [1, 1]
  // CHECK-NEXT: %[[S1:.*]] = tensor.extract_slice %[[S]][512, 0] [512, 16] [1, 1]
  // CHECK-NEXT: return %[[D1]], %[[S1]], %[[TS]]
  %h = qmm.slice %q [512, 0] [512, 256] : !qmm.tensor<1024x256xbf16, nvfp4, nibbles = hi_first>
    -> !qmm.tensor<512x256xbf16, nvfp4, nibbles = hi_first>
  return %h : !qmm.tensor<512x256xbf16, nvfp4, nibbles = hi_first>
}

// A part of K is copied, since physical ops take row-major buffers.
// CHECK-LABEL: func @slice_k
// CHECK-SAME: %[[D:[^:]*]]: tensor<?x128xi8> {{{.*}}}, %[[S:[^:]*]]: tensor<?x16xf8E4M3FN> {{{.*}}}, %[[TS:[^:]*]]: tensor<f32>
func.func @slice_k(%q: !qmm.tensor<?x256xbf16, nvfp4, nibbles = hi_first>)
    -> !qmm.tensor<?x64xbf16, nvfp4, nibbles = hi_first> {
  // CHECK: %[[M:.*]] = tensor.dim %[[D]]
  // CHECK: %[[D1:.*]] = tensor.extract_slice %[[D]][0, 16] [%[[M]], 32] [1, 1]
  // CHECK: %[[D2:.*]] = bufferization.alloc_tensor() copy(%[[D1]]) : tensor<?x32xi8>
  // CHECK: %[[S1:.*]] = tensor.extract_slice %[[S]][0, 2] [%{{.*}}, 4] [1, 1]
  // CHECK: %[[S2:.*]] = bufferization.alloc_tensor() copy(%[[S1]]) : tensor<?x4xf8E4M3FN>
  // CHECK: return %[[D2]], %[[S2]], %[[TS]]
  %h = qmm.slice %q [0, 32] [-1, 64] : !qmm.tensor<?x256xbf16, nvfp4, nibbles = hi_first>
    -> !qmm.tensor<?x64xbf16, nvfp4, nibbles = hi_first>
  return %h : !qmm.tensor<?x64xbf16, nvfp4, nibbles = hi_first>
}

// Blocks of several rows, the last one partial.
// CHECK-LABEL: func @slice_blocks
// CHECK-SAME: %[[D:[^:]*]]: tensor<300x256xf8E4M3FN> {{{.*}}}, %[[S:[^:]*]]: tensor<3x2xf32>
func.func @slice_blocks(%q: !qmm.tensor<300x256xbf16, fp8_128x128>) -> !qmm.tensor<172x256xbf16, fp8_128x128> {
  // CHECK: tensor.extract_slice %[[D]][128, 0] [172, 256] [1, 1]
  // CHECK: tensor.extract_slice %[[S]][1, 0] [2, 2] [1, 1]
  %h = qmm.slice %q [128, 0] [172, 256] : !qmm.tensor<300x256xbf16, fp8_128x128> -> !qmm.tensor<172x256xbf16, fp8_128x128>
  return %h : !qmm.tensor<172x256xbf16, fp8_128x128>
}

// One matrix of a batch, rows of it: no gap before what varies.
// CHECK-LABEL: func @slice_batch
// CHECK-SAME: %[[D:[^:]*]]: tensor<4x8x32xf8E4M3FN> {{{.*}}}, %[[S:[^:]*]]: tensor<f32>
func.func @slice_batch(%q: !qmm.tensor<4x8x32xbf16, fp8>)
    -> (!qmm.tensor<1x4x32xbf16, fp8>, !qmm.tensor<2x4x32xbf16, fp8>) {
  // CHECK: %[[A:.*]] = tensor.extract_slice %[[D]][3, 0, 0] [1, 4, 32] [1, 1, 1]
  // CHECK: %[[B:.*]] = tensor.extract_slice %[[D]][0, 4, 0] [2, 4, 32] [1, 1, 1]
  // CHECK: %[[C:.*]] = bufferization.alloc_tensor() copy(%[[B]])
  // CHECK: return %[[A]], %[[S]], %[[C]], %[[S]]
  %a = qmm.slice %q [3, 0, 0] [1, 4, 32] : !qmm.tensor<4x8x32xbf16, fp8> -> !qmm.tensor<1x4x32xbf16, fp8>
  %b = qmm.slice %q [0, 4, 0] [2, 4, 32] : !qmm.tensor<4x8x32xbf16, fp8> -> !qmm.tensor<2x4x32xbf16, fp8>
  return %a, %b : !qmm.tensor<1x4x32xbf16, fp8>, !qmm.tensor<2x4x32xbf16, fp8>
}

// -----

// CHECK-LABEL: func @reshape
// CHECK-SAME: %[[D:[^:]*]]: tensor<4x?x256xf8E4M3FN> {{{.*}}}, %[[S:[^:]*]]: tensor<4x?x1xf32>
func.func @reshape(%q: !qmm.tensor<4x?x256xbf16, fp8_row>) -> !qmm.tensor<?x256xbf16, fp8_row> {
  // CHECK-NEXT: %[[D1:.*]] = tensor.collapse_shape %[[D]] {{\[\[}}0, 1], [2]] : tensor<4x?x256xf8E4M3FN> into tensor<?x256xf8E4M3FN>
  // CHECK-NEXT: %[[S1:.*]] = tensor.collapse_shape %[[S]] {{\[\[}}0, 1], [2]] : tensor<4x?x1xf32> into tensor<?x1xf32>
  // CHECK-NEXT: return %[[D1]], %[[S1]]
  %r = qmm.reshape %q : !qmm.tensor<4x?x256xbf16, fp8_row> -> !qmm.tensor<?x256xbf16, fp8_row>
  return %r : !qmm.tensor<?x256xbf16, fp8_row>
}

// CHECK-LABEL: func @reshape_expand
// CHECK-SAME: %[[D:[^:]*]]: tensor<?x256xf8E4M3FN> {{{.*}}}, %[[S:[^:]*]]: tensor<f32>
func.func @reshape_expand(%q: !qmm.tensor<?x256xbf16, fp8>) -> !qmm.tensor<2x?x3x256xbf16, fp8> {
  // CHECK: %[[ROWS:.*]] = tensor.dim %[[D]]
  // CHECK: %[[C6:.*]] = arith.constant 6 : index
  // CHECK: %[[N:.*]] = arith.divui %[[ROWS]], %[[C6]]
  // CHECK: %[[D1:.*]] = tensor.expand_shape %[[D]] {{\[\[}}0, 1, 2], [3]] output_shape [2, %[[N]], 3, 256]
  // CHECK: return %[[D1]], %[[S]]
  %r = qmm.reshape %q : !qmm.tensor<?x256xbf16, fp8> -> !qmm.tensor<2x?x3x256xbf16, fp8>
  return %r : !qmm.tensor<2x?x3x256xbf16, fp8>
}

// CHECK-LABEL: func @reshape_batch_of_blocks
// CHECK-SAME: %[[D:[^:]*]]: tensor<6x130x256xf8E4M3FN> {{{.*}}}, %[[S:[^:]*]]: tensor<6x2x2xf32>
func.func @reshape_batch_of_blocks(%q: !qmm.tensor<6x130x256xbf16, fp8_128x128>)
    -> !qmm.tensor<2x3x130x256xbf16, fp8_128x128> {
  // CHECK: %[[D1:.*]] = tensor.collapse_shape %[[D]] {{.*}} into tensor<780x256xf8E4M3FN>
  // CHECK: %[[D2:.*]] = tensor.expand_shape %[[D1]] {{.*}} into tensor<2x3x130x256xf8E4M3FN>
  // CHECK: %[[S1:.*]] = tensor.collapse_shape %[[S]] {{.*}} into tensor<12x2xf32>
  // CHECK: %[[S2:.*]] = tensor.expand_shape %[[S1]] {{.*}} into tensor<2x3x2x2xf32>
  // CHECK: return %[[D2]], %[[S2]]
  %r = qmm.reshape %q : !qmm.tensor<6x130x256xbf16, fp8_128x128> -> !qmm.tensor<2x3x130x256xbf16, fp8_128x128>
  return %r : !qmm.tensor<2x3x130x256xbf16, fp8_128x128>
}

// An empty dimension leaves nothing to divide by.
// CHECK-LABEL: func @reshape_empty
func.func @reshape_empty(%q: !qmm.tensor<?x256xbf16, fp8>) -> !qmm.tensor<0x?x256xbf16, fp8> {
  // CHECK-NOT: arith.divui
  // CHECK: tensor.expand_shape %{{.*}} output_shape [0, %c0, 256]
  %r = qmm.reshape %q : !qmm.tensor<?x256xbf16, fp8> -> !qmm.tensor<0x?x256xbf16, fp8>
  return %r : !qmm.tensor<0x?x256xbf16, fp8>
}

// One scale for all: any permutation.
// CHECK-LABEL: func @transpose
// CHECK-SAME: %[[D:[^:]*]]: tensor<?x1024xf8E4M3FN> {{{.*}}}, %[[S:[^:]*]]: tensor<f32>
func.func @transpose(%q: !qmm.tensor<?x1024xbf16, fp8>) -> !qmm.tensor<1024x?xbf16, fp8> {
  // CHECK: %[[M:.*]] = tensor.dim %[[D]]
  // CHECK: %[[E:.*]] = tensor.empty(%[[M]]) : tensor<1024x?xf8E4M3FN>
  // CHECK: %[[T:.*]] = linalg.transpose ins(%[[D]] : {{.*}}) outs(%[[E]] : {{.*}}) permutation = [1, 0]
  // CHECK: return %[[T]], %[[S]]
  %t = qmm.transpose %q [1, 0] : !qmm.tensor<?x1024xbf16, fp8> -> !qmm.tensor<1024x?xbf16, fp8>
  return %t : !qmm.tensor<1024x?xbf16, fp8>
}

// Batch dimensions: the scales with the data.
// CHECK-LABEL: func @transpose_batch
// CHECK-SAME: %[[D:[^:]*]]: tensor<2x3x8x32xi8> {{{.*}}}, %[[S:[^:]*]]: tensor<2x3x8x4xf8E4M3FN> {{{.*}}}, %[[TS:[^:]*]]: tensor<f32>
func.func @transpose_batch(%q: !qmm.tensor<2x3x8x64xbf16, nvfp4, nibbles = lo_first>)
    -> !qmm.tensor<3x2x8x64xbf16, nvfp4, nibbles = lo_first> {
  // CHECK: %[[D1:.*]] = linalg.transpose ins(%[[D]] : {{.*}}) outs(%{{.*}} : tensor<3x2x8x32xi8>) permutation = [1, 0, 2, 3]
  // CHECK: %[[S1:.*]] = linalg.transpose ins(%[[S]] : {{.*}}) outs(%{{.*}} : tensor<3x2x8x4xf8E4M3FN>) permutation = [1, 0, 2, 3]
  // CHECK: return %[[D1]], %[[S1]], %[[TS]]
  %t = qmm.transpose %q [1, 0, 2, 3] : !qmm.tensor<2x3x8x64xbf16, nvfp4, nibbles = lo_first>
    -> !qmm.tensor<3x2x8x64xbf16, nvfp4, nibbles = lo_first>
  return %t : !qmm.tensor<3x2x8x64xbf16, nvfp4, nibbles = lo_first>
}

// Zero bytes: of an E8M0 scale they are 2^-127.
// CHECK-LABEL: func @pad
// CHECK-SAME: %[[D:[^:]*]]: tensor<4x256xf8E4M3FN> {{{.*}}}, %[[S:[^:]*]]: tensor<4x8xf8E8M0FNU>
func.func @pad(%q: !qmm.tensor<4x256xbf16, mxfp8>) -> !qmm.tensor<6x288xbf16, mxfp8> {
  // CHECK: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f8E4M3FN
  // CHECK: %[[D1:.*]] = linalg.fill ins(%[[ZERO]] : f8E4M3FN) outs(%{{.*}} : tensor<6x288xf8E4M3FN>)
  // CHECK: %[[D2:.*]] = tensor.insert_slice %[[D]] into %[[D1]][0, 0] [4, 256] [1, 1]
  // CHECK: %[[BYTE:.*]] = arith.constant 5.877470e-39 : f8E8M0FNU
  // CHECK: %[[S1:.*]] = linalg.fill ins(%[[BYTE]] : f8E8M0FNU) outs(%{{.*}} : tensor<6x9xf8E8M0FNU>)
  // CHECK: %[[S2:.*]] = tensor.insert_slice %[[S]] into %[[S1]][0, 0] [4, 8] [1, 1]
  // CHECK: return %[[D2]], %[[S2]]
  %p = qmm.pad %q [2, 32] : !qmm.tensor<4x256xbf16, mxfp8> -> !qmm.tensor<6x288xbf16, mxfp8>
  return %p : !qmm.tensor<6x288xbf16, mxfp8>
}

// CHECK-LABEL: func @pad_packed
// CHECK-SAME: %[[D:[^:]*]]: tensor<2x?x128xi8> {{{.*}}}, %[[S:[^:]*]]: tensor<2x?x16xf8E4M3FN> {{{.*}}}, %[[TS:[^:]*]]: tensor<f32>
func.func @pad_packed(%q: !qmm.tensor<2x?x256xbf16, nvfp4, nibbles = hi_first>)
    -> !qmm.tensor<2x?x320xbf16, nvfp4, nibbles = hi_first> {
  // CHECK: %[[M:.*]] = tensor.dim %[[D]]
  // CHECK: %[[E:.*]] = tensor.empty(%[[M]]) : tensor<2x?x160xi8>
  // CHECK: %[[ZERO:.*]] = arith.constant 0 : i8
  // CHECK: linalg.fill ins(%[[ZERO]] : i8) outs(%[[E]]
  // CHECK: tensor.insert_slice %[[D]] into %{{.*}}[0, 0, 0] [2, %[[M]], 128] [1, 1, 1]
  // CHECK: tensor.insert_slice %[[S]] into %{{.*}} : tensor<2x?x16xf8E4M3FN> into tensor<2x?x20xf8E4M3FN>
  %p = qmm.pad %q [0, 0, 64] : !qmm.tensor<2x?x256xbf16, nvfp4, nibbles = hi_first>
    -> !qmm.tensor<2x?x320xbf16, nvfp4, nibbles = hi_first>
  return %p : !qmm.tensor<2x?x320xbf16, nvfp4, nibbles = hi_first>
}
