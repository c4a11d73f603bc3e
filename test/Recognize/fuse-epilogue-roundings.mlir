// Epilogues where roundings are kept: those that drop none.
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-fuse-epilogue{roundings=keep}))' --verify-diagnostics | FileCheck %s
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-fuse-epilogue{roundings=keep},qmm-fuse-epilogue{roundings=keep}))' 2>/dev/null | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#col = affine_map<(i, j) -> (j)>
#none = affine_map<(i, j) -> ()>
#elementwise = {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
#with_column = {indexing_maps = [#id, #col, #id], iterator_types = ["parallel", "parallel"]}
#with_value = {indexing_maps = [#id, #none, #id], iterator_types = ["parallel", "parallel"]}

// CHECK-LABEL: func.func @bias(
// CHECK: %[[Y:.*]] = qmm.scaled_matmul %{{[a-z0-9]+}}, %{{[a-z0-9]+}} : tensor<8x32xbf16>
// CHECK-NEXT: linalg.generic {{.*}} ins(%[[Y]]
func.func @bias(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %b: tensor<16xbf16>, %e: tensor<8x16xbf16>) -> tensor<8x16xbf16> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
  %z = linalg.generic #with_column ins(%y, %b : tensor<8x16xbf16>, tensor<16xbf16>) outs(%e : tensor<8x16xbf16>) {
  ^bb0(%p: bf16, %q: bf16, %o: bf16):
    // expected-remark @below {{epilogue not fused: the product is rounded to bf16 before the bias, and roundings are kept}}
    %s = arith.addf %p, %q : bf16
    linalg.yield %s : bf16
  } -> tensor<8x16xbf16>
  return %z : tensor<8x16xbf16>
}

// In f32, and one rounding at the end: as a product does it.
// CHECK-LABEL: func.func @bias_before_convert(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} bias(%{{.*}} : tensor<16xf32>) : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
// CHECK-NEXT: return
func.func @bias_before_convert(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %b: tensor<16xf32>, %e: tensor<8x16xbf16>) -> tensor<8x16xbf16> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #with_column ins(%y, %b : tensor<8x16xf32>, tensor<16xf32>) outs(%e : tensor<8x16xbf16>) {
  ^bb0(%p: f32, %q: f32, %o: bf16):
    %s = arith.addf %p, %q : f32
    %t = arith.truncf %s : f32 to bf16
    linalg.yield %t : bf16
  } -> tensor<8x16xbf16>
  return %z : tensor<8x16xbf16>
}

// Rounding before ReLU and behind it is the same.
// CHECK-LABEL: func.func @relu(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<relu>} : {{.*}} -> tensor<8x16xbf16>
// CHECK-NEXT: return
func.func @relu(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xbf16>) -> tensor<8x16xbf16> {
  %zero = arith.constant 0.0 : bf16
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
  %z = linalg.generic #elementwise ins(%y : tensor<8x16xbf16>) outs(%e : tensor<8x16xbf16>) {
  ^bb0(%p: bf16, %o: bf16):
    %r = arith.maximumf %p, %zero : bf16
    linalg.yield %r : bf16
  } -> tensor<8x16xbf16>
  return %z : tensor<8x16xbf16>
}

// Not where the result is f32.
// CHECK-LABEL: func.func @relu_of_rounded(
// CHECK: qmm.scaled_matmul %{{[a-z0-9]+}}, %{{[a-z0-9]+}} : {{.*}} -> tensor<8x16xbf16>
// CHECK-NEXT: linalg.generic
func.func @relu_of_rounded(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %zero = arith.constant 0.0 : f32
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
  %z = linalg.generic #elementwise ins(%y : tensor<8x16xbf16>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: bf16, %o: f32):
    %f = arith.extf %p : bf16 to f32
    // expected-remark @below {{epilogue not fused: the product is rounded to bf16 before the relu, and roundings are kept}}
    %r = arith.maximumf %f, %zero : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// SiLU in bf16 of an f32 bias's sum: the bias goes in.
// CHECK-LABEL: func.func @narrow_activation(
// CHECK: %[[Y:.*]] = qmm.scaled_matmul %{{.*}}, %{{.*}} bias(%{{.*}} : tensor<16xf32>) : {{.*}} -> tensor<8x16xbf16>
// CHECK: linalg.generic {{.*}} ins(%[[Y]]
// CHECK: math.exp
func.func @narrow_activation(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %b: tensor<16xf32>, %e: tensor<8x16xbf16>) -> tensor<8x16xbf16> {
  %one = arith.constant 1.0 : bf16
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #with_column ins(%y, %b : tensor<8x16xf32>, tensor<16xf32>) outs(%e : tensor<8x16xbf16>) {
  ^bb0(%p: f32, %q: f32, %o: bf16):
    %s = arith.addf %p, %q : f32
    %t = arith.truncf %s : f32 to bf16
    linalg.yield %t : bf16
  } -> tensor<8x16xbf16>
  // expected-remark @+6 {{epilogue not fused: the product is rounded to bf16 before the silu, and roundings are kept}}
  %v = linalg.generic #elementwise ins(%z : tensor<8x16xbf16>) outs(%e : tensor<8x16xbf16>) {
  ^bb0(%p: bf16, %o: bf16):
    %n = arith.negf %p : bf16
    %x0 = math.exp %n : bf16
    %d = arith.addf %x0, %one : bf16
    %r = arith.divf %p, %d : bf16
    linalg.yield %r : bf16
  } -> tensor<8x16xbf16>
  return %v : tensor<8x16xbf16>
}

