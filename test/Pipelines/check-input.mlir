// RUN: quant-opt %s --qmm-check-input --split-input-file --verify-diagnostics -o /dev/null

func.func @f(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error@+1 {{op 'stablehlo.negate' is of no dialect that this compiler knows; lower it to linalg on tensors first}}
  %y = "stablehlo.negate"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
  %y = call @even(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}
func.func private @even(%x: tensor<8xf32>) -> tensor<8xf32> {
  %y = call @odd(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}
func.func private @odd(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error@+1 {{calls '@even', which leads here: calls are inlined, and recursion can't be}}
  %y = call @even(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

func.func @itself(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error@+1 {{calls '@itself', which leads here}}
  %y = call @itself(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

// Two calls of one function are none.
func.func @twice(%x: tensor<8xf32>) -> tensor<8xf32> {
  %y = call @once(%x) : (tensor<8xf32>) -> tensor<8xf32>
  %z = call @once(%y) : (tensor<8xf32>) -> tensor<8xf32>
  return %z : tensor<8xf32>
}
func.func private @once(%x: tensor<8xf32>) -> tensor<8xf32> {
  return %x : tensor<8xf32>
}
