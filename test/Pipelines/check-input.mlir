// RUN: quant-opt %s --qmm-check-input --allow-unregistered-dialect --verify-diagnostics -o /dev/null

func.func @f(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error@+1 {{op 'stablehlo.negate' is of no dialect that this compiler knows; lower it to linalg on tensors first}}
  %y = "stablehlo.negate"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}
