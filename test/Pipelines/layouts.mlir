// Who converts which layout, and when: nothing at run time.  The weights are as
// a file has them (first code high, scales in rows); each target's matmuls take
// another layout, or none at all where they widen.
//
// RUN: quant-compile %s --target=cpu --compile-to=laid_out | FileCheck %s --check-prefixes=CHECK,ASIS
// RUN: quant-compile %s --target=cuda:sm_90 --compile-to=laid_out | FileCheck %s --check-prefixes=CHECK,ASIS,HOPPER
// RUN: quant-compile %s --target=cuda:sm_100f --compile-to=laid_out | FileCheck %s --check-prefixes=CHECK,BLACKWELL
// RUN: quant-compile %s --target=cuda:sm_120f --compile-to=laid_out | FileCheck %s --check-prefixes=CHECK,BLACKWELL

// ASIS-NOT: qmm.relayout

// Weights: once, when the program is loaded.
// BLACKWELL-LABEL: func.func @qmm.init
// BLACKWELL-COUNT-2: qmm.relayout {{.*}}nibbles = hi_first> -> {{.*}}scales = tiled_128x4, nibbles = lo_first>
// BLACKWELL-NOT: qmm.relayout

// Hopper decodes what the file holds.
// HOPPER-COUNT-2: qmm.dequantize {{.*}}nibbles = hi_first>

// Activations: quantized into the layout that the product wants.
// BLACKWELL-LABEL: func.func @mlp
// BLACKWELL-NOT: qmm.relayout
// BLACKWELL: qmm.quantize {{.*}} -> !qmm.tensor<?x256xbf16, nvfp4, scales = tiled_128x4, nibbles = lo_first>
// BLACKWELL-NOT: qmm.relayout
// BLACKWELL: qmm.scaled_matmul
// BLACKWELL-NOT: qmm.relayout
// BLACKWELL: qmm.quantize {{.*}} -> !qmm.tensor<?x1024xbf16, nvfp4, scales = tiled_128x4, nibbles = lo_first>
// BLACKWELL-NOT: qmm.relayout
// BLACKWELL: qmm.scaled_matmul
// BLACKWELL-NOT: qmm.relayout
// CHECK: return
func.func @mlp(%x: tensor<?x256xbf16> {qmm.name = "x"}) -> tensor<?x256xbf16> {
  %d1 = qmm.parameter "model::fc1.weight" : tensor<1024x128xi8>
  %s1 = qmm.parameter "model::fc1.weight_scale" : tensor<1024x16xf8E4M3FN>
  %t1 = qmm.parameter "model::fc1.weight_scale_2" : tensor<f32>
  %w1 = qmm.assemble %d1, %s1, %t1 : tensor<1024x128xi8>, tensor<1024x16xf8E4M3FN>, tensor<f32>
    -> !qmm.tensor<1024x256xbf16, nvfp4, nibbles = hi_first>
  %d2 = qmm.parameter "model::fc2.weight" : tensor<256x512xi8>
  %s2 = qmm.parameter "model::fc2.weight_scale" : tensor<256x64xf8E4M3FN>
  %t2 = qmm.parameter "model::fc2.weight_scale_2" : tensor<f32>
  %w2 = qmm.assemble %d2, %s2, %t2 : tensor<256x512xi8>, tensor<256x64xf8E4M3FN>, tensor<f32>
    -> !qmm.tensor<256x1024xbf16, nvfp4, nibbles = hi_first>
  %h = qmm.linear %x, %w1 {activation = #qmm.activation<silu>}
    : tensor<?x256xbf16>, !qmm.tensor<1024x256xbf16, nvfp4, nibbles = hi_first> -> tensor<?x1024xbf16>
  %y = qmm.linear %h, %w2
    : tensor<?x1024xbf16>, !qmm.tensor<256x1024xbf16, nvfp4, nibbles = hi_first> -> tensor<?x256xbf16>
  return %y : tensor<?x256xbf16>
}
