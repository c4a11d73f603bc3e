// RUN: quant-opt %s --qmm-pipeline=to=quantized | FileCheck %s --check-prefix=QUANTIZED
// RUN: quant-opt %s --qmm-pipeline | FileCheck %s --check-prefix=LOWERED
// RUN: quant-opt %s --qmm-stage-input --qmm-stage-recognized --qmm-stage-quantized | FileCheck %s --check-prefix=QUANTIZED

// A private callee is inlined, elementwise leftovers become kernels.
// QUANTIZED: qmm.stage = "quantized"
// QUANTIZED-LABEL: func.func @f(
// QUANTIZED-NOT: call
// QUANTIZED: qmm.scaled_matmul
// LOWERED: qmm.stage = "lowered"
// LOWERED-LABEL: func.func @f(
// LOWERED: qmm.phys.scaled_matmul
// LOWERED: qmm.launch @qmm.kernels::@[[K:.*]](
// LOWERED: module @qmm.kernels
// LOWERED: func.func @f_kernel_0
func.func private @twice(%y: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %y, %c0 : tensor<?x16xf32>
  %e = tensor.empty(%m) : tensor<?x16xf32>
  %z = linalg.add ins(%y, %y : tensor<?x16xf32>, tensor<?x16xf32>) outs(%e : tensor<?x16xf32>) -> tensor<?x16xf32>
  return %z : tensor<?x16xf32>
}
func.func @f(%x: tensor<?x32xf32>, %w: tensor<16x32xf32>) -> tensor<?x16xf32> {
  %y = qmm.linear %x, %w : tensor<?x32xf32>, tensor<16x32xf32> -> tensor<?x16xf32>
  %z = call @twice(%y) : (tensor<?x16xf32>) -> tensor<?x16xf32>
  return %z : tensor<?x16xf32>
}
