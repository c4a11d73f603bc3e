// Roundings of element times scale that are kept.
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-recognize-contractions{roundings=keep},canonicalize,cse))' --verify-diagnostics | FileCheck %s
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-recognize-contractions{roundings=keep},qmm-recognize-contractions{roundings=keep},canonicalize,cse))' 2>/dev/null | FileCheck %s
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-recognize-contractions,canonicalize,cse))' | FileCheck %s --check-prefix=RELAX

// RELAX-NOT: _precision

#id = affine_map<(i, j) -> (i, j)>
#all = affine_map<(i, j) -> ()>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#scaled = {indexing_maps = [#id, #all, #id], iterator_types = ["parallel", "parallel"]}
#scaled_twice = {indexing_maps = [#id, #all, #all, #id], iterator_types = ["parallel", "parallel"]}
#product = {indexing_maps = [#mk, #nk, #mn], iterator_types = ["parallel", "parallel", "reduction"]}

// a: f32, rounded to bf16 by a convert; b: a product in f16.  The sum's own
// precision is the product's.
// CHECK-LABEL: func.func @each_its_own(
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<8x32xf8E4M3FN>, %[[B:[a-z0-9]+]]: tensor<16x32xf8E5M2>
// CHECK-DAG: %[[QA:.*]] = qmm.assemble %[[A]]
// CHECK-DAG: %[[QB:.*]] = qmm.assemble %[[B]]
// CHECK: qmm.scaled_matmul %[[QA]], %[[QB]] residual({{.*}}) {a_precision = bf16, b_precision = f16} : {{.*}} -> tensor<8x16xf32>
func.func @each_its_own(%a: tensor<8x32xf8E4M3FN>, %b: tensor<16x32xf8E5M2>, %s: tensor<f32>, %t: tensor<f16>, %z: tensor<8x16xf32>, %ea: tensor<8x32xbf16>, %eb: tensor<16x32xf16>) -> tensor<8x16xf32> {
  %da = linalg.generic #scaled ins(%a, %s : tensor<8x32xf8E4M3FN>, tensor<f32>) outs(%ea : tensor<8x32xbf16>) {
  ^bb0(%q: f8E4M3FN, %k: f32, %o: bf16):
    %w = arith.extf %q : f8E4M3FN to f32
    %p = arith.mulf %k, %w : f32
    %r = arith.truncf %p : f32 to bf16
    linalg.yield %r : bf16
  } -> tensor<8x32xbf16>
  %db = linalg.generic #scaled ins(%b, %t : tensor<16x32xf8E5M2>, tensor<f16>) outs(%eb : tensor<16x32xf16>) {
  ^bb0(%q: f8E5M2, %k: f16, %o: f16):
    %w = arith.extf %q : f8E5M2 to f16
    %p = arith.mulf %w, %k : f16
    linalg.yield %p : f16
  } -> tensor<16x32xf16>
  %y = linalg.generic #product ins(%da, %db : tensor<8x32xbf16>, tensor<16x32xf16>) outs(%z : tensor<8x16xf32>) {
  ^bb0(%p: bf16, %q: f16, %o: f32):
    %pw = arith.extf %p : bf16 to f32
    %qw = arith.extf %q : f16 to f32
    %m = arith.mulf %pw, %qw : f32
    %r = arith.addf %o, %m : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// Twice to the same type is once; a scale in f32 isn't rounded, nor are codes
