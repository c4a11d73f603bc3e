// RUN: quant-opt %s --qmm-hoist-constants --verify-diagnostics

// expected-error @below {{has the name of the function that runs when a program is loaded, which takes no arguments and has one block}}
func.func @qmm.init(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

func.func @f(%x: tensor<?x32xbf16>) -> tensor<?x16xbf16> {
  %w = qmm.parameter "model::w" : tensor<16x32xbf16>
  %q = qmm.quantize %w : tensor<16x32xbf16> -> !qmm.tensor<16x32xbf16, fp8>
  %y = qmm.scaled_matmul %x, %q
    : tensor<?x32xbf16>, !qmm.tensor<16x32xbf16, fp8> -> tensor<?x16xbf16>
  return %y : tensor<?x16xbf16>
}
