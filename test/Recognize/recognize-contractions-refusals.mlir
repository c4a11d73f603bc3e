// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-recognize-contractions))' --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @integers(
// CHECK: qmm.reason = "its result has element type i32, and isn't only converted to a float"
func.func @integers(%a: tensor<8x32xi32>, %b: tensor<32x16xi32>) -> tensor<8x16xi32> {
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<8x16xi32>
  %z = linalg.fill ins(%zero : i32) outs(%e : tensor<8x16xi32>) -> tensor<8x16xi32>
  // expected-remark@+1 {{matmul not rewritten: its result has element type i32, and isn't only converted to a float}}
  %y = linalg.matmul ins(%a, %b : tensor<8x32xi32>, tensor<32x16xi32>) outs(%z : tensor<8x16xi32>) -> tensor<8x16xi32>
  return %y : tensor<8x16xi32>
}

// -----

// CHECK-LABEL: func.func @doubles(
// CHECK: qmm.reason = "its result has element type f64"
func.func @doubles(%a: tensor<8x32xf64>, %b: tensor<32x16xf64>, %c: tensor<8x16xf64>) -> tensor<8x16xf64> {
  // expected-remark@+1 {{matmul not rewritten: its result has element type f64}}
  %y = linalg.matmul ins(%a, %b : tensor<8x32xf64>, tensor<32x16xf64>) outs(%c : tensor<8x16xf64>) -> tensor<8x16xf64>
  return %y : tensor<8x16xf64>
}

// -----

// CHECK-LABEL: func.func @short_operands(
// CHECK: qmm.reason = "an operand has element type i16"
func.func @short_operands(%a: tensor<8x32xi16>, %b: tensor<16x32xi16>) -> tensor<8x16xf32> {
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<8x16xi32>
  %z = linalg.fill ins(%zero : i32) outs(%e : tensor<8x16xi32>) -> tensor<8x16xi32>
  // expected-remark@+1 {{matmul not rewritten: an operand has element type i16}}
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%a, %b : tensor<8x32xi16>, tensor<16x32xi16>) outs(%z : tensor<8x16xi32>) -> tensor<8x16xi32>
  %f = tensor.empty() : tensor<8x16xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
    ins(%y : tensor<8x16xi32>) outs(%f : tensor<8x16xf32>) {
  ^bb0(%p: i32, %o: f32):
    %c = arith.sitofp %p : i32 to f32
    linalg.yield %c : f32
  } -> tensor<8x16xf32>
  return %r : tensor<8x16xf32>
}

// -----