// that have none.
// CHECK-LABEL: func.func @once_and_never(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} residual({{.*}}) {a_precision = bf16} : !qmm.tensor<8x32xf32, fp8>, !qmm.tensor<16x32xf32, fp8>
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} residual({{.*}}) : !qmm.tensor<8x32xf32, fp8>, !qmm.tensor<16x32xf32, fp8>
func.func @once_and_never(%a: tensor<8x32xf8E4M3FN>, %b: tensor<16x32xf8E4M3FN>, %s: tensor<f32>, %t: tensor<bf16>, %z: tensor<8x16xf32>, %e: tensor<8x32xf32>, %eb: tensor<16x32xf32>) -> (tensor<8x16xf32>, tensor<8x16xf32>) {
  %da = linalg.generic #scaled ins(%a, %t : tensor<8x32xf8E4M3FN>, tensor<bf16>) outs(%e : tensor<8x32xf32>) {
  ^bb0(%q: f8E4M3FN, %k: bf16, %o: f32):
    %w = arith.extf %q : f8E4M3FN to bf16
    %p = arith.mulf %w, %k : bf16
    %x = arith.extf %p : bf16 to f32
    %r = arith.truncf %x : f32 to bf16
    %v = arith.extf %r : bf16 to f32
    linalg.yield %v : f32
  } -> tensor<8x32xf32>
  %db = linalg.generic #scaled ins(%b, %s : tensor<16x32xf8E4M3FN>, tensor<f32>) outs(%eb : tensor<16x32xf32>) {
  ^bb0(%q: f8E4M3FN, %k: f32, %o: f32):
    %w = arith.extf %q : f8E4M3FN to f32
    %n = arith.truncf %w : f32 to bf16
    %x = arith.extf %n : bf16 to f32
    %p = arith.mulf %x, %k : f32
    linalg.yield %p : f32
  } -> tensor<16x32xf32>
  %dc = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<8x32xf8E4M3FN>) outs(%e : tensor<8x32xf32>) {
  ^bb0(%q: f8E4M3FN, %o: f32):
    %w = arith.extf %q : f8E4M3FN to f32
    %n = arith.truncf %w : f32 to bf16
    %x = arith.extf %n : bf16 to f32
    linalg.yield %x : f32
  } -> tensor<8x32xf32>
  %y = linalg.generic #product ins(%da, %db : tensor<8x32xf32>, tensor<16x32xf32>) outs(%z : tensor<8x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %m = arith.mulf %p, %q : f32
    %r = arith.addf %o, %m : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  %v = linalg.generic #product ins(%dc, %db : tensor<8x32xf32>, tensor<16x32xf32>) outs(%z : tensor<8x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %m = arith.mulf %p, %q : f32
    %r = arith.addf %o, %m : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %y, %v : tensor<8x16xf32>, tensor<8x16xf32>
}

// A product has no place for a rounding between two scales.
// CHECK-LABEL: func.func @between_scales(
// CHECK: %[[D:.*]] = linalg.generic
// CHECK: qmm.scaled_matmul %[[D]], %{{.*}} residual({{.*}}) {qmm.notes = ["a: element times scale rounded between two scales: dequantized before the product"]} : tensor<8x32xf32>, tensor<16x32xf32>
// RELAX-LABEL: func.func @between_scales(
// RELAX: qmm.scaled_matmul {{.*}} {qmm.notes = ["a: element times scale rounded to bf16"]} : !qmm.tensor<8x32xf32, fp8>
func.func @between_scales(%a: tensor<8x32xf8E4M3FN>, %b: tensor<16x32xf32>, %s: tensor<bf16>, %t: tensor<f32>, %z: tensor<8x16xf32>, %e: tensor<8x32xf32>) -> tensor<8x16xf32> {
  %da = linalg.generic #scaled_twice ins(%a, %s, %t : tensor<8x32xf8E4M3FN>, tensor<bf16>, tensor<f32>) outs(%e : tensor<8x32xf32>) {
  ^bb0(%q: f8E4M3FN, %k: bf16, %l: f32, %o: f32):
    %w = arith.extf %q : f8E4M3FN to bf16
    %p = arith.mulf %w, %k : bf16
    %x = arith.extf %p : bf16 to f32
    %r = arith.mulf %x, %l : f32
    linalg.yield %r : f32
  } -> tensor<8x32xf32>
  %y = linalg.generic #product ins(%da, %b : tensor<8x32xf32>, tensor<16x32xf32>) outs(%z : tensor<8x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %m = arith.mulf %p, %q : f32
    %r = arith.addf %o, %m : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// The second scale inside of the contraction.
