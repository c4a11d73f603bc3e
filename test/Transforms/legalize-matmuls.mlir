// RUN: quant-opt %s --split-input-file --pass-pipeline='builtin.module(qmm-plan-routes,func.func(qmm-legalize-matmuls))' | FileCheck %s
// RUN: quant-opt %s --split-input-file --pass-pipeline='builtin.module(qmm-plan-routes,func.func(qmm-legalize-matmuls),func.func(qmm-legalize-matmuls))' | FileCheck %s

module attributes {qmm.targets = [#qmm.target<"sm_90">]} {
  // CHECK-LABEL: func.func @native
  // CHECK: %[[Y:.*]] = qmm.scaled_matmul %{{.*}}, %{{.*}} bias(
  // CHECK-SAME: activation = #qmm.activation<relu>
  // CHECK-SAME: library on "sm_90"
  // CHECK-SAME: !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<64x256xbf16, fp8> -> tensor<?x64xbf16>
  // CHECK-NEXT: return %[[Y]]
  func.func @native(%x: !qmm.tensor<?x256xbf16, fp8>, %w: !qmm.tensor<64x256xbf16, fp8>,
                    %b: tensor<64xbf16>) -> tensor<?x64xbf16> {
    %y = qmm.scaled_matmul %x, %w bias(%b : tensor<64xbf16>) {activation = #qmm.activation<relu>}
      : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<64x256xbf16, fp8> -> tensor<?x64xbf16>
    return %y : tensor<?x64xbf16>
  }

  // An activation that the library doesn't have.
  // CHECK-LABEL: func.func @silu
  // CHECK: %[[P:.*]] = qmm.scaled_matmul
  // CHECK-SAME: -> tensor<?x64xf32>
  // CHECK: linalg.generic
  // CHECK-SAME: ins(%[[P]], %{{.*}} : tensor<?x64xf32>, tensor<64xbf16>)
  // CHECK: arith.addf
  // CHECK: math.exp
  // CHECK: arith.truncf
  func.func @silu(%x: !qmm.tensor<?x256xbf16, fp8>, %w: !qmm.tensor<64x256xbf16, fp8>,
                  %b: tensor<64xbf16>) -> tensor<?x64xbf16> {
    %y = qmm.scaled_matmul %x, %w bias(%b : tensor<64xbf16>) {activation = #qmm.activation<silu>}
      : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<64x256xbf16, fp8> -> tensor<?x64xbf16>
    return %y : tensor<?x64xbf16>
  }

  // The scale is a factor of the product, the codes are exact in bf16.
  // CHECK-LABEL: func.func @weight_only
  // CHECK-SAME: %[[X:.*]]: tensor<?x256xbf16>
  // CHECK: %[[PARTS:.*]]:2 = qmm.disassemble
  // CHECK: %[[ONE:.*]] = arith.constant dense<1.0
  // CHECK: %[[CODES:.*]] = qmm.assemble %[[PARTS]]#0, %[[ONE]]
  // CHECK: %[[W:.*]] = qmm.dequantize %[[CODES]]
  // CHECK: qmm.scaled_matmul %[[X]], %[[W]] alpha(%[[PARTS]]#1 : tensor<f32>)
  // CHECK-SAME: tensor<?x256xbf16>, tensor<64x256xbf16> -> tensor<?x64xbf16>
  func.func @weight_only(%x: tensor<?x256xbf16>, %w: !qmm.tensor<64x256xbf16, fp8>) -> tensor<?x64xbf16> {
    %y = qmm.scaled_matmul %x, %w
      : tensor<?x256xbf16>, !qmm.tensor<64x256xbf16, fp8> -> tensor<?x64xbf16>
    return %y : tensor<?x64xbf16>
  }

  // Block scales are exact in bf16, the tensor scale isn't.
  // CHECK-LABEL: func.func @nvfp4
  // CHECK: %[[PARTS:.*]]:3 = qmm.disassemble
  // CHECK: %[[BLOCKS:.*]] = qmm.assemble %[[PARTS]]#0, %[[PARTS]]#1
  // CHECK-SAME: f4E2M1FN block = [1, 16] scale = f8E4M3FN
  // CHECK: %[[W:.*]] = qmm.dequantize %[[BLOCKS]]
  // CHECK: qmm.scaled_matmul %{{.*}}, %[[W]] alpha(%[[PARTS]]#2 : tensor<f32>)
  func.func @nvfp4(%x: tensor<?x256xbf16>, %w: !qmm.tensor<64x256xbf16, nvfp4, nibbles = hi_first>) -> tensor<?x64xbf16> {
    %y = qmm.scaled_matmul %x, %w
      : tensor<?x256xbf16>, !qmm.tensor<64x256xbf16, nvfp4, nibbles = hi_first> -> tensor<?x64xbf16>
    return %y : tensor<?x64xbf16>
  }

  // CHECK-LABEL: func.func @int8
  // CHECK: %[[A:.*]]:2 = qmm.disassemble %{{.*}} : !qmm.tensor<?x256xbf16, int8_row>
  // CHECK: %[[SA:.*]] = tensor.collapse_shape %[[A]]#1
  // CHECK: %[[B:.*]]:2 = qmm.disassemble
  // CHECK: %[[P:.*]] = qmm.scaled_matmul %[[A]]#0, %[[B]]#0
  // CHECK-SAME: tensor<?x256xi8>, tensor<64x256xi8> -> tensor<?x64xi32>
  // CHECK: linalg.generic
  // CHECK-SAME: ins(%[[P]], %[[B]]#1, %[[SA]] : tensor<?x64xi32>, tensor<f32>, tensor<?xf32>)
  // CHECK: arith.sitofp
  func.func @int8(%x: !qmm.tensor<?x256xbf16, int8_row>, %w: !qmm.tensor<64x256xbf16, int8>) -> tensor<?x64xbf16> {
    %y = qmm.scaled_matmul %x, %w
      : !qmm.tensor<?x256xbf16, int8_row>, !qmm.tensor<64x256xbf16, int8> -> tensor<?x64xbf16>
    return %y : tensor<?x64xbf16>
  }

  // One scale beside one a row: the codes, and both scales after them.
  // CHECK-LABEL: func.func @tensor_by_row
  // CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} alpha(
  // CHECK-SAME: tensor<?x256xf8E4M3FN>, tensor<64x256xf8E4M3FN> -> tensor<?x64xf32>
  // CHECK: linalg.generic
  // CHECK-SAME: tensor<?x64xf32>, tensor<64xf32>)
  func.func @tensor_by_row(%x: !qmm.tensor<?x256xbf16, fp8>, %w: !qmm.tensor<64x256xbf16, fp8_row>) -> tensor<?x64xbf16> {
    %y = qmm.scaled_matmul %x, %w
      : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<64x256xbf16, fp8_row> -> tensor<?x64xbf16>
    return %y : tensor<?x64xbf16>
  }

  // The library wants N a multiple of 16.
  // CHECK-LABEL: func.func @odd
  // CHECK: qmm.scaled_matmul
  // CHECK-SAME: N is 130, which isn't a multiple of 16
  // CHECK-SAME: tensor<?x256xbf16>, tensor<130x256xbf16> -> tensor<?x130xbf16>
  func.func @odd(%x: !qmm.tensor<?x256xbf16, fp8>, %w: !qmm.tensor<130x256xbf16, fp8>) -> tensor<?x130xbf16> {
    %y = qmm.scaled_matmul %x, %w
      : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<130x256xbf16, fp8> -> tensor<?x130xbf16>
    return %y : tensor<?x130xbf16>
  }

  // The quantize writes the scales as the mode wants them.
  // CHECK-LABEL: func.func @blocks
  // CHECK: %[[Q:.*]] = qmm.quantize %{{.*}} -> !qmm.tensor<64x256xbf16, fp8_1x128, scales = outer_major>
  // CHECK: %[[W:.*]] = qmm.relayout %{{.*}} -> !qmm.tensor<128x256xbf16, fp8_128x128, scales = blocks_128x128>
  // CHECK: qmm.scaled_matmul %[[Q]], %[[W]]
  func.func @blocks(%x: tensor<64x256xbf16>, %w: !qmm.tensor<128x256xbf16, fp8_128x128>) -> tensor<64x128xbf16> {
    %q = qmm.quantize %x : tensor<64x256xbf16> -> !qmm.tensor<64x256xbf16, fp8_1x128>
    %y = qmm.scaled_matmul %q, %w
      : !qmm.tensor<64x256xbf16, fp8_1x128>, !qmm.tensor<128x256xbf16, fp8_128x128> -> tensor<64x128xbf16>
    return %y : tensor<64x128xbf16>
  }

  // Rows in fours are all that it takes, so M has to be known.
  // CHECK-LABEL: func.func @blocks_dynamic
  // CHECK: qmm.scaled_matmul
  // CHECK-SAME: M isn't known, and cuBLASLt takes 1x128 scales of rows in fours only
  // CHECK-SAME: tensor<?x256xbf16>, tensor<128x256xbf16>
  func.func @blocks_dynamic(%q: !qmm.tensor<?x256xbf16, fp8_1x128>, %w: !qmm.tensor<128x256xbf16, fp8_128x128>) -> tensor<?x128xbf16> {
    %y = qmm.scaled_matmul %q, %w
      : !qmm.tensor<?x256xbf16, fp8_1x128>, !qmm.tensor<128x256xbf16, fp8_128x128> -> tensor<?x128xbf16>
    return %y : tensor<?x128xbf16>
  }

  // CHECK-LABEL: func.func @quantized_result
  // CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<f32>)
  // CHECK: %[[P:.*]] = qmm.scaled_matmul
  // CHECK-SAME: -> tensor<?x64xf32>
  // CHECK: %[[V:.*]] = linalg.generic
  // CHECK: %[[Q:.*]] = qmm.quantize %[[V]] scale(%[[S]] : tensor<f32>)
  // CHECK: qmm.amax %[[V]]
  func.func @quantized_result(%x: !qmm.tensor<?x256xbf16, fp8>, %w: !qmm.tensor<64x256xbf16, fp8>,
                              %s: tensor<f32>) -> (!qmm.tensor<?x64xbf16, fp8>, tensor<f32>) {
    %y, %m = qmm.scaled_matmul %x, %w out_scale(%s : tensor<f32>)
      : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<64x256xbf16, fp8> -> !qmm.tensor<?x64xbf16, fp8>, tensor<f32>
    return %y, %m : !qmm.tensor<?x64xbf16, fp8>, tensor<f32>
  }
}

// -----

module attributes {qmm.targets = [#qmm.target<"sm_100f">]} {
  // CHECK-LABEL: func.func @blackwell
  // CHECK: %[[Q:.*]] = qmm.quantize %{{.*}} -> !qmm.tensor<?x256xbf16, nvfp4, scales = tiled_128x4, nibbles = lo_first>
  // CHECK: %[[W:.*]] = qmm.relayout
  // CHECK: %[[ALPHA:.*]] = linalg.generic
  // CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} alpha(%[[ALPHA]] : tensor<f32>)
  func.func @blackwell(%x: tensor<?x256xbf16>, %w: !qmm.tensor<64x256xbf16, nvfp4, nibbles = hi_first>) -> tensor<?x64xbf16> {
    %q = qmm.quantize %x : tensor<?x256xbf16> -> !qmm.tensor<?x256xbf16, nvfp4, nibbles = hi_first>
    %y = qmm.scaled_matmul %q, %w
      : !qmm.tensor<?x256xbf16, nvfp4, nibbles = hi_first>, !qmm.tensor<64x256xbf16, nvfp4, nibbles = hi_first> -> tensor<?x64xbf16>
    return %y : tensor<?x64xbf16>
  }
}

// -----

// The host takes everything as it is.
module attributes {qmm.targets = [#qmm.target<"cpu">]} {
  // CHECK-LABEL: func.func @host
  // CHECK: qmm.scaled_matmul
  // CHECK-SAME: host on "cpu"
  // CHECK-SAME: tensor<?x256xbf16>, !qmm.tensor<64x256xbf16, fp8>
  func.func @host(%x: tensor<?x256xbf16>, %w: !qmm.tensor<64x256xbf16, fp8>) -> tensor<?x64xbf16> {
    %y = qmm.scaled_matmul %x, %w
      : tensor<?x256xbf16>, !qmm.tensor<64x256xbf16, fp8> -> tensor<?x64xbf16>
    return %y : tensor<?x64xbf16>
  }
}
