// Every op in its forms, through text and bytecode.
// RUN: quant-opt %s | FileCheck %s
// RUN: quant-opt %s --emit-bytecode | quant-opt | FileCheck %s

// CHECK-LABEL: func @parameter
func.func @parameter() -> (tensor<1024x128xi8>, tensor<4xf32>) {
  // CHECK: qmm.parameter "model::fc1.weight" : tensor<1024x128xi8>
  %w = qmm.parameter "model::fc1.weight" : tensor<1024x128xi8>
  // CHECK: qmm.parameter "const::c0" digest -7 {qmm.notes = ["spilled"]} : tensor<4xf32>
  %c = qmm.parameter "const::c0" digest -7 {qmm.notes = ["spilled"]} : tensor<4xf32>
  return %w, %c : tensor<1024x128xi8>, tensor<4xf32>
}

// A dynamic extent of a part matches any.
// CHECK-LABEL: func @assemble
// CHECK-SAME: %[[DATA:.*]]: tensor<?x128xi8>, %[[SCALE:.*]]: tensor<?x16xf8E4M3FN>, %[[TS:.*]]: tensor<f32>
func.func @assemble(%data: tensor<?x128xi8>, %scale: tensor<?x16xf8E4M3FN>, %ts: tensor<f32>)
    -> !qmm.tensor<16x256xbf16, nvfp4, scales = tiled_128x4, nibbles = hi_first> {
  // CHECK: qmm.assemble %[[DATA]], %[[SCALE]], %[[TS]]
  // CHECK-SAME: : tensor<?x128xi8>, tensor<?x16xf8E4M3FN>, tensor<f32> -> !qmm.tensor<16x256xbf16, nvfp4, scales = tiled_128x4, nibbles = hi_first>
  %w = qmm.assemble %data, %scale, %ts
    : tensor<?x128xi8>, tensor<?x16xf8E4M3FN>, tensor<f32>
   -> !qmm.tensor<16x256xbf16, nvfp4, scales = tiled_128x4, nibbles = hi_first>
  return %w : !qmm.tensor<16x256xbf16, nvfp4, scales = tiled_128x4, nibbles = hi_first>
}

// CHECK-LABEL: func @disassemble
// CHECK-SAME: %[[W:.*]]: !qmm.tensor
func.func @disassemble(%w: !qmm.tensor<2x?x256xf16, fp8_row>) -> (tensor<2x?x256xf8E4M3FN>, tensor<2x?x1xf32>) {
  // CHECK: %{{.*}}:2 = qmm.disassemble %[[W]] : !qmm.tensor<2x?x256xf16, fp8_row> -> tensor<2x?x256xf8E4M3FN>, tensor<2x?x1xf32>
  %d, %s = qmm.disassemble %w : !qmm.tensor<2x?x256xf16, fp8_row> -> tensor<2x?x256xf8E4M3FN>, tensor<2x?x1xf32>
  return %d, %s : tensor<2x?x256xf8E4M3FN>, tensor<2x?x1xf32>
}