// CHECK-LABEL: func.func @convolution(
// CHECK: qmm.reason = "it is a convolution: a tensor is read at a sum of a row and a contracting loop"
func.func @convolution(%x: tensor<20x4xf32>, %w: tensor<5x4x8xf32>, %c: tensor<16x8xf32>) -> tensor<16x8xf32> {
  // expected-remark@+1 {{matmul not rewritten: it is a convolution}}
  %y = linalg.generic {indexing_maps = [affine_map<(i, f, j, c) -> (i + j, c)>, affine_map<(i, f, j, c) -> (j, c, f)>, affine_map<(i, f, j, c) -> (i, f)>], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
    ins(%x, %w : tensor<20x4xf32>, tensor<5x4x8xf32>) outs(%c : tensor<16x8xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %m = arith.mulf %p, %q : f32
    %r = arith.addf %o, %m : f32
    linalg.yield %r : f32
  } -> tensor<16x8xf32>
  return %y : tensor<16x8xf32>
}

// -----

// CHECK-LABEL: func.func @scale_along_k(
// CHECK: qmm.reason = "its scale differs from element to element along K"
func.func @scale_along_k(%x: tensor<8x32xf32>, %w: tensor<16x32xf8E4M3FN>, %s: tensor<32xf32>, %c: tensor<8x16xf32>) -> tensor<8x16xf32> {
  // expected-remark@+1 {{matmul not rewritten: its scale differs from element to element along K}}
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (k)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w, %s : tensor<8x32xf32>, tensor<16x32xf8E4M3FN>, tensor<32xf32>) outs(%c : tensor<8x16xf32>) {
  ^bb0(%p: f32, %q: f8E4M3FN, %t: f32, %o: f32):
    %w0 = arith.extf %q : f8E4M3FN to f32
    %w1 = arith.mulf %w0, %t : f32
    %m = arith.mulf %p, %w1 : f32
    %r = arith.addf %o, %m : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// -----

#mm = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (n)>, affine_map<(m, n, k) -> (m, n)>]
// An E8M0 scale is what arith.scaling_extf takes; upstream truncates others.
// CHECK-LABEL: func.func @scaling_extf_f32_scale(
// CHECK: qmm.reason = "arith.scaling_extf has a scale of type f32, which it truncates to f8E8M0FNU; only f8E8M0FNU and f8E4M3FN scales are taken as they are"
func.func @scaling_extf_f32_scale(%x: tensor<8x32xf32>, %w: tensor<16x32xf8E4M3FN>, %s: tensor<16xf32>, %c: tensor<8x16xf32>) -> tensor<8x16xf32> {
  // expected-remark@+1 {{matmul not rewritten: arith.scaling_extf has a scale of type f32}}
  %y = linalg.generic {indexing_maps = #mm, iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w, %s : tensor<8x32xf32>, tensor<16x32xf8E4M3FN>, tensor<16xf32>) outs(%c : tensor<8x16xf32>) {
  ^bb0(%p: f32, %q: f8E4M3FN, %t: f32, %o: f32):
    // expected-note@+1 {{here}}
    %w1 = arith.scaling_extf %q, %t : f8E4M3FN, f32 to f32
    %m = arith.mulf %p, %w1 : f32
    %r = arith.addf %o, %m : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// -----

// Codes of 4 bits are packed along K: another order would unpack them.
// CHECK-LABEL: func.func @transposed_float4(
// CHECK: qmm.reason = "its 4-bit codes aren't stored along K, in the order of the product's rows"
func.func @transposed_float4(%x: tensor<8x32xf32>, %w: tensor<32x16xf4E2M1FN>, %c: tensor<8x16xf32>) -> tensor<8x16xf32> {
  // expected-remark@+1 {{matmul not rewritten: its 4-bit codes aren't stored along K}}
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<8x32xf32>, tensor<32x16xf4E2M1FN>) outs(%c : tensor<8x16xf32>) {
  ^bb0(%p: f32, %q: f4E2M1FN, %o: f32):
    %w1 = arith.extf %q : f4E2M1FN to f32
    %m = arith.mulf %p, %w1 : f32
    %r = arith.addf %o, %m : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// -----

// CHECK-LABEL: func.func @moved_block_scales(
// CHECK: qmm.reason = "block scales are moved by 'tensor.pad' between the dequantization and the contraction"
func.func @moved_block_scales(%x: tensor<8x32xf32>, %w: tensor<14x32xf8E4M3FN>, %s: tensor<14xf32>, %c: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<14x32xf32>
  %d = linalg.generic {indexing_maps = [affine_map<(n, k) -> (n, k)>, affine_map<(n, k) -> (n)>, affine_map<(n, k) -> (n, k)>], iterator_types = ["parallel", "parallel"]}
    ins(%w, %s : tensor<14x32xf8E4M3FN>, tensor<14xf32>) outs(%e : tensor<14x32xf32>) {
  ^bb0(%q: f8E4M3FN, %t: f32, %o: f32):
    %w0 = arith.extf %q : f8E4M3FN to f32
    %w1 = arith.mulf %w0, %t : f32
    linalg.yield %w1 : f32
  } -> tensor<14x32xf32>
  // expected-note@+1 {{here}}
  %p = tensor.pad %d low[0, 0] high[2, 0] {
  ^bb0(%i: index, %j: index):
    tensor.yield %zero : f32
  } : tensor<14x32xf32> to tensor<16x32xf32>
  // expected-remark@+1 {{matmul not rewritten: block scales are moved by 'tensor.pad'}}
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %p : tensor<8x32xf32>, tensor<16x32xf32>) outs(%c : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// -----

// CHECK-LABEL: func.func @odd_float4(
// CHECK: qmm.reason = "its 4-bit codes have a K that isn't even: two share a byte"
func.func @odd_float4(%x: tensor<8x31xf32>, %w: tensor<16x31xf4E2M1FN>, %c: tensor<8x16xf32>) -> tensor<8x16xf32> {
  // expected-remark@+1 {{matmul not rewritten: its 4-bit codes have a K that isn't even}}
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<8x31xf32>, tensor<16x31xf4E2M1FN>) outs(%c : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}
