// RUN: quant-opt %s --qmm-build-device-kernels --verify-diagnostics

func.func @tensors(%x: tensor<4x256xbf16>, %e: tensor<f32>) -> tensor<f32> {
  // expected-error @below {{works on tensors, expected memrefs: bufferize first}}
  %m = qmm.phys.amax ins(%x : tensor<4x256xbf16>) outs(%e : tensor<f32>)
    {input_types = [tensor<4x256xbf16>], output_types = [tensor<f32>]} -> tensor<f32>
  return %m : tensor<f32>
}
