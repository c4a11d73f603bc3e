// Every op in its forms, through text and bytecode.
// RUN: quant-opt %s | FileCheck %s
// RUN: quant-opt %s --emit-bytecode | quant-opt | FileCheck %s

// CHECK-LABEL: func @parameter
func.func @parameter() -> (tensor<1024x128xi8>, tensor<4xf32>) {
  // CHECK: qmm.parameter "model::fc1.weight" : tensor<1024x128xi8>
  %w = qmm.parameter "model::fc1.weight" : tensor<1024x128xi8>
  // CHECK: qmm.parameter "const::c0" digest 42 {qmm.notes = ["spilled"]} : tensor<4xf32>
  %c = qmm.parameter "const::c0" digest 42 {qmm.notes = ["spilled"]} : tensor<4xf32>
  return %w, %c : tensor<1024x128xi8>, tensor<4xf32>
}

// CHECK-LABEL: func @assemble
// CHECK-SAME: %[[DATA:.*]]: tensor<?x128xi8>, %[[SCALE:.*]]: tensor<?x16xf8E4M3FN>, %[[TS:.*]]: tensor<f32>
func.func @assemble(%data: tensor<?x128xi8>, %scale: tensor<?x16xf8E4M3FN>, %ts: tensor<f32>)
    -> (tensor<16x128xi8>, tensor<128x16xf8E4M3FN>, tensor<f32>) {
  // CHECK: %[[W:.*]] = qmm.assemble %[[DATA]], %[[SCALE]], %[[TS]]
  // CHECK-SAME: : tensor<?x128xi8>, tensor<?x16xf8E4M3FN>, tensor<f32> -> !qmm.tensor<16x256xbf16, nvfp4, scales = tiled_128x4, nibbles = hi_first>
  %w = qmm.assemble %data, %scale, %ts
    : tensor<?x128xi8>, tensor<?x16xf8E4M3FN>, tensor<f32>
   -> !qmm.tensor<16x256xbf16, nvfp4, scales = tiled_128x4, nibbles = hi_first>
  // CHECK: %{{.*}}:3 = qmm.disassemble %[[W]]
  // CHECK-SAME: -> tensor<16x128xi8>, tensor<128x16xf8E4M3FN>, tensor<f32>
  %parts:3 = qmm.disassemble %w
    : !qmm.tensor<16x256xbf16, nvfp4, scales = tiled_128x4, nibbles = hi_first>
   -> tensor<16x128xi8>, tensor<128x16xf8E4M3FN>, tensor<f32>
  return %parts#0, %parts#1, %parts#2 : tensor<16x128xi8>, tensor<128x16xf8E4M3FN>, tensor<f32>
}