// CHECK-LABEL: func.func @between_scales_inside(
// CHECK: qmm.reason = "element times scale rounded to bf16 between two scales, and roundings are kept"
func.func @between_scales_inside(%a: tensor<8x32xf8E4M3FN>, %b: tensor<16x32xf32>, %s: tensor<bf16>, %t: tensor<f32>, %z: tensor<8x16xf32>, %e: tensor<8x32xf32>) -> tensor<8x16xf32> {
  %da = linalg.generic #scaled ins(%a, %s : tensor<8x32xf8E4M3FN>, tensor<bf16>) outs(%e : tensor<8x32xf32>) {
  ^bb0(%q: f8E4M3FN, %k: bf16, %o: f32):
    %w = arith.extf %q : f8E4M3FN to bf16
    %p = arith.mulf %w, %k : bf16
    %x = arith.extf %p : bf16 to f32
    linalg.yield %x : f32
  } -> tensor<8x32xf32>
  // expected-remark @below {{matmul not rewritten: element times scale rounded to bf16 between two scales, and roundings are kept}}
  %y = linalg.generic {indexing_maps = [#mk, affine_map<(m, n, k) -> ()>, #nk, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%da, %t, %b : tensor<8x32xf32>, tensor<f32>, tensor<16x32xf32>) outs(%z : tensor<8x16xf32>) {
  ^bb0(%p: f32, %l: f32, %q: f32, %o: f32):
    %x = arith.mulf %p, %l : f32
    %m = arith.mulf %x, %q : f32
    %r = arith.addf %o, %m : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// The dequantization inside of the contraction, and its rounding with it.
// CHECK-LABEL: func.func @scaled_inside(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {b_precision = bf16, qmm.notes = ["sum accumulated in f32, not bf16"]} : tensor<8x32xbf16>, !qmm.tensor<16x32xbf16, fp8>
// RELAX-LABEL: func.func @scaled_inside(
// RELAX: qmm.scaled_matmul {{.*}} {qmm.notes = ["b: element times scale rounded to bf16", "sum accumulated in f32, not bf16"]}
func.func @scaled_inside(%a: tensor<8x32xbf16>, %b: tensor<16x32xf8E4M3FN>, %t: tensor<bf16>) -> tensor<8x16xbf16> {
  %zero = arith.constant 0.0 : bf16
  %e = tensor.empty() : tensor<8x16xbf16>
  %z = linalg.fill ins(%zero : bf16) outs(%e : tensor<8x16xbf16>) -> tensor<8x16xbf16>
  %y = linalg.generic {indexing_maps = [#mk, #nk, affine_map<(m, n, k) -> ()>, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%a, %b, %t : tensor<8x32xbf16>, tensor<16x32xf8E4M3FN>, tensor<bf16>) outs(%z : tensor<8x16xbf16>) {
  ^bb0(%p: bf16, %q: f8E4M3FN, %l: bf16, %o: bf16):
    %w = arith.extf %q : f8E4M3FN to bf16
    %d = arith.mulf %w, %l : bf16
    %m = arith.mulf %p, %d : bf16
    %r = arith.addf %o, %m : bf16
    linalg.yield %r : bf16
  } -> tensor<8x16xbf16>
  return %y : tensor<8x16xbf16>
}

// Each product of elements rounded, and summed in f32.
// CHECK-LABEL: func.func @rounded_products(
// CHECK-NOT: qmm.scaled_matmul
// CHECK: qmm.reason = "product of elements rounded to bf16 inside of it, and roundings are kept"
// RELAX-LABEL: func.func @rounded_products(
// RELAX: qmm.scaled_matmul {{.*}} {qmm.notes = ["product of elements rounded to bf16"]}
func.func @rounded_products(%a: tensor<8x32xbf16>, %b: tensor<16x32xbf16>, %z: tensor<8x16xf32>) -> tensor<8x16xf32> {
  // expected-remark @below {{matmul not rewritten: product of elements rounded to bf16 inside of it, and roundings are kept}}
  %y = linalg.generic #product ins(%a, %b : tensor<8x32xbf16>, tensor<16x32xbf16>) outs(%z : tensor<8x16xf32>) {
  ^bb0(%p: bf16, %q: bf16, %o: f32):
    %m = arith.mulf %p, %q : bf16
    %w = arith.extf %m : bf16 to f32
    %r = arith.addf %o, %w : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// A sum in bf16 is the product's: jax computes it in f32, too.
// CHECK-LABEL: func.func @bf16_sum(
// CHECK: qmm.scaled_matmul {{.*}} {qmm.notes = ["sum accumulated in f32, not bf16"]}
func.func @bf16_sum(%a: tensor<8x32xbf16>, %b: tensor<16x32xbf16>, %z: tensor<8x16xbf16>) -> tensor<8x16xbf16> {
  %y = linalg.generic #product ins(%a, %b : tensor<8x32xbf16>, tensor<16x32xbf16>) outs(%z : tensor<8x16xbf16>) {
  ^bb0(%p: bf16, %q: bf16, %o: bf16):
    %m = arith.mulf %p, %q : bf16
    %r = arith.addf %o, %m : bf16
    linalg.yield %r : bf16
  } -> tensor<8x16xbf16>
  return %y : tensor<8x16xbf16>
}
