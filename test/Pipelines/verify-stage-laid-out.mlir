// RUN: quant-opt %s --qmm-verify-stage=stage=laid_out --verify-diagnostics -o /dev/null

func.func @f(%x: tensor<8x32xf32>, %w: tensor<16x32xf32>) -> tensor<8x16xf32> {
  // expected-error@+1 {{has a route other than 'library' and 'host': run --qmm-legalize-matmuls}}
  %y = qmm.scaled_matmul %x, %w {qmm.routes = [#qmm.route<widen on "sm_90", m = [0, *], "x">]} : tensor<8x32xf32>, tensor<16x32xf32> -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}
