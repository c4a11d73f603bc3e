// Every spelling of an activation that jax, torch and StableHLO lower to.
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-fuse-epilogue))' | FileCheck %s
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-fuse-epilogue,qmm-fuse-epilogue))' | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#map = {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}

// ReLU.

// CHECK-LABEL: func.func @relu_maximumf(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<relu>}
// CHECK-NEXT: return
func.func @relu_maximumf(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %zero = arith.constant 0.0 : f32
    %r = arith.maximumf %p, %zero : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @relu_maximumf_swapped(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<relu>}
// CHECK-NEXT: return
func.func @relu_maximumf_swapped(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %zero = arith.constant 0.0 : f32
    %r = arith.maximumf %zero, %p : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @relu_maxnumf(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<relu>, qmm.notes = ["relu of NaN is NaN, not 0"]}
// CHECK-NEXT: return
func.func @relu_maxnumf(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %zero = arith.constant 0.0 : f32
    %r = arith.maxnumf %p, %zero : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @relu_select_ogt_p(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<relu>, qmm.notes = ["relu of NaN is NaN, not 0"]}
// CHECK-NEXT: return
func.func @relu_select_ogt_p(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %zero = arith.constant 0.0 : f32
    %c = arith.cmpf ogt, %p, %zero : f32
    %r = arith.select %c, %p, %zero : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @relu_select_ugt_p(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<relu>}
// CHECK-NEXT: return
func.func @relu_select_ugt_p(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %zero = arith.constant 0.0 : f32
    %c = arith.cmpf ugt, %p, %zero : f32
    %r = arith.select %c, %p, %zero : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @relu_select_oge_p(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<relu>, qmm.notes = ["relu of NaN is NaN, not 0"]}
// CHECK-NEXT: return
func.func @relu_select_oge_p(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %zero = arith.constant 0.0 : f32
    %c = arith.cmpf oge, %p, %zero : f32
    %r = arith.select %c, %p, %zero : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @relu_select_olt_p(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<relu>}
// CHECK-NEXT: return
func.func @relu_select_olt_p(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %zero = arith.constant 0.0 : f32
    %c = arith.cmpf olt, %p, %zero : f32
    %r = arith.select %c, %zero, %p : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @relu_select_ule_p(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<relu>, qmm.notes = ["relu of NaN is NaN, not 0"]}
// CHECK-NEXT: return
func.func @relu_select_ule_p(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %zero = arith.constant 0.0 : f32
    %c = arith.cmpf ule, %p, %zero : f32
    %r = arith.select %c, %zero, %p : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @relu_select_olt_zero(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<relu>, qmm.notes = ["relu of NaN is NaN, not 0"]}
// CHECK-NEXT: return
func.func @relu_select_olt_zero(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %zero = arith.constant 0.0 : f32
    %c = arith.cmpf olt, %zero, %p : f32
    %r = arith.select %c, %p, %zero : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @relu_select_uge_zero(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<relu>, qmm.notes = ["relu of NaN is NaN, not 0"]}
// CHECK-NEXT: return
func.func @relu_select_uge_zero(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %zero = arith.constant 0.0 : f32
    %c = arith.cmpf uge, %zero, %p : f32
    %r = arith.select %c, %zero, %p : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @min_isnt_relu(
// CHECK: qmm.scaled_matmul
// CHECK-NOT: activation
// CHECK: linalg.generic
func.func @min_isnt_relu(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %zero = arith.constant 0.0 : f32
    %c = arith.cmpf olt, %p, %zero : f32
    %r = arith.select %c, %p, %zero : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @relu6_isnt_relu(
// CHECK: qmm.scaled_matmul
// CHECK-NOT: activation
// CHECK: linalg.generic
func.func @relu6_isnt_relu(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %zero = arith.constant 0.0 : f32
    %six = arith.constant 6.0 : f32
    %m = arith.minimumf %p, %six : f32
    %r = arith.maximumf %m, %zero : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// GELU by tanh.

// As jax computes it, constants rounded to bf16.
// CHECK-LABEL: func.func @gelu_tanh_jax_bf16(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<gelu_tanh>, qmm.notes = ["product rounded to bf16 before the activation", "gelu_tanh computed in f32, not bf16"]}
// CHECK-NEXT: return
func.func @gelu_tanh_jax_bf16(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xbf16>) -> tensor<8x16xbf16> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
  %z = linalg.generic #map ins(%y : tensor<8x16xbf16>) outs(%e : tensor<8x16xbf16>) {
  ^bb0(%p: bf16, %o: bf16):
    %half = arith.constant 0.5 : bf16
    %one = arith.constant 1.0 : bf16
    %k = arith.constant 0.796875 : bf16
    %a = arith.constant 0.0446777 : bf16
    %x2 = arith.mulf %p, %p : bf16
    %x3 = arith.mulf %x2, %p : bf16
    %m = arith.mulf %a, %x3 : bf16
    %s = arith.addf %p, %m : bf16
    %u = arith.mulf %k, %s : bf16
    %t = math.tanh %u : bf16
    %q = arith.addf %one, %t : bf16
    %h = arith.mulf %half, %q : bf16
    %r = arith.mulf %p, %h : bf16
    linalg.yield %r : bf16
  } -> tensor<8x16xbf16>
  return %z : tensor<8x16xbf16>
}

// CHECK-LABEL: func.func @gelu_tanh_torch(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<gelu_tanh>}
// CHECK-NEXT: return
func.func @gelu_tanh_torch(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %k = arith.constant 0.797884583 : f32
    %a = arith.constant 0.044715 : f32
    %x2 = arith.mulf %p, %p : f32
    %x3 = arith.mulf %x2, %p : f32
    %m = arith.mulf %x3, %a : f32
    %s = arith.addf %p, %m : f32
    %u = arith.mulf %s, %k : f32
    %t = math.tanh %u : f32
    %q = arith.addf %t, %one : f32
    %h = arith.mulf %p, %half : f32
    %r = arith.mulf %h, %q : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @gelu_tanh_powf(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<gelu_tanh>}
// CHECK-NEXT: return
func.func @gelu_tanh_powf(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %three = arith.constant 3.0 : f32
    %k = arith.constant 0.797884583 : f32
    %a = arith.constant 0.044715 : f32
    %x3 = math.powf %p, %three : f32
    %m = arith.mulf %x3, %a : f32
    %s = arith.addf %p, %m : f32
    %u = arith.mulf %s, %k : f32
    %t = math.tanh %u : f32
    %q = arith.addf %t, %one : f32
    %h = arith.mulf %p, %half : f32
    %r = arith.mulf %h, %q : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @gelu_tanh_fpowi(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<gelu_tanh>}
// CHECK-NEXT: return
func.func @gelu_tanh_fpowi(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %three = arith.constant 3 : i32
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %k = arith.constant 0.797884583 : f32
    %a = arith.constant 0.044715 : f32
    %x3 = math.fpowi %p, %three : f32, i32
    %m = arith.mulf %x3, %a : f32
    %s = arith.addf %p, %m : f32
    %u = arith.mulf %s, %k : f32
    %t = math.tanh %u : f32
    %q = arith.addf %t, %one : f32
    %h = arith.mulf %p, %half : f32
    %r = arith.mulf %h, %q : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// x k (1 + a x^2), and 0.5 folded into the sum.
// CHECK-LABEL: func.func @gelu_tanh_factored(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<gelu_tanh>}
// CHECK-NEXT: return
func.func @gelu_tanh_factored(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %k = arith.constant 0.797884583 : f32
    %a = arith.constant 0.044715 : f32
    %x2 = arith.mulf %p, %p : f32
    %m = arith.mulf %x2, %a : f32
    %s = arith.addf %m, %one : f32
    %v = arith.mulf %p, %k : f32
    %u = arith.mulf %v, %s : f32
    %t = math.tanh %u : f32
    %hh = arith.mulf %half, %t : f32
    %q = arith.addf %hh, %half : f32
    %r = arith.mulf %q, %p : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// sqrt(2 / pi) computed, a fused multiply-add, 0.5 last.
// CHECK-LABEL: func.func @gelu_tanh_sqrt(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<gelu_tanh>}
// CHECK-NEXT: return
func.func @gelu_tanh_sqrt(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %two = arith.constant 2.0 : f32
    %pi = arith.constant 3.14159274 : f32
    %a = arith.constant 0.044715 : f32
    %d = arith.divf %two, %pi : f32
    %k = math.sqrt %d : f32
    %x2 = arith.mulf %p, %p : f32
    %x3 = arith.mulf %x2, %p : f32
    %s = math.fma %x3, %a, %p : f32
    %u = arith.mulf %s, %k : f32
    %t = math.tanh %u : f32
    %q = arith.addf %t, %one : f32
    %h = arith.mulf %p, %q : f32
    %r = arith.mulf %h, %half : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// x sigmoid(2 u).
// CHECK-LABEL: func.func @gelu_tanh_sigmoid(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<gelu_tanh>}
// CHECK-NEXT: return
func.func @gelu_tanh_sigmoid(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %one = arith.constant 1.0 : f32
    %k = arith.constant -1.59576917 : f32
    %a = arith.constant -0.0713548139 : f32
    %x2 = arith.mulf %p, %p : f32
    %x3 = arith.mulf %x2, %p : f32
    %m = arith.mulf %x3, %a : f32
    %v = arith.mulf %p, %k : f32
    %u = arith.addf %v, %m : f32
    %t = math.exp %u : f32
    %q = arith.addf %t, %one : f32
    %r = arith.divf %p, %q : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// torch computes in f32 and converts back.
// CHECK-LABEL: func.func @gelu_tanh_in_f32(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<gelu_tanh>, qmm.notes = ["product rounded to bf16 before the activation"]}
// CHECK-NEXT: return
func.func @gelu_tanh_in_f32(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xbf16>) -> tensor<8x16xbf16> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
  %z = linalg.generic #map ins(%y : tensor<8x16xbf16>) outs(%e : tensor<8x16xbf16>) {
  ^bb0(%p: bf16, %o: bf16):
    %f = arith.extf %p : bf16 to f32
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %k = arith.constant 0.797884583 : f32
    %a = arith.constant 0.044715 : f32
    %x2 = arith.mulf %f, %f : f32
    %x3 = arith.mulf %x2, %f : f32
    %m = arith.mulf %x3, %a : f32
    %s = arith.addf %f, %m : f32
    %u = arith.mulf %s, %k : f32
    %t = math.tanh %u : f32
    %q = arith.addf %t, %one : f32
    %h = arith.mulf %f, %half : f32
    %r = arith.mulf %h, %q : f32
    %n = arith.truncf %r : f32 to bf16
    linalg.yield %n : bf16
  } -> tensor<8x16xbf16>
  return %z : tensor<8x16xbf16>
}

// 0.8 is not sqrt(2 / pi) in f32.
// CHECK-LABEL: func.func @gelu_tanh_other_constant(
// CHECK: qmm.scaled_matmul
// CHECK-NOT: activation
// CHECK: linalg.generic
func.func @gelu_tanh_other_constant(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %k = arith.constant 0.8 : f32
    %a = arith.constant 0.044715 : f32
    %x2 = arith.mulf %p, %p : f32
    %x3 = arith.mulf %x2, %p : f32
    %m = arith.mulf %x3, %a : f32
    %s = arith.addf %p, %m : f32
    %u = arith.mulf %s, %k : f32
    %t = math.tanh %u : f32
    %q = arith.addf %t, %one : f32
    %h = arith.mulf %p, %half : f32
    %r = arith.mulf %h, %q : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// x^2 where x^3 belongs.
// CHECK-LABEL: func.func @gelu_tanh_squared(
// CHECK: qmm.scaled_matmul
// CHECK-NOT: activation
// CHECK: linalg.generic
func.func @gelu_tanh_squared(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %k = arith.constant 0.797884583 : f32
    %a = arith.constant 0.044715 : f32
    %x2 = arith.mulf %p, %p : f32
    %m = arith.mulf %x2, %a : f32
    %s = arith.addf %p, %m : f32
    %u = arith.mulf %s, %k : f32
    %t = math.tanh %u : f32
    %q = arith.addf %t, %one : f32
    %h = arith.mulf %p, %half : f32
    %r = arith.mulf %h, %q : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// GELU by erf.

// CHECK-LABEL: func.func @gelu_erf(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<gelu_erf>}
// CHECK-NEXT: return
func.func @gelu_erf(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %k = arith.constant 0.707106769 : f32
    %u = arith.mulf %p, %k : f32
    %t = math.erf %u : f32
    %q = arith.addf %t, %one : f32
    %h = arith.mulf %p, %half : f32
    %r = arith.mulf %h, %q : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @gelu_erf_quotient(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<gelu_erf>}
// CHECK-NEXT: return
func.func @gelu_erf_quotient(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %k = arith.constant 1.41421354 : f32
    %u = arith.divf %p, %k : f32
    %t = math.erf %u : f32
    %q = arith.addf %one, %t : f32
    %h = arith.mulf %q, %half : f32
    %r = arith.mulf %p, %h : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @gelu_erf_sqrt2(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<gelu_erf>}
// CHECK-NEXT: return
func.func @gelu_erf_sqrt2(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %two = arith.constant 2.0 : f32
    %one = arith.constant 1.0 : f32
    %k = math.rsqrt %two : f32
    %u = arith.mulf %p, %k : f32
    %t = math.erf %u : f32
    %q = arith.addf %t, %one : f32
    %h = arith.mulf %p, %q : f32
    %r = arith.divf %h, %two : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @gelu_erfc_jax(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<gelu_erf>}
// CHECK-NEXT: return
func.func @gelu_erfc_jax(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %half = arith.constant 0.5 : f32
    %k = arith.constant 0.707106769 : f32
    %n = arith.negf %p : f32
    %u = arith.mulf %n, %k : f32
    %t = math.erfc %u : f32
    %h = arith.mulf %half, %p : f32
    %r = arith.mulf %h, %t : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @gelu_erf_bf16(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<gelu_erf>, qmm.notes = ["product rounded to bf16 before the activation", "gelu_erf computed in f32, not bf16"]}
// CHECK-NEXT: return
func.func @gelu_erf_bf16(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xbf16>) -> tensor<8x16xbf16> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
  %z = linalg.generic #map ins(%y : tensor<8x16xbf16>) outs(%e : tensor<8x16xbf16>) {
  ^bb0(%p: bf16, %o: bf16):
    %half = arith.constant 0.5 : bf16
    %one = arith.constant 1.0 : bf16
    %k = arith.constant 0.707031 : bf16
    %u = arith.mulf %p, %k : bf16
    %t = math.erf %u : bf16
    %q = arith.addf %t, %one : bf16
    %h = arith.mulf %p, %half : bf16
    %r = arith.mulf %h, %q : bf16
    linalg.yield %r : bf16
  } -> tensor<8x16xbf16>
  return %z : tensor<8x16xbf16>
}

// CHECK-LABEL: func.func @erf_alone(
// CHECK: qmm.scaled_matmul
// CHECK-NOT: activation
// CHECK: linalg.generic
func.func @erf_alone(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %k = arith.constant 0.707106769 : f32
    %u = arith.mulf %p, %k : f32
    %r = math.erf %u : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// SiLU.

// x logistic(x).
// CHECK-LABEL: func.func @silu_stablehlo(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<silu>}
// CHECK-NEXT: return
func.func @silu_stablehlo(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %one = arith.constant 1.0 : f32
    %n = arith.negf %p : f32
    %t = math.exp %n : f32
    %q = arith.addf %t, %one : f32
    %g = arith.divf %one, %q : f32
    %r = arith.mulf %p, %g : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @silu_quotient(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<silu>}
// CHECK-NEXT: return
func.func @silu_quotient(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %one = arith.constant 1.0 : f32
    %n = arith.negf %p : f32
    %t = math.exp %n : f32
    %q = arith.addf %one, %t : f32
    %r = arith.divf %p, %q : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @silu_positive_exp(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<silu>}
// CHECK-NEXT: return
func.func @silu_positive_exp(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %one = arith.constant 1.0 : f32
    %t = math.exp %p : f32
    %q = arith.addf %one, %t : f32
    %g = arith.divf %t, %q : f32
    %r = arith.mulf %g, %p : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @silu_tanh(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<silu>}
// CHECK-NEXT: return
func.func @silu_tanh(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %h = arith.mulf %p, %half : f32
    %t = math.tanh %h : f32
    %q = arith.addf %t, %one : f32
    %g = arith.mulf %half, %q : f32
    %r = arith.mulf %p, %g : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// h + h tanh(h), h = x / 2.
// CHECK-LABEL: func.func @silu_half_shared(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<silu>}
// CHECK-NEXT: return
func.func @silu_half_shared(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %half = arith.constant 0.5 : f32
    %h = arith.mulf %p, %half : f32
    %t = math.tanh %h : f32
    %g = arith.mulf %h, %t : f32
    %r = arith.addf %g, %h : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @silu_bf16(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<silu>, qmm.notes = ["product rounded to bf16 before the activation", "silu computed in f32, not bf16"]}
// CHECK-NEXT: return
func.func @silu_bf16(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xbf16>) -> tensor<8x16xbf16> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
  %z = linalg.generic #map ins(%y : tensor<8x16xbf16>) outs(%e : tensor<8x16xbf16>) {
  ^bb0(%p: bf16, %o: bf16):
    %one = arith.constant 1.0 : bf16
    %n = arith.negf %p : bf16
    %t = math.exp %n : bf16
    %q = arith.addf %t, %one : bf16
    %g = arith.divf %one, %q : bf16
    %r = arith.mulf %p, %g : bf16
    linalg.yield %r : bf16
  } -> tensor<8x16xbf16>
  return %z : tensor<8x16xbf16>
}

// CHECK-LABEL: func.func @sigmoid_alone(
// CHECK: qmm.scaled_matmul
// CHECK-NOT: activation
// CHECK: linalg.generic
func.func @sigmoid_alone(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %one = arith.constant 1.0 : f32
    %n = arith.negf %p : f32
    %t = math.exp %n : f32
    %q = arith.addf %t, %one : f32
    %r = arith.divf %one, %q : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// x sigmoid(1.702 x) is another function.
// CHECK-LABEL: func.func @quick_gelu(
// CHECK: qmm.scaled_matmul
// CHECK-NOT: activation
// CHECK: linalg.generic
func.func @quick_gelu(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %one = arith.constant 1.0 : f32
    %k = arith.constant -1.702 : f32
    %n = arith.mulf %p, %k : f32
    %t = math.exp %n : f32
    %q = arith.addf %t, %one : f32
    %r = arith.divf %p, %q : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// One op each, x used by several of them.
// CHECK-LABEL: func.func @silu_unfused(
// CHECK: %[[Y:.*]] = qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<silu>}
// CHECK-NEXT: return %[[Y]]
func.func @silu_unfused(%x: tensor<?x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<?x16xf32>, %one: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %c1 = arith.constant 1.0 : f32
  %y = qmm.scaled_matmul %x, %w : tensor<?x32xbf16>, tensor<16x32xbf16> -> tensor<?x16xf32>
  %n = linalg.negf ins(%y : tensor<?x16xf32>) outs(%e : tensor<?x16xf32>) -> tensor<?x16xf32>
  %t = linalg.exp ins(%n : tensor<?x16xf32>) outs(%e : tensor<?x16xf32>) -> tensor<?x16xf32>
  %ones = linalg.fill ins(%c1 : f32) outs(%e : tensor<?x16xf32>) -> tensor<?x16xf32>
  %q = linalg.add ins(%ones, %t : tensor<?x16xf32>, tensor<?x16xf32>) outs(%e : tensor<?x16xf32>) -> tensor<?x16xf32>
  %r = linalg.div ins(%y, %q : tensor<?x16xf32>, tensor<?x16xf32>) outs(%e : tensor<?x16xf32>) -> tensor<?x16xf32>
  return %r : tensor<?x16xf32>
}

// SwiGLU: the SiLU goes into its product, the multiply stays.
// CHECK-LABEL: func.func @swiglu(
// CHECK: %[[G:.*]] = qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<silu>, qmm.notes = ["multiply behind the activation stays an op"]}
// CHECK: %[[U:.*]] = qmm.scaled_matmul
// CHECK: linalg.mul ins(%[[G]], %[[U]]
func.func @swiglu(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %v: tensor<16x32xbf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %u = qmm.scaled_matmul %x, %v : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %one = arith.constant 1.0 : f32
    %n = arith.negf %p : f32
    %t = math.exp %n : f32
    %q = arith.addf %t, %one : f32
    %r = arith.divf %p, %q : f32
    linalg.yield %r : f32
  } -> tensor<8x16xf32>
  %g = linalg.mul ins(%z, %u : tensor<8x16xf32>, tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %g : tensor<8x16xf32>
}

// Roundings on the way to the activation are listed, wherever they are.
// CHECK-LABEL: func.func @relu_of_rounded(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<relu>, qmm.notes = ["product rounded to f16 before the activation", "product rounded to bf16 before the activation"]}
// CHECK-NEXT: return
func.func @relu_of_rounded(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xbf16>) -> tensor<8x16xbf16> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %z = linalg.generic #map ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xbf16>) {
  ^bb0(%p: f32, %o: bf16):
    %zero = arith.constant 0.0 : bf16
    %h = arith.truncf %p : f32 to f16
    %f = arith.extf %h : f16 to f32
    %b = arith.truncf %f : f32 to bf16
    %r = arith.maximumf %b, %zero : bf16
    linalg.yield %r : bf16
  } -> tensor<8x16xbf16>
  return %z : tensor<8x16xbf16>
}
