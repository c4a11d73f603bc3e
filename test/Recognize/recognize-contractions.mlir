// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-recognize-contractions,canonicalize,cse))' --split-input-file | FileCheck %s
// Twice is as good as once.
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-recognize-contractions,qmm-recognize-contractions,canonicalize,cse))' --split-input-file | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#all = affine_map<(i, j) -> ()>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// convert(codes) * scale on both sides, the scale on either side of the product
// and in bf16, through a broadcast of its own or none.
// CHECK-LABEL: func.func @dequantized_operands(
// CHECK-SAME: %[[A:.*]]: tensor<8x32xf8E4M3FN>, %[[B:.*]]: tensor<16x32xf8E5M2>, %[[S:.*]]: tensor<f32>, %[[T:.*]]: tensor<bf16>)
// CHECK: %[[QA:.*]] = qmm.assemble %[[A]], %[[S]] : {{.*}} -> !qmm.tensor<8x32xbf16, fp8>
// CHECK: %[[WIDE:.*]] = linalg.generic {{.*}} ins(%[[T]] : tensor<bf16>)
// CHECK: arith.extf
// CHECK: %[[QB:.*]] = qmm.assemble %[[B]], %[[WIDE]] : {{.*}} -> !qmm.tensor<16x32xbf16, fp8_e5m2>
// CHECK: %[[Y:.*]] = qmm.scaled_matmul %[[QA]], %[[QB]]
// CHECK-SAME: qmm.notes = ["a: element times scale rounded to bf16", "b: element times scale rounded to bf16", "sum accumulated in f32, not bf16"]
// CHECK: return %[[Y]]
func.func @dequantized_operands(%a: tensor<8x32xf8E4M3FN>, %b: tensor<16x32xf8E5M2>, %s: tensor<f32>, %t: tensor<bf16>) -> tensor<8x16xbf16> {
  %zero = arith.constant 0.0 : bf16
  %ea = tensor.empty() : tensor<8x32xf32>
  %da = linalg.generic {indexing_maps = [#id, #all, #id], iterator_types = ["parallel", "parallel"]}
    ins(%a, %s : tensor<8x32xf8E4M3FN>, tensor<f32>) outs(%ea : tensor<8x32xf32>) {
  ^bb0(%q: f8E4M3FN, %k: f32, %o: f32):
    %w = arith.extf %q : f8E4M3FN to f32
    %p = arith.mulf %k, %w : f32
    linalg.yield %p : f32
  } -> tensor<8x32xf32>
  %eb = tensor.empty() : tensor<16x32xbf16>
  %wide = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%b : tensor<16x32xf8E5M2>) outs(%eb : tensor<16x32xbf16>) {
  ^bb0(%q: f8E5M2, %o: bf16):
    %w = arith.extf %q : f8E5M2 to bf16
    linalg.yield %w : bf16
  } -> tensor<16x32xbf16>
  %scales = linalg.generic {indexing_maps = [#all, #id], iterator_types = ["parallel", "parallel"]}
    ins(%t : tensor<bf16>) outs(%eb : tensor<16x32xbf16>) {
  ^bb0(%q: bf16, %o: bf16):
    linalg.yield %q : bf16
  } -> tensor<16x32xbf16>
  %db = linalg.mul ins(%wide, %scales : tensor<16x32xbf16>, tensor<16x32xbf16>) outs(%eb : tensor<16x32xbf16>) -> tensor<16x32xbf16>
  %e = tensor.empty() : tensor<8x16xbf16>
  %z = linalg.fill ins(%zero : bf16) outs(%e : tensor<8x16xbf16>) -> tensor<8x16xbf16>
  %y = linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%da, %db : tensor<8x32xf32>, tensor<16x32xbf16>) outs(%z : tensor<8x16xbf16>) {
  ^bb0(%p: f32, %q: bf16, %o: bf16):
    %pb = arith.truncf %p : f32 to bf16
    %m = arith.mulf %pb, %q : bf16
    %r = arith.addf %o, %m : bf16
    linalg.yield %r : bf16
  } -> tensor<8x16xbf16>
  return %y : tensor<8x16xbf16>
}

// -----

// A right side stored K x N: transposed codes, one scale.
// CHECK-LABEL: func.func @transposed_codes(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xbf16>, %[[W:.*]]: tensor<32x16xf8E4M3FN>)
// CHECK-DAG: %[[ONE:.*]] = arith.constant dense<1.000000e+00> : tensor<f32>
// CHECK: %[[Q:.*]] = qmm.assemble %[[W]], %[[ONE]] {{.*}} -> !qmm.tensor<32x16xf32, fp8>
// CHECK: %[[T:.*]] = qmm.transpose %[[Q]] [1, 0]
// CHECK: qmm.scaled_matmul %[[X]], %[[T]] : tensor<8x32xbf16>, !qmm.tensor<16x32xf32, fp8> -> tensor<8x16xf32>
func.func @transposed_codes(%x: tensor<8x32xbf16>, %w: tensor<32x16xf8E4M3FN>) -> tensor<8x16xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  %y = linalg.matmul ins(%x, %w : tensor<8x32xbf16>, tensor<32x16xf8E4M3FN>) outs(%z : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#all = affine_map<(i, j) -> ()>

// convert(clamp(x / s)) is a quantize that divides in bf16; its dequantization
// scale is another value.
// CHECK-LABEL: func.func @quantized_input(
// CHECK-SAME: %[[X:.*]]: tensor<?x32xbf16>, %[[S:.*]]: tensor<bf16>, %[[T:.*]]: tensor<f32>, %[[W:.*]]: tensor<32x16xbf16>)
// CHECK: %[[EXT:.*]] = linalg.generic {{.*}} ins(%[[S]] : tensor<bf16>)
// CHECK: %[[Q:.*]] = qmm.quantize %[[X]] scale(%[[EXT]] : tensor<f32>) {precision = bf16}
// CHECK: %[[C:.*]]:2 = qmm.disassemble %[[Q]]
// CHECK: %[[A:.*]] = qmm.assemble %[[C]]#0, %[[T]]
// CHECK: %[[B:.*]] = linalg.transpose ins(%[[W]] : tensor<32x16xbf16>)
// CHECK: qmm.scaled_matmul %[[A]], %[[B]]
func.func @quantized_input(%x: tensor<?x32xbf16>, %s: tensor<bf16>, %t: tensor<f32>, %w: tensor<32x16xbf16>) -> tensor<?x16xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %lo = arith.constant -4.480000e+02 : bf16
  %hi = arith.constant 4.480000e+02 : bf16
  %m = tensor.dim %x, %c0 : tensor<?x32xbf16>
  %ea = tensor.empty(%m) : tensor<?x32xf32>
  %a = linalg.generic {indexing_maps = [#id, #all, #all, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x, %s, %t : tensor<?x32xbf16>, tensor<bf16>, tensor<f32>) outs(%ea : tensor<?x32xf32>) {
  ^bb0(%v: bf16, %k: bf16, %d: f32, %o: f32):
    %q = arith.divf %v, %k : bf16
    %u = arith.minimumf %q, %hi : bf16
    %c = arith.maximumf %lo, %u : bf16
    %n = arith.truncf %c : bf16 to f8E4M3FN
    %w0 = arith.extf %n : f8E4M3FN to f32
    %r = arith.mulf %w0, %d : f32
    linalg.yield %r : f32
  } -> tensor<?x32xf32>
  %e = tensor.empty(%m) : tensor<?x16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x16xf32>) -> tensor<?x16xf32>
  %y = linalg.matmul ins(%a, %w : tensor<?x32xf32>, tensor<32x16xbf16>) outs(%z : tensor<?x16xf32>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

// -----

// An overflowing convert without its clamp keeps NaN: the codes are a value of
// their own, and no qmm.quantize.
// CHECK-LABEL: func.func @convert_without_clamp(
// CHECK-NOT: qmm.quantize
// CHECK: qmm.scaled_matmul
func.func @convert_without_clamp(%x: tensor<8x32xf32>, %w: tensor<16x32xf32>) -> tensor<8x16xf32> {
  %zero = arith.constant 0.0 : f32
  %ea = tensor.empty() : tensor<8x32xf8E4M3FN>
  %a = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<8x32xf32>) outs(%ea : tensor<8x32xf8E4M3FN>) {
  ^bb0(%v: f32, %o: f8E4M3FN):
    %n = arith.truncf %v : f32 to f8E4M3FN
    linalg.yield %n : f8E4M3FN
  } -> tensor<8x32xf8E4M3FN>
  %e = tensor.empty() : tensor<8x16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%a, %w : tensor<8x32xf8E4M3FN>, tensor<16x32xf32>) outs(%z : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// -----

// Inside of the body, too: what is rounded before it is multiplied again.  A
// product that goes into a sum of its own type isn't listed apart.
// CHECK-LABEL: func.func @narrow_products_in_body(
// CHECK: qmm.scaled_matmul {{.*}} {qmm.notes = ["a: element times scale rounded to bf16", "sum accumulated in f32, not bf16"]}
func.func @narrow_products_in_body(%x: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xbf16>, %s: bf16) -> tensor<8x16xbf16> {
  %zero = arith.constant 0.0 : bf16
  %e = tensor.empty() : tensor<8x16xbf16>
  %z = linalg.fill ins(%zero : bf16) outs(%e : tensor<8x16xbf16>) -> tensor<8x16xbf16>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<8x32xf8E4M3FN>, tensor<16x32xbf16>) outs(%z : tensor<8x16xbf16>) {
  ^bb0(%p: f8E4M3FN, %q: bf16, %o: bf16):
    %c = arith.extf %p : f8E4M3FN to bf16
    %d = arith.mulf %c, %s : bf16
    %m = arith.mulf %d, %q : bf16
    %r = arith.addf %o, %m : bf16
    linalg.yield %r : bf16
  } -> tensor<8x16xbf16>
  return %y : tensor<8x16xbf16>
}
