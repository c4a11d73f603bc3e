// RUN: quant-opt %s --qmm-verify-stage=stage=planned --verify-diagnostics -o /dev/null

func.func @f(%x: tensor<8x32xf32>, %w: tensor<16x32xf32>) -> tensor<8x16xf32> {
  // expected-error@+1 {{has no routes}}
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xf32>, tensor<16x32xf32> -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}
