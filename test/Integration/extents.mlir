// Extents that the program takes for equal are checked before it runs.
// RUN: quant-compile %s -o %t.qmm
// RUN: %python %S/Inputs/write_f32.py %t.good.safetensors x 3x8 y 3x8
// RUN: %python %S/Inputs/write_f32.py %t.bad.safetensors x 3x8 y 2x8
// RUN: quant-run %t.qmm --inputs=%t.good.safetensors --outputs=%t.out.safetensors
// RUN: rm %t.out.safetensors
// RUN: not quant-run %t.qmm --inputs=%t.bad.safetensors --outputs=%t.out.safetensors 2>&1 | FileCheck %s
// CHECK: dimension 0 of 'x' must equal dimension 0 of 'y'
// RUN: not ls %t.out.safetensors

func.func @sum(%x: tensor<?x8xf32> {qmm.name = "x"}, %y: tensor<?x8xf32> {qmm.name = "y"}) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x8xf32>
  %e = tensor.empty(%m) : tensor<?x8xf32>
  %z = linalg.add ins(%x, %y : tensor<?x8xf32>, tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}
