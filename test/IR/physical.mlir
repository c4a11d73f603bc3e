// The physical ops on tensors and on memrefs, through text and bytecode.
// RUN: quant-opt %s | FileCheck %s
// RUN: quant-opt %s --emit-bytecode | quant-opt | FileCheck %s
// RUN: quant-opt %s --canonicalize | FileCheck %s --check-prefix=EFFECTS

// On tensors the ops have no effects, so an unused one goes.
// CHECK-LABEL: func @tensors
// EFFECTS-LABEL: func @tensors
// EFFECTS-NOT: qmm.phys
func.func @tensors(%x: tensor<?x256xbf16>, %d: tensor<?x256xf8E4M3FN>, %s: tensor<f32>) {
  // CHECK: qmm.phys.quantize ins(%{{.*}} : tensor<?x256xbf16>) outs(%{{.*}}, %{{.*}} : tensor<?x256xf8E4M3FN>, tensor<f32>) {input_types = [tensor<?x256xbf16>], output_types = [!qmm.tensor<?x256xbf16, fp8>]} -> tensor<?x256xf8E4M3FN>, tensor<f32>
  %q, %t = qmm.phys.quantize ins(%x : tensor<?x256xbf16>)
    outs(%d, %s : tensor<?x256xf8E4M3FN>, tensor<f32>)
    {input_types = [tensor<?x256xbf16>], output_types = [!qmm.tensor<?x256xbf16, fp8>]}
    -> tensor<?x256xf8E4M3FN>, tensor<f32>
  // CHECK: qmm.phys.dequantize
  %w = qmm.phys.dequantize ins(%q, %t : tensor<?x256xf8E4M3FN>, tensor<f32>)
    outs(%x : tensor<?x256xbf16>)
    {input_types = [!qmm.tensor<?x256xbf16, fp8>], output_types = [tensor<?x256xbf16>]}
    -> tensor<?x256xbf16>
  // CHECK: qmm.phys.amax
  %m = qmm.phys.amax ins(%w : tensor<?x256xbf16>) outs(%s : tensor<f32>)
    {input_types = [tensor<?x256xbf16>], output_types = [tensor<f32>]} -> tensor<f32>
  return
}

// Given scales are inputs; the tensor scale of a relayout isn't an output.
// EFFECTS-LABEL: func @memrefs
// CHECK-LABEL: func @memrefs
func.func @memrefs(%x: memref<8x256xbf16>, %d: memref<8x128xi8>, %s: memref<8x16xf8E4M3FN>,
                   %ts: memref<f32>, %d2: memref<8x128xi8>, %s2: memref<128x16xf8E4M3FN>) {
  // EFFECTS-COUNT-3: qmm.phys
  // CHECK: qmm.phys.quantize ins(%{{.*}}, %{{.*}}, %{{.*}} : memref<8x256xbf16>, memref<8x16xf8E4M3FN>, memref<f32>) outs(%{{.*}} : memref<8x128xi8>) {input_types = {{.*}}, output_types = {{.*}}, precision = f16, scale_given, tensor_scale_given}
  qmm.phys.quantize ins(%x, %s, %ts : memref<8x256xbf16>, memref<8x16xf8E4M3FN>, memref<f32>)
    outs(%d : memref<8x128xi8>)
    {input_types = [tensor<8x256xbf16>], output_types = [!qmm.tensor<8x256xbf16, nvfp4, nibbles = lo_first>],
     precision = f16, scale_given, tensor_scale_given}
  // CHECK: qmm.phys.quantize
  qmm.phys.quantize ins(%x, %ts : memref<8x256xbf16>, memref<f32>)
    outs(%d, %s : memref<8x128xi8>, memref<8x16xf8E4M3FN>)
    {input_types = [tensor<8x256xbf16>], output_types = [!qmm.tensor<8x256xbf16, nvfp4, nibbles = lo_first>],
     tensor_scale_given}
  // CHECK: qmm.phys.relayout
  qmm.phys.relayout ins(%d, %s, %ts : memref<8x128xi8>, memref<8x16xf8E4M3FN>, memref<f32>)
    outs(%d2, %s2 : memref<8x128xi8>, memref<128x16xf8E4M3FN>)
    {input_types = [!qmm.tensor<8x256xbf16, nvfp4, nibbles = lo_first>],
     output_types = [!qmm.tensor<8x256xbf16, nvfp4, scales = tiled_128x4, nibbles = hi_first>]}
  return
}

// CHECK-LABEL: func @scaled_matmul
func.func @scaled_matmul(%x: memref<?x256xbf16>, %w: memref<512x256xi8>, %ws: memref<512x1xf32>,
                         %bias: memref<512xf32>, %residual: memref<?x512xbf16>, %s: memref<f32>,
                         %d: memref<?x512xf8E4M3FN>, %amax: memref<f32>) {
  // The scale of a per-tensor result is the last input.
  // CHECK: qmm.phys.scaled_matmul ins(%{{.*}} : memref<?x256xbf16>, memref<512x256xi8>, memref<512x1xf32>, memref<512xf32>, memref<?x512xbf16>, memref<f32>) outs(%{{.*}} : memref<?x512xf8E4M3FN>, memref<f32>) {activation = #qmm.activation<relu>, b_precision = bf16, has_amax, has_bias, has_residual,
  qmm.phys.scaled_matmul
    ins(%x, %w, %ws, %bias, %residual, %s : memref<?x256xbf16>, memref<512x256xi8>, memref<512x1xf32>, memref<512xf32>, memref<?x512xbf16>, memref<f32>)
    outs(%d, %amax : memref<?x512xf8E4M3FN>, memref<f32>)
    {input_types = [tensor<?x256xbf16>, !qmm.tensor<512x256xbf16, int8_row>, tensor<512xf32>, tensor<?x512xbf16>],
     output_types = [!qmm.tensor<?x512xbf16, fp8>, tensor<f32>],
     activation = #qmm.activation<relu>, b_precision = bf16, has_bias, has_residual, has_amax}
  return
}

module {
  module @qmm.kernels {
    func.func private @fill(memref<?xf32>, index, index)
  }
  // CHECK-LABEL: func @launch
  func.func @launch(%x: memref<?xf32>, %n: index) {
    // CHECK: qmm.launch @qmm.kernels::@fill(%{{.*}} : memref<?xf32>) integers() extent(%{{.*}})
    qmm.launch @qmm.kernels::@fill(%x : memref<?xf32>) integers() extent(%n)
    return
  }
}
