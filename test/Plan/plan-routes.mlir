// RUN: quant-opt %s --qmm-plan-routes --split-input-file | FileCheck %s
// RUN: quant-opt %s --qmm-plan-routes --qmm-plan-routes --split-input-file | FileCheck %s

module attributes {qmm.targets = [#qmm.target<"cpu">]} {
  // CHECK-LABEL: func.func @host(
  // CHECK: qmm.routes = [#qmm.route<host on "cpu", m = [0, *], "{{.*}}">]
  func.func @host(%x: tensor<?x256xbf16>, %w: !qmm.tensor<64x256xbf16, fp8>) -> tensor<?x64xbf16> {
    %y = qmm.scaled_matmul %x, %w : tensor<?x256xbf16>, !qmm.tensor<64x256xbf16, fp8> -> tensor<?x64xbf16>
    return %y : tensor<?x64xbf16>
  }
}

// -----

module attributes {qmm.targets = [#qmm.target<"sm_90a">, #qmm.target<"cpu">]} {
  // Native first, then what always works; chips in the order given.
  // CHECK-LABEL: func.func @fp8(
  // CHECK: qmm.routes = [#qmm.route<library on "sm_90a", m = [0, *], "multiplied natively">, #qmm.route<widen on "sm_90a", m = [0, *], "fallback">, #qmm.route<host on "cpu"
  func.func @fp8(%x: !qmm.tensor<?x256xbf16, fp8>, %w: !qmm.tensor<64x256xbf16, fp8>) -> tensor<?x64xbf16> {
    %y = qmm.scaled_matmul %x, %w : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<64x256xbf16, fp8> -> tensor<?x64xbf16>
    return %y : tensor<?x64xbf16>
  }

  // CHECK-LABEL: func.func @mxfp8(
  // CHECK: qmm.routes = [#qmm.route<widen on "sm_90a", m = [0, *], "cuBLASLt doesn't multiply mxfp8 by mxfp8 on sm_90a">, #qmm.route<host on "cpu"
  func.func @mxfp8(%x: !qmm.tensor<?x256xbf16, mxfp8>, %w: !qmm.tensor<64x256xbf16, mxfp8>) -> tensor<?x64xbf16> {
    %y = qmm.scaled_matmul %x, %w : !qmm.tensor<?x256xbf16, mxfp8>, !qmm.tensor<64x256xbf16, mxfp8> -> tensor<?x64xbf16>
    return %y : tensor<?x64xbf16>
  }

  // No library rounds what it decodes.
  // CHECK-LABEL: func.func @rounded(
  // CHECK: qmm.routes = [#qmm.route<widen on "sm_90a", m = [0, *], "elements times scales are rounded before they are multiplied, which cuBLASLt doesn't do">, #qmm.route<host on "cpu"
  func.func @rounded(%x: !qmm.tensor<?x256xbf16, fp8>, %w: !qmm.tensor<64x256xbf16, fp8>) -> tensor<?x64xbf16> {
    %y = qmm.scaled_matmul %x, %w {b_precision = bf16} : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<64x256xbf16, fp8> -> tensor<?x64xbf16>
    return %y : tensor<?x64xbf16>
  }

  // CHECK-LABEL: func.func @not_rounded(
  // CHECK: qmm.routes = [#qmm.route<library on "sm_90a"
  func.func @not_rounded(%x: !qmm.tensor<?x256xbf16, fp8>, %w: !qmm.tensor<64x256xbf16, fp8>) -> tensor<?x64xbf16> {
    %y = qmm.scaled_matmul %x, %w {b_precision = f32} : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<64x256xbf16, fp8> -> tensor<?x64xbf16>
    return %y : tensor<?x64xbf16>
  }
}
