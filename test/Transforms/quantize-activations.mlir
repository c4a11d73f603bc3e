// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-quantize-activations{activations=auto}))' | FileCheck %s --check-prefixes=CHECK,WIDE
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-quantize-activations{activations=wide}))' | FileCheck %s --check-prefixes=CHECK,WIDE
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-quantize-activations{activations=checkpoint}))' | FileCheck %s --check-prefixes=CHECK,FILE
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-quantize-activations{activations=dynamic}))' | FileCheck %s --check-prefixes=CHECK,DYNAMIC
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-quantize-activations{activations=comfy}))' | FileCheck %s --check-prefixes=CHECK,COMFY
// On a chip that multiplies FP8 natively, auto quantizes it, and NVFP4 not.
// RUN: sed 's/"cpu"/"sm_89"/' %s | quant-opt --pass-pipeline='builtin.module(func.func(qmm-quantize-activations{activations=auto}))' | FileCheck %s --check-prefix=SM89

module attributes {qmm.targets = [#qmm.target<"cpu">]} {
  // CHECK-LABEL: func.func @fp8_static(
  // CHECK-SAME: %[[X:.*]]: tensor<?x256xbf16>, %[[W:.*]]: {{.*}}, %[[S:.*]]: tensor<f32>)
  // WIDE: qmm.scaled_matmul %[[X]], %[[W]] {qmm.notes = ["activation: wide"]}
  // FILE: %[[Q:.*]] = qmm.quantize %[[X]] scale(%[[S]] : tensor<f32>) : {{.*}} -> !qmm.tensor<?x256xbf16, fp8>
  // FILE: qmm.scaled_matmul %[[Q]], %[[W]] {qmm.notes = ["activation: fp8, static"]}
  // DYNAMIC: qmm.quantize %[[X]] :
  // DYNAMIC: {qmm.notes = ["activation: fp8, dynamic"]}
  // COMFY: qmm.quantize %[[X]] scale(%[[S]] : tensor<f32>)
  // SM89-LABEL: func.func @fp8_static(
  // SM89: qmm.quantize %{{.*}} scale(
  func.func @fp8_static(%x: tensor<?x256xbf16>, %w: !qmm.tensor<64x256xbf16, fp8>, %s: tensor<f32>) -> tensor<?x64xbf16> {
    %y = qmm.linear %x, %w input_scale(%s : tensor<f32>) : tensor<?x256xbf16>, !qmm.tensor<64x256xbf16, fp8> -> tensor<?x64xbf16>
    return %y : tensor<?x64xbf16>
  }

  // Without a scale in the file ComfyUI takes 1.0.
  // CHECK-LABEL: func.func @fp8_e5m2(
  // COMFY: %[[ONE:.*]] = arith.constant dense<1.000000e+00> : tensor<f32>
  // COMFY: qmm.quantize %{{.*}} scale(%[[ONE]] : tensor<f32>) : {{.*}} -> !qmm.tensor<?x256xbf16, fp8>
  // FILE: {qmm.notes = ["activation: fp8, dynamic"]}
  func.func @fp8_e5m2(%x: tensor<?x256xbf16>, %w: !qmm.tensor<64x256xbf16, fp8_e5m2>) -> tensor<?x64xbf16> {
    %y = qmm.linear %x, %w : tensor<?x256xbf16>, !qmm.tensor<64x256xbf16, fp8_e5m2> -> tensor<?x64xbf16>
    return %y : tensor<?x64xbf16>
  }

  // The file's NVFP4 scale is the tensor scale; nibbles are in the weight's order.
  // CHECK-LABEL: func.func @nvfp4(
  // CHECK-SAME: %[[X:.*]]: tensor<?x256xbf16>, %[[W:.*]]: {{.*}}, %[[S:.*]]: tensor<f32>)
  // FILE: qmm.quantize %[[X]] tensor_scale(%[[S]] : tensor<f32>) : {{.*}} -> !qmm.tensor<?x256xbf16, nvfp4, nibbles = hi_first>
  // COMFY: qmm.quantize %[[X]] : {{.*}} -> !qmm.tensor<?x256xbf16, nvfp4, nibbles = hi_first>
  // SM89-LABEL: func.func @nvfp4(
  // SM89-NOT: qmm.quantize
  func.func @nvfp4(%x: tensor<?x256xbf16>, %w: !qmm.tensor<64x256xbf16, nvfp4, scales = tiled_128x4, nibbles = hi_first, pad = [16, 16]>, %s: tensor<f32>) -> tensor<?x64xbf16> {
    %y = qmm.linear %x, %w input_scale(%s : tensor<f32>) : tensor<?x256xbf16>, !qmm.tensor<64x256xbf16, nvfp4, scales = tiled_128x4, nibbles = hi_first, pad = [16, 16]> -> tensor<?x64xbf16>
    return %y : tensor<?x64xbf16>
  }

  // K that isn't whole blocks is padded, on both sides.
  // CHECK-LABEL: func.func @padded_k(
  // DYNAMIC: qmm.quantize %{{.*}} -> !qmm.tensor<?x40xbf16, mxfp8, pad = [1, 32]>
  // SM89-LABEL: func.func @padded_k(
  func.func @padded_k(%x: tensor<?x40xbf16>, %w: !qmm.tensor<64x40xbf16, mxfp8, scales = tiled_128x4, pad = [32, 32]>) -> tensor<?x64xbf16> {
    %y = qmm.linear %x, %w : tensor<?x40xbf16>, !qmm.tensor<64x40xbf16, mxfp8, scales = tiled_128x4, pad = [32, 32]> -> tensor<?x64xbf16>
    return %y : tensor<?x64xbf16>
  }

  // CHECK-LABEL: func.func @int8(
  // FILE: qmm.quantize %{{.*}} -> !qmm.tensor<?x256xbf16, int8_row>
  func.func @int8(%x: tensor<?x256xbf16>, %w: !qmm.tensor<64x256xbf16, int8>) -> tensor<?x64xbf16> {
    %y = qmm.linear %x, %w : tensor<?x256xbf16>, !qmm.tensor<64x256xbf16, int8> -> tensor<?x64xbf16>
    return %y : tensor<?x64xbf16>
  }

  // Blocks of two dimensions, and layers marked so, keep their input wide.
  // CHECK-LABEL: func.func @stays_wide(
  // CHECK-NOT: qmm.quantize
  // CHECK: return
  func.func @stays_wide(%x: tensor<?x256xbf16>, %w: !qmm.tensor<64x256xbf16, f8E4M3FN block = [64, 64] scale = f32>, %v: !qmm.tensor<64x256xbf16, fp8>) -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
    %y = qmm.linear %x, %w : tensor<?x256xbf16>, !qmm.tensor<64x256xbf16, f8E4M3FN block = [64, 64] scale = f32> -> tensor<?x64xbf16>
    %z = qmm.linear %x, %v {full_precision} : tensor<?x256xbf16>, !qmm.tensor<64x256xbf16, fp8> -> tensor<?x64xbf16>
    return %y, %z : tensor<?x64xbf16>, tensor<?x64xbf16>
  }

  // The scale of columns comes first, in f32, rounded to the input's type.
  // CHECK-LABEL: func.func @pre_quant_scale(
  // CHECK-SAME: %[[X:.*]]: tensor<?x256xbf16>, %[[W:.*]]: {{.*}}, %[[P:.*]]: tensor<256xf32>)
  // CHECK: %[[M:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[P]] :
  // CHECK: arith.mulf {{.*}} : f32
  // CHECK: arith.truncf {{.*}} : f32 to bf16
  // WIDE: qmm.scaled_matmul %[[M]], %[[W]]
  // FILE: qmm.quantize %[[M]]
  func.func @pre_quant_scale(%x: tensor<?x256xbf16>, %w: !qmm.tensor<64x256xbf16, fp8>, %p: tensor<256xf32>) -> tensor<?x64xbf16> {
    %y = qmm.linear %x, %w pre_quant_scale(%p : tensor<256xf32>) : tensor<?x256xbf16>, !qmm.tensor<64x256xbf16, fp8> -> tensor<?x64xbf16>
    return %y : tensor<?x64xbf16>
  }
}
