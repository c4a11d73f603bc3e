// RUN: quant-opt %s --pass-pipeline='builtin.module(qmm-plan-routes,func.func(qmm-legalize-matmuls))' --verify-diagnostics

module attributes {qmm.targets = [#qmm.target<"sm_90">, #qmm.target<"sm_100f">]} {
  func.func @differs(%x: !qmm.tensor<?x256xbf16, mxfp8>, %w: !qmm.tensor<64x256xbf16, mxfp8>) -> tensor<?x64xbf16> {
    // expected-error @+1 {{takes another route on 'sm_90' (cuBLASLt doesn't multiply mxfp8 by mxfp8 on sm_90) than on 'sm_100f' (multiplied natively): one program can't do both, compile one for each}}
    %y = qmm.scaled_matmul %x, %w
      : !qmm.tensor<?x256xbf16, mxfp8>, !qmm.tensor<64x256xbf16, mxfp8> -> tensor<?x64xbf16>
    return %y : tensor<?x64xbf16>
  }
}
