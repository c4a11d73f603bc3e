// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-recognize-contractions))' --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @batched(
// CHECK: linalg.batch_matmul {qmm.reason = "it has 1 batch,
func.func @batched(%a: tensor<2x8x32xf32>, %b: tensor<2x32x16xf32>, %z: tensor<2x8x16xf32>) -> tensor<2x8x16xf32> {
  // expected-remark@+1 {{matmul not rewritten: it has 1 batch, 1 row, 1 column and 1 contracting dimensions, where 0, 1, 1, 1 are known}}
  %y = linalg.batch_matmul ins(%a, %b : tensor<2x8x32xf32>, tensor<2x32x16xf32>) outs(%z : tensor<2x8x16xf32>) -> tensor<2x8x16xf32>
  return %y : tensor<2x8x16xf32>
}

// -----

// CHECK-LABEL: func.func @accumulates(
// CHECK: linalg.matmul {qmm.reason = "it accumulates into something other than zeros"}
func.func @accumulates(%a: tensor<8x32xf32>, %b: tensor<32x16xf32>, %c: tensor<8x16xf32>) -> tensor<8x16xf32> {
  // expected-remark@+1 {{matmul not rewritten: it accumulates into something other than zeros}}
  %y = linalg.matmul ins(%a, %b : tensor<8x32xf32>, tensor<32x16xf32>) outs(%c : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// -----

// CHECK-LABEL: func.func @integers(
// CHECK: qmm.reason = "its result has element type i32"
func.func @integers(%a: tensor<8x32xi32>, %b: tensor<32x16xi32>) -> tensor<8x16xi32> {
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<8x16xi32>
  %z = linalg.fill ins(%zero : i32) outs(%e : tensor<8x16xi32>) -> tensor<8x16xi32>
  // expected-remark@+1 {{matmul not rewritten: its result has element type i32}}
  %y = linalg.matmul ins(%a, %b : tensor<8x32xi32>, tensor<32x16xi32>) outs(%z : tensor<8x16xi32>) -> tensor<8x16xi32>
  return %y : tensor<8x16xi32>
}

// -----

// CHECK-LABEL: func.func @transposed_result(
// CHECK: qmm.reason = "its result is transposed"
func.func @transposed_result(%a: tensor<8x32xf32>, %b: tensor<16x32xf32>) -> tensor<16x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<16x8xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<16x8xf32>) -> tensor<16x8xf32>
  // expected-remark@+1 {{matmul not rewritten: its result is transposed}}
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (n, m)>], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%a, %b : tensor<8x32xf32>, tensor<16x32xf32>) outs(%z : tensor<16x8xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %m = arith.mulf %p, %q : f32
    %r = arith.addf %o, %m : f32
    linalg.yield %r : f32
  } -> tensor<16x8xf32>
  return %y : tensor<16x8xf32>
}
