// Factors of a product of codes become the scales of its operands.
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-fuse-epilogue))' --verify-diagnostics | FileCheck %s
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-fuse-epilogue,qmm-fuse-epilogue))' 2>/dev/null | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#col = affine_map<(i, j) -> (j)>
#row = affine_map<(i, j) -> (i)>
#row_unit = affine_map<(i, j) -> (i, 0)>
#none = affine_map<(i, j) -> ()>
#with_scalar = {indexing_maps = [#id, #none, #id], iterator_types = ["parallel", "parallel"]}

// (q * w) * sx * sw + bias: a's scale is the product of both factors.
// CHECK-LABEL: func.func @two_factors(
// CHECK-SAME: %[[SX:[a-z0-9]+]]: tensor<f32>, %[[SW:[a-z0-9]+]]: tensor<f32>, %[[B:[a-z0-9]+]]: tensor<16xf32>
// CHECK: %[[S:.*]] = linalg.generic {{.*}} ins(%[[SX]], %[[SW]]
// CHECK: arith.mulf
// CHECK: %[[A:.*]] = qmm.assemble %{{.*}}, %[[S]]
// CHECK: qmm.scaled_matmul %[[A]], %{{.*}} bias(%[[B]] : tensor<16xf32>) :
// CHECK-NEXT: return
func.func @two_factors(%qa: tensor<8x32xf8E4M3FN>, %qb: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %sw: tensor<f32>, %b: tensor<16xf32>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %one = arith.constant dense<1.0> : tensor<f32>
  %x = qmm.assemble %qa, %one : tensor<8x32xf8E4M3FN>, tensor<f32> -> !qmm.tensor<8x32xf32, fp8>
  %w = qmm.assemble %qb, %one : tensor<16x32xf8E4M3FN>, tensor<f32> -> !qmm.tensor<16x32xf32, fp8>
  %y = qmm.scaled_matmul %x, %w : !qmm.tensor<8x32xf32, fp8>, !qmm.tensor<16x32xf32, fp8> -> tensor<8x16xf32>
  %z = linalg.generic {indexing_maps = [#id, #none, #none, #col, #id], iterator_types = ["parallel", "parallel"]}
    ins(%y, %sx, %sw, %b : tensor<8x16xf32>, tensor<f32>, tensor<f32>, tensor<16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %f: f32, %g: f32, %c: f32, %o: f32):
    %s = arith.mulf %p, %f : f32
    %t = arith.mulf %s, %g : f32
    %u = arith.addf %t, %c : f32
    linalg.yield %u : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// A lone factor is the scale.
// CHECK-LABEL: func.func @one_factor(
// CHECK-SAME: %[[SX:[a-z0-9]+]]: tensor<f32>
// CHECK: %[[A:.*]] = qmm.assemble %{{.*}}, %[[SX]]
// CHECK: %[[Y:.*]] = qmm.scaled_matmul %[[A]], %{{.*}} {qmm.notes = ["product rounded to bf16 before the scale"]}
// CHECK-NEXT: return %[[Y]]
func.func @one_factor(%qa: tensor<8x32xf8E4M3FN>, %qb: tensor<16x32xf8E4M3FN>, %sx: tensor<f32>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %one = arith.constant dense<1.0> : tensor<f32>
  %x = qmm.assemble %qa, %one : tensor<8x32xf8E4M3FN>, tensor<f32> -> !qmm.tensor<8x32xbf16, fp8>
  %w = qmm.assemble %qb, %one : tensor<16x32xf8E4M3FN>, tensor<f32> -> !qmm.tensor<16x32xbf16, fp8>
  %y = qmm.scaled_matmul %x, %w : !qmm.tensor<8x32xbf16, fp8>, !qmm.tensor<16x32xbf16, fp8> -> tensor<8x16xbf16>
  %z = linalg.generic #with_scalar ins(%y, %sx : tensor<8x16xbf16>, tensor<f32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: bf16, %f: f32, %o: f32):
    %pf = arith.extf %p : bf16 to f32
    %s = arith.mulf %f, %pf : f32
    linalg.yield %s : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// Behind a transpose, with a constant; the other operand is wide.
// CHECK-LABEL: func.func @constant_behind_transpose(
// CHECK: %[[S:.*]] = arith.constant dense<2.500000e-01> : tensor<f32>
// CHECK: %[[W:.*]] = qmm.assemble %{{.*}}, %[[S]]
// CHECK: %[[T:.*]] = qmm.transpose %[[W]] [1, 0]
// CHECK: qmm.scaled_matmul %{{.*}}, %[[T]] :
// CHECK-NEXT: return
func.func @constant_behind_transpose(%x: tensor<8x32xf32>, %qb: tensor<32x16xf8E5M2>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %one = arith.constant dense<1.0> : tensor<f32>
  %quarter = arith.constant dense<0.25> : tensor<f32>
  %w = qmm.assemble %qb, %one : tensor<32x16xf8E5M2>, tensor<f32> -> !qmm.tensor<32x16xf32, fp8_e5m2>
  %t = qmm.transpose %w [1, 0] : !qmm.tensor<32x16xf32, fp8_e5m2> -> !qmm.tensor<16x32xf32, fp8_e5m2>
  %y = qmm.scaled_matmul %x, %t : tensor<8x32xf32>, !qmm.tensor<16x32xf32, fp8_e5m2> -> tensor<8x16xf32>
  %z = linalg.generic #with_scalar ins(%y, %quarter : tensor<8x16xf32>, tensor<f32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %f: f32, %o: f32):
    %s = arith.mulf %p, %f : f32
    linalg.yield %s : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// Neither scale is 1: they multiply; a divisor divides.
// CHECK-LABEL: func.func @scale_not_one(
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<f32>, %[[D:[a-z0-9]+]]: tensor<f32>
// CHECK: %[[Q:.*]] = linalg.generic {{.*}} ins(%[[S]], %[[D]]
// CHECK: arith.divf
// CHECK: qmm.assemble %{{.*}}, %[[Q]]
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {qmm.notes = ["division of the product moved into the scale of a"]}
// CHECK-NEXT: return
func.func @scale_not_one(%qa: tensor<8x32xf8E4M3FN>, %w: tensor<16x32xf32>, %s: tensor<f32>, %d: tensor<f32>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %x = qmm.assemble %qa, %s : tensor<8x32xf8E4M3FN>, tensor<f32> -> !qmm.tensor<8x32xf32, fp8>
  %y = qmm.scaled_matmul %x, %w : !qmm.tensor<8x32xf32, fp8>, tensor<16x32xf32> -> tensor<8x16xf32>
  %z = linalg.generic #with_scalar ins(%y, %d : tensor<8x16xf32>, tensor<f32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %f: f32, %o: f32):
    %q = arith.divf %p, %f : f32
    linalg.yield %q : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// One value a column and one a row: scales of rows of b and of a.
// CHECK-LABEL: func.func @columns_and_rows(
// CHECK-SAME: %[[SX:[a-z0-9]+]]: tensor<8x1xf32>, %[[SW:[a-z0-9]+]]: tensor<16xbf16>
// CHECK: %[[A:.*]] = qmm.assemble %{{.*}}, %{{.*}} : tensor<8x32xi8>, tensor<8x1xf32> -> !qmm.tensor<8x32xf32, int8_row>
// CHECK: %[[B:.*]] = qmm.assemble %{{.*}}, %{{.*}} : tensor<16x32xi8>, tensor<16x1xf32> -> !qmm.tensor<16x32xf32, int8_row>
// CHECK: qmm.scaled_matmul %[[A]], %[[B]] :
// CHECK-NEXT: return
func.func @columns_and_rows(%qa: tensor<8x32xi8>, %qb: tensor<16x32xi8>, %sx: tensor<8x1xf32>, %sw: tensor<16xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %one = arith.constant dense<1.0> : tensor<f32>
  %x = qmm.assemble %qa, %one : tensor<8x32xi8>, tensor<f32> -> !qmm.tensor<8x32xf32, int8>
  %w = qmm.assemble %qb, %one : tensor<16x32xi8>, tensor<f32> -> !qmm.tensor<16x32xf32, int8>
  %y = qmm.scaled_matmul %x, %w : !qmm.tensor<8x32xf32, int8>, !qmm.tensor<16x32xf32, int8> -> tensor<8x16xf32>
  %z = linalg.generic {indexing_maps = [#id, #row_unit, #col, #id], iterator_types = ["parallel", "parallel"]}
    ins(%y, %sx, %sw : tensor<8x16xf32>, tensor<8x1xf32>, tensor<16xbf16>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %f: f32, %g: bf16, %o: f32):
    %s = arith.mulf %p, %f : f32
    %h = arith.extf %g : bf16 to f32
    %t = arith.mulf %s, %h : f32
    linalg.yield %t : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// Scales of rows don't move with K, so the codes are transposed.
// CHECK-LABEL: func.func @columns_behind_transpose(
// CHECK-SAME: %{{[a-z0-9]+}}: tensor<?x32xf32>, %[[QB:[a-z0-9]+]]: tensor<32x16xf8E4M3FN>, %[[S:[a-z0-9]+]]: tensor<16xf32>
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[QB]] : tensor<32x16xf8E4M3FN>)
// CHECK: %[[B:.*]] = qmm.assemble %[[T]], %{{.*}} : tensor<16x32xf8E4M3FN>, tensor<16x1xf32> -> !qmm.tensor<16x32xf32, fp8_row>
// CHECK: qmm.scaled_matmul %{{.*}}, %[[B]] :
// CHECK-NEXT: return
func.func @columns_behind_transpose(%x: tensor<?x32xf32>, %qb: tensor<32x16xf8E4M3FN>, %s: tensor<16xf32>, %e: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %one = arith.constant dense<1.0> : tensor<f32>
  %w = qmm.assemble %qb, %one : tensor<32x16xf8E4M3FN>, tensor<f32> -> !qmm.tensor<32x16xf32, fp8>
  %t = qmm.transpose %w [1, 0] : !qmm.tensor<32x16xf32, fp8> -> !qmm.tensor<16x32xf32, fp8>
  %y = qmm.scaled_matmul %x, %t : tensor<?x32xf32>, !qmm.tensor<16x32xf32, fp8> -> tensor<?x16xf32>
  %z = linalg.generic {indexing_maps = [#id, #col, #id], iterator_types = ["parallel", "parallel"]}
    ins(%y, %s : tensor<?x16xf32>, tensor<16xf32>) outs(%e : tensor<?x16xf32>) {
  ^bb0(%p: f32, %f: f32, %o: f32):
    %m = arith.mulf %p, %f : f32
    linalg.yield %m : f32
  } -> tensor<?x16xf32>
  return %z : tensor<?x16xf32>
}

// A row scheme's scales take one more factor each; so does a tensor scale.
// CHECK-LABEL: func.func @scales_of_rows(
// CHECK: linalg.generic
// CHECK: arith.mulf
// CHECK: -> tensor<16x1xf32>
// CHECK: qmm.assemble
// CHECK-NEXT: qmm.scaled_matmul
// CHECK-NEXT: return
func.func @scales_of_rows(%x: tensor<8x32xf32>, %qb: tensor<16x32xf8E4M3FN>, %s: tensor<16x1xf32>, %f: tensor<f32>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %w = qmm.assemble %qb, %s : tensor<16x32xf8E4M3FN>, tensor<16x1xf32> -> !qmm.tensor<16x32xf32, fp8_row>
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xf32>, !qmm.tensor<16x32xf32, fp8_row> -> tensor<8x16xf32>
  %z = linalg.generic #with_scalar ins(%y, %f : tensor<8x16xf32>, tensor<f32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %g: f32, %o: f32):
    %m = arith.mulf %p, %g : f32
    linalg.yield %m : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @tensor_scale(
// CHECK-SAME: %[[BS:[a-z0-9]+]]: tensor<16x2xf8E4M3FN>, %[[F:[a-z0-9]+]]: tensor<f32>
// CHECK: qmm.assemble %{{.*}}, %[[BS]], %[[F]]
// CHECK-NEXT: qmm.scaled_matmul
// CHECK-NEXT: return
func.func @tensor_scale(%x: tensor<8x32xf32>, %qb: tensor<16x16xi8>, %s: tensor<16x2xf8E4M3FN>, %f: tensor<f32>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %one = arith.constant dense<1.0> : tensor<f32>
  %w = qmm.assemble %qb, %s, %one : tensor<16x16xi8>, tensor<16x2xf8E4M3FN>, tensor<f32> -> !qmm.tensor<16x32xf32, nvfp4, nibbles = lo_first>
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xf32>, !qmm.tensor<16x32xf32, nvfp4, nibbles = lo_first> -> tensor<8x16xf32>
  %z = linalg.generic #with_scalar ins(%y, %f : tensor<8x16xf32>, tensor<f32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %g: f32, %o: f32):
    %m = arith.mulf %p, %g : f32
    linalg.yield %m : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// E8M0 scales take none.
// CHECK-LABEL: func.func @e8m0_scales(
// CHECK: qmm.scaled_matmul
// CHECK: linalg.generic
func.func @e8m0_scales(%x: tensor<8x32xf32>, %qb: tensor<16x32xf8E4M3FN>, %s: tensor<16x1xf8E8M0FNU>, %f: tensor<f32>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %w = qmm.assemble %qb, %s : tensor<16x32xf8E4M3FN>, tensor<16x1xf8E8M0FNU> -> !qmm.tensor<16x32xf32, mxfp8>
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xf32>, !qmm.tensor<16x32xf32, mxfp8> -> tensor<8x16xf32>
  %z = linalg.generic #with_scalar ins(%y, %f : tensor<8x16xf32>, tensor<f32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %g: f32, %o: f32):
    // expected-remark@+1 {{epilogue not fused: the product is multiplied by a factor that no operand's scale can take: the scales of scheme mxfp8 aren't f32}}
    %m = arith.mulf %p, %g : f32
    linalg.yield %m : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// Nor does b's tile of 128 columns take one a column.
// CHECK-LABEL: func.func @block_scales(
// CHECK: qmm.scaled_matmul
// CHECK: linalg.generic
func.func @block_scales(%x: tensor<8x256xf32>, %qb: tensor<256x256xf8E4M3FN>, %s: tensor<2x2xf32>, %f: tensor<256xf32>, %e: tensor<8x256xf32>) -> tensor<8x256xf32> {
  %w = qmm.assemble %qb, %s : tensor<256x256xf8E4M3FN>, tensor<2x2xf32> -> !qmm.tensor<256x256xf32, fp8_128x128>
  %y = qmm.scaled_matmul %x, %w : tensor<8x256xf32>, !qmm.tensor<256x256xf32, fp8_128x128> -> tensor<8x256xf32>
  %z = linalg.generic {indexing_maps = [#id, #col, #id], iterator_types = ["parallel", "parallel"]}
    ins(%y, %f : tensor<8x256xf32>, tensor<256xf32>) outs(%e : tensor<8x256xf32>) {
  ^bb0(%p: f32, %g: f32, %o: f32):
    // expected-remark@+1 {{epilogue not fused: the product is multiplied by a factor that no operand's scale can take: scheme fp8_128x128 of b has no place for one factor a column}}
    %m = arith.mulf %p, %g : f32
    linalg.yield %m : f32
  } -> tensor<8x256xf32>
  return %z : tensor<8x256xf32>
}

// A scale that comes from a quantize isn't ours to change.
// CHECK-LABEL: func.func @quantized_here(
// CHECK: qmm.scaled_matmul
// CHECK: linalg.generic
func.func @quantized_here(%x: tensor<8x32xf32>, %w: tensor<16x32xf32>, %f: tensor<f32>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %q = qmm.quantize %x : tensor<8x32xf32> -> !qmm.tensor<8x32xf32, fp8>
  %y = qmm.scaled_matmul %q, %w : !qmm.tensor<8x32xf32, fp8>, tensor<16x32xf32> -> tensor<8x16xf32>
  %z = linalg.generic #with_scalar ins(%y, %f : tensor<8x16xf32>, tensor<f32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %g: f32, %o: f32):
    // expected-remark@+1 {{epilogue not fused: the product is multiplied by a factor that no operand's scale can take: no operand's scales are assembled here}}
    %m = arith.mulf %p, %g : f32
    linalg.yield %m : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// A wide product has no scales, and nothing to say about it.
// CHECK-LABEL: func.func @wide(
// CHECK: qmm.scaled_matmul
// CHECK: linalg.generic
func.func @wide(%x: tensor<8x32xf32>, %w: tensor<16x32xf32>, %f: tensor<f32>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xf32>, tensor<16x32xf32> -> tensor<8x16xf32>
  %z = linalg.generic #with_scalar ins(%y, %f : tensor<8x16xf32>, tensor<f32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %g: f32, %o: f32):
    %m = arith.mulf %p, %g : f32
    linalg.yield %m : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}