// CHECK-LABEL: func.func @quantization(
// CHECK: qmm.scaled_matmul {{.*}} -> tensor<8x16xbf16>
// CHECK: qmm.quantize
// CHECK: qmm.scaled_matmul {{.*}} -> !qmm.tensor<8x16xf32, fp8>
func.func @quantization(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %s: tensor<f32>) -> (!qmm.tensor<8x16xbf16, fp8>, !qmm.tensor<8x16xf32, fp8>) {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
  // expected-remark @below {{epilogue not fused: the product is rounded to bf16 before its quantization, and roundings are kept}}
  %q = qmm.quantize %y scale(%s : tensor<f32>) : tensor<8x16xbf16> -> !qmm.tensor<8x16xbf16, fp8>
  %z = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %r = qmm.quantize %z scale(%s : tensor<f32>) : tensor<8x16xf32> -> !qmm.tensor<8x16xf32, fp8>
  return %q, %r : !qmm.tensor<8x16xbf16, fp8>, !qmm.tensor<8x16xf32, fp8>
}

// A factor of the sum isn't one of elements that are rounded; the precision of
// the others stays with them.
// CHECK-LABEL: func.func @scale(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {b_precision = bf16} : {{.*}} -> tensor<8x16xf32>
// CHECK-NEXT: linalg.generic
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {a_precision = f32, b_precision = bf16} : {{.*}} -> tensor<8x16xf32>
// CHECK-NEXT: return
func.func @scale(%x: tensor<8x32xbf16>, %c: tensor<8x32xf8E4M3FN>, %d: tensor<16x32xf8E4M3FN>, %s: tensor<f32>, %t: tensor<f32>, %e: tensor<8x16xf32>) -> (tensor<8x16xf32>, tensor<8x16xf32>) {
  %a = qmm.assemble %c, %s : tensor<8x32xf8E4M3FN>, tensor<f32> -> !qmm.tensor<8x32xf32, fp8>
  %b = qmm.assemble %d, %s : tensor<16x32xf8E4M3FN>, tensor<f32> -> !qmm.tensor<16x32xf32, fp8>
  %y = qmm.scaled_matmul %x, %b {b_precision = bf16} : tensor<8x32xbf16>, !qmm.tensor<16x32xf32, fp8> -> tensor<8x16xf32>
  %z = linalg.generic #with_value ins(%y, %t : tensor<8x16xf32>, tensor<f32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    // expected-remark @below {{epilogue not fused: the product is multiplied by a factor that no operand's scale can take: b's elements times scales are rounded}}
    %m = arith.mulf %p, %q : f32
    linalg.yield %m : f32
  } -> tensor<8x16xf32>
  %u = qmm.scaled_matmul %a, %b {a_precision = f32, b_precision = bf16} : !qmm.tensor<8x32xf32, fp8>, !qmm.tensor<16x32xf32, fp8> -> tensor<8x16xf32>
  %v = linalg.generic #with_value ins(%u, %t : tensor<8x16xf32>, tensor<f32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %m = arith.mulf %p, %q : f32
    linalg.yield %m : f32
  } -> tensor<8x16xf32>
  return %z, %v : tensor<8x16xf32>, tensor<8x16xf32>
}