// CHECK-LABEL: func @quantize
// CHECK-SAME: %[[X:.*]]: tensor<?x256xbf16>, %[[S:.*]]: tensor<f32>, %[[ROWS:.*]]: tensor<?x1xf32>, %[[BLOCKS:.*]]: tensor<?x16xf8E4M3FN>
func.func @quantize(%x: tensor<?x256xbf16>, %s: tensor<f32>, %rows: tensor<?x1xf32>, %blocks: tensor<?x16xf8E4M3FN>) {
  // CHECK: qmm.quantize %[[X]] : tensor<?x256xbf16> -> !qmm.tensor<?x256xbf16, fp8>
  %0 = qmm.quantize %x : tensor<?x256xbf16> -> !qmm.tensor<?x256xbf16, fp8>
  // CHECK: qmm.quantize %[[X]] scale(%[[S]] : tensor<f32>) {precision = bf16} :
  %1 = qmm.quantize %x scale(%s : tensor<f32>) {precision = bf16}
    : tensor<?x256xbf16> -> !qmm.tensor<?x256xbf16, fp8>
  // CHECK: qmm.quantize %[[X]] scale(%[[ROWS]] : tensor<?x1xf32>) :
  %2 = qmm.quantize %x scale(%rows : tensor<?x1xf32>)
    : tensor<?x256xbf16> -> !qmm.tensor<?x256xbf16, int8_row>
  // CHECK: qmm.quantize %[[X]] tensor_scale(%[[S]] : tensor<f32>) :
  %3 = qmm.quantize %x tensor_scale(%s : tensor<f32>)
    : tensor<?x256xbf16> -> !qmm.tensor<?x256xbf16, nvfp4, nibbles = lo_first>
  // CHECK: qmm.quantize %[[X]] scale(%[[BLOCKS]] : tensor<?x16xf8E4M3FN>) tensor_scale(%[[S]] : tensor<f32>) :
  %4 = qmm.quantize %x scale(%blocks : tensor<?x16xf8E4M3FN>) tensor_scale(%s : tensor<f32>)
    : tensor<?x256xbf16> -> !qmm.tensor<?x256xbf16, nvfp4, nibbles = lo_first>
  // CHECK: qmm.quantize %[[X]] {e8m0_rounding = #qmm.e8m0_rounding<floor>} :
  %5 = qmm.quantize %x {e8m0_rounding = #qmm.e8m0_rounding<floor>}
    : tensor<?x256xbf16> -> !qmm.tensor<?x256xbf16, mxfp8>
  // CHECK: qmm.quantize %[[X]] {scale_precision_input} :
  %6 = qmm.quantize %x {scale_precision_input}
    : tensor<?x256xbf16> -> !qmm.tensor<?x256xbf16, nvfp4, nibbles = hi_first>
  return
}

// CHECK-LABEL: func @convert
// CHECK-SAME: %[[W:.*]]: !qmm.tensor
func.func @convert(%w: !qmm.tensor<1024x256xbf16, mxfp8>) {
  // CHECK: %[[X:.*]] = qmm.dequantize %[[W]] : !qmm.tensor<1024x256xbf16, mxfp8> -> tensor<1024x256xf32>
  %x = qmm.dequantize %w : !qmm.tensor<1024x256xbf16, mxfp8> -> tensor<1024x256xf32>
  // CHECK: qmm.relayout %[[W]] : !qmm.tensor<1024x256xbf16, mxfp8> -> !qmm.tensor<1024x256xbf16, mxfp8, scales = tiled_128x4, pad = [32, 1]>
  %v = qmm.relayout %w
    : !qmm.tensor<1024x256xbf16, mxfp8>
   -> !qmm.tensor<1024x256xbf16, mxfp8, scales = tiled_128x4, pad = [32, 1]>
  // CHECK: qmm.amax %[[X]] : tensor<1024x256xf32> -> tensor<f32>
  %m = qmm.amax %x : tensor<1024x256xf32> -> tensor<f32>
  return
}

// CHECK-LABEL: func @scaled_matmul
// CHECK-SAME: %[[X:[^:]*]]: !qmm.tensor<2x?x256xbf16, fp8>, %[[W:[^:]*]]: !qmm.tensor<1024x256xbf16, fp8>, %[[BIAS:[^:]*]]: tensor<1024xbf16>, %[[RESIDUAL:[^:]*]]: tensor<2x?x1024xbf16>, %[[S:[^:]*]]: tensor<f32>
func.func @scaled_matmul(%x: !qmm.tensor<2x?x256xbf16, fp8>, %w: !qmm.tensor<1024x256xbf16, fp8>,
                         %bias: tensor<1024xbf16>, %residual: tensor<2x?x1024xbf16>, %s: tensor<f32>) {
  // CHECK: qmm.scaled_matmul %[[X]], %[[W]] : !qmm.tensor<2x?x256xbf16, fp8>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<2x?x1024xbf16>
  %0 = qmm.scaled_matmul %x, %w
    : !qmm.tensor<2x?x256xbf16, fp8>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<2x?x1024xbf16>
  // CHECK: qmm.scaled_matmul %[[X]], %[[W]] bias(%[[BIAS]] : tensor<1024xbf16>) residual(%[[RESIDUAL]] : tensor<2x?x1024xbf16>) {activation = #qmm.activation<gelu_tanh>} :
  %1 = qmm.scaled_matmul %x, %w bias(%bias : tensor<1024xbf16>) residual(%residual : tensor<2x?x1024xbf16>)
    {activation = #qmm.activation<gelu_tanh>}
    : !qmm.tensor<2x?x256xbf16, fp8>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<2x?x1024xbf16>
  // CHECK: qmm.scaled_matmul %[[X]], %[[W]] out_scale(%[[S]] : tensor<f32>) :
  // CHECK-SAME: -> !qmm.tensor<2x?x1024xbf16, fp8>, tensor<f32>
  %2, %amax = qmm.scaled_matmul %x, %w out_scale(%s : tensor<f32>)
    : !qmm.tensor<2x?x256xbf16, fp8>, !qmm.tensor<1024x256xbf16, fp8>
   -> !qmm.tensor<2x?x1024xbf16, fp8>, tensor<f32>
  // CHECK: qmm.scaled_matmul %[[X]], %[[W]] : {{.*}} -> !qmm.tensor<2x?x1024xbf16, mxfp8>
  %3 = qmm.scaled_matmul %x, %w
    : !qmm.tensor<2x?x256xbf16, fp8>, !qmm.tensor<1024x256xbf16, fp8> -> !qmm.tensor<2x?x1024xbf16, mxfp8>
  // CHECK: qmm.scaled_matmul %[[X]], %[[W]] out_scale({{.*}}) : {{.*}} -> !qmm.tensor<2x?x1024xbf16, nvfp4, nibbles = lo_first>
  %4 = qmm.scaled_matmul %x, %w out_scale(%s : tensor<f32>)
    : !qmm.tensor<2x?x256xbf16, fp8>, !qmm.tensor<1024x256xbf16, fp8>
   -> !qmm.tensor<2x?x1024xbf16, nvfp4, nibbles = lo_first>
  // CHECK: qmm.scaled_matmul %[[X]], %[[W]] {a_precision = bf16, b_precision = f16} :
  %5 = qmm.scaled_matmul %x, %w {a_precision = bf16, b_precision = f16}
    : !qmm.tensor<2x?x256xbf16, fp8>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<2x?x1024xbf16>
  return
}

// Any pair of schemes, wide operands, a batch of both.
// CHECK-LABEL: func @scaled_matmul_mixed
// CHECK-SAME: %[[X:[^:]*]]: tensor<3x8x96xf16>, %[[W:[^:]*]]: !qmm.tensor<3x?x96xbf16, int8>
func.func @scaled_matmul_mixed(%x: tensor<3x8x96xf16>, %w: !qmm.tensor<3x?x96xbf16, int8>) -> tensor<3x8x?xf32> {
  // CHECK: qmm.scaled_matmul %[[X]], %[[W]] : tensor<3x8x96xf16>, !qmm.tensor<3x?x96xbf16, int8> -> tensor<3x8x?xf32>
  %0 = qmm.scaled_matmul %x, %w : tensor<3x8x96xf16>, !qmm.tensor<3x?x96xbf16, int8> -> tensor<3x8x?xf32>
  return %0 : tensor<3x8x?xf32>
}

// CHECK-LABEL: func @linear
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x256xbf16>, %[[W:[^:]*]]: !qmm.tensor<1024x256xbf16, fp8>, %[[BIAS:[^:]*]]: tensor<1024xbf16>, %[[S:[^:]*]]: tensor<f32>, %[[PRE:[^:]*]]: tensor<256xbf16>
func.func @linear(%x: tensor<?x256xbf16>, %w: !qmm.tensor<1024x256xbf16, fp8>, %bias: tensor<1024xbf16>,
                  %s: tensor<f32>, %pre: tensor<256xbf16>) {
  // CHECK: qmm.linear %[[X]], %[[W]] bias(%[[BIAS]] : tensor<1024xbf16>) input_scale(%[[S]] : tensor<f32>) pre_quant_scale(%[[PRE]] : tensor<256xbf16>) : tensor<?x256xbf16>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<?x1024xbf16>
  %0 = qmm.linear %x, %w bias(%bias : tensor<1024xbf16>) input_scale(%s : tensor<f32>) pre_quant_scale(%pre : tensor<256xbf16>)
    : tensor<?x256xbf16>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<?x1024xbf16>
  // CHECK: qmm.linear %[[X]], %[[W]] {activation = #qmm.activation<silu>, full_precision} :
  %1 = qmm.linear %x, %w {activation = #qmm.activation<silu>, full_precision}
    : tensor<?x256xbf16>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<?x1024xbf16>
  return
}

// CHECK-LABEL: func @shapes
// CHECK-SAME: %[[X:[^:]*]]: !qmm.tensor<4x?x256xbf16, fp8_row>, %[[W:[^:]*]]: !qmm.tensor<1024x256xbf16, mxfp8>, %[[P:[^:]*]]: !qmm.tensor<6x1024x256xbf16, fp8>
func.func @shapes(%x: !qmm.tensor<4x?x256xbf16, fp8_row>, %w: !qmm.tensor<1024x256xbf16, mxfp8>,
                  %p: !qmm.tensor<6x1024x256xbf16, fp8>) {
  // CHECK: qmm.dim %[[X]], 1 : !qmm.tensor<4x?x256xbf16, fp8_row>
  %d = qmm.dim %x, 1 : !qmm.tensor<4x?x256xbf16, fp8_row>
  // CHECK: qmm.slice %[[X]] [1, 0, 0] [2, -1, 100] : !qmm.tensor<4x?x256xbf16, fp8_row> -> !qmm.tensor<2x?x100xbf16, fp8_row>
  %s0 = qmm.slice %x [1, 0, 0] [2, -1, 100]
    : !qmm.tensor<4x?x256xbf16, fp8_row> -> !qmm.tensor<2x?x100xbf16, fp8_row>
  // CHECK: qmm.slice %[[W]] [512, 32] [500, 224] : !qmm.tensor<1024x256xbf16, mxfp8> -> !qmm.tensor<500x224xbf16, mxfp8>
  %s1 = qmm.slice %w [512, 32] [500, 224]
    : !qmm.tensor<1024x256xbf16, mxfp8> -> !qmm.tensor<500x224xbf16, mxfp8>
  // CHECK: qmm.reshape %[[X]] : !qmm.tensor<4x?x256xbf16, fp8_row> -> !qmm.tensor<?x256xbf16, fp8_row>
  %r = qmm.reshape %x : !qmm.tensor<4x?x256xbf16, fp8_row> -> !qmm.tensor<?x256xbf16, fp8_row>
  // CHECK: qmm.transpose %[[P]] [2, 0, 1] : !qmm.tensor<6x1024x256xbf16, fp8> -> !qmm.tensor<256x6x1024xbf16, fp8>
  %t = qmm.transpose %p [2, 0, 1]
    : !qmm.tensor<6x1024x256xbf16, fp8> -> !qmm.tensor<256x6x1024xbf16, fp8>
  // CHECK: qmm.pad %[[W]] [0, 64] : !qmm.tensor<1024x256xbf16, mxfp8> -> !qmm.tensor<1024x320xbf16, mxfp8>
  %q = qmm.pad %w [0, 64] : !qmm.tensor<1024x256xbf16, mxfp8> -> !qmm.tensor<1024x320xbf16, mxfp8>
  return
}
