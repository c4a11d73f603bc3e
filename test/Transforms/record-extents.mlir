// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-record-extents))' | FileCheck %s
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-record-extents,qmm-record-extents))' | FileCheck %s

// Through a destination's shape and through a product; a static partner fixes an
// extent; what no op ties stays free.
// CHECK-LABEL: func.func @f(
// CHECK-SAME: tensor<?x32xf32> {qmm.extents = array<i64: 0, -1>}
// CHECK-SAME: tensor<16x?xf32> {qmm.extents = array<i64: -1, -34>}
// CHECK-SAME: tensor<?x16xf32> {qmm.extents = array<i64: 0, -1>}
// CHECK-SAME: tensor<?xf32>)
func.func @f(%x: tensor<?x32xf32>, %w: tensor<16x?xf32>, %r: tensor<?x16xf32>, %free: tensor<?xf32>) -> (tensor<?x16xf32>, tensor<?xf32>) {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x32xf32>
  %y = qmm.scaled_matmul %x, %w : tensor<?x32xf32>, tensor<16x?xf32> -> tensor<?x16xf32>
  %e = tensor.empty(%m) : tensor<?x16xf32>
  %z = linalg.add ins(%y, %r : tensor<?x16xf32>, tensor<?x16xf32>) outs(%e : tensor<?x16xf32>) -> tensor<?x16xf32>
  return %z, %free : tensor<?x16xf32>, tensor<?xf32>
}

// A cast says what an extent must be, before and after.
// CHECK-LABEL: func.func @cast(
// CHECK-SAME: tensor<?x?xf32> {qmm.extents = array<i64: -4, 0>}
// CHECK-SAME: tensor<?x?xf32> {qmm.extents = array<i64: -4, 0>}
func.func @cast(%x: tensor<?x?xf32>, %y: tensor<?x?xf32>) -> tensor<2x?xf32> {
  %a = tensor.cast %x : tensor<?x?xf32> to tensor<2x?xf32>
  %b = tensor.cast %y : tensor<?x?xf32> to tensor<2x?xf32>
  %z = linalg.add ins(%a, %b : tensor<2x?xf32>, tensor<2x?xf32>) outs(%a : tensor<2x?xf32>) -> tensor<2x?xf32>
  return %z : tensor<2x?xf32>
}
