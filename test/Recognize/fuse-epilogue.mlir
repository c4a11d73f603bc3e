// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-fuse-epilogue))' --split-input-file | FileCheck %s
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-fuse-epilogue,qmm-fuse-epilogue))' --split-input-file | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#col = affine_map<(i, j) -> (j)>
#row = affine_map<(i, j) -> (i)>

// CHECK-LABEL: func.func @bias(
// CHECK-SAME: %[[X:.*]]: tensor<?x32xbf16>, %[[W:.*]]: tensor<16x32xbf16>, %[[B:.*]]: tensor<16xbf16>
// CHECK: %[[Y:.*]] = qmm.scaled_matmul %[[X]], %[[W]] bias(%[[B]] : tensor<16xbf16>) {qmm.notes = ["kept", "product rounded to bf16 before the bias"]}
// CHECK: return %[[Y]]
func.func @bias(%x: tensor<?x32xbf16>, %w: tensor<16x32xbf16>, %b: tensor<16xbf16>, %e: tensor<?x16xbf16>) -> tensor<?x16xbf16> {
  %y = qmm.scaled_matmul %x, %w {qmm.notes = ["kept"]} : tensor<?x32xbf16>, tensor<16x32xbf16> -> tensor<?x16xbf16>
  %z = linalg.generic {indexing_maps = [#col, #id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%b, %y : tensor<16xbf16>, tensor<?x16xbf16>) outs(%e : tensor<?x16xbf16>) {
  ^bb0(%p: bf16, %q: bf16, %o: bf16):
    %s = arith.addf %p, %q : bf16
    linalg.yield %s : bf16
  } -> tensor<?x16xbf16>
  return %z : tensor<?x16xbf16>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// One value a row isn't a bias.
// CHECK-LABEL: func.func @row_offset(
// CHECK: qmm.scaled_matmul
// CHECK-NOT: bias(
// CHECK: linalg.generic
func.func @row_offset(%x: tensor<8x32xf32>, %w: tensor<8x32xf32>, %b: tensor<8xf32>, %e: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xf32>, tensor<8x32xf32> -> tensor<8x8xf32>
  %z = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
    ins(%y, %b : tensor<8x8xf32>, tensor<8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<8x8xf32>
  return %z : tensor<8x8xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#col = affine_map<(i, j) -> (j)>

// A product with another use keeps its rounding.
// CHECK-LABEL: func.func @two_uses(
// CHECK: qmm.scaled_matmul
// CHECK-NOT: bias(
// CHECK: linalg.generic
func.func @two_uses(%x: tensor<8x32xf32>, %w: tensor<16x32xf32>, %b: tensor<16xf32>, %e: tensor<8x16xf32>) -> (tensor<8x16xf32>, tensor<8x16xf32>) {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xf32>, tensor<16x32xf32> -> tensor<8x16xf32>
  %z = linalg.generic {indexing_maps = [#id, #col, #id], iterator_types = ["parallel", "parallel"]}
    ins(%y, %b : tensor<8x16xf32>, tensor<16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<8x16xf32>
  return %y, %z : tensor<8x16xf32>, tensor<8x16xf32>
}
