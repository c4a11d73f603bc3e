// Products whose result is quantized again, and the amax beside it.
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-fuse-epilogue))' --verify-diagnostics | FileCheck %s
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-fuse-epilogue,qmm-fuse-epilogue))' 2>/dev/null | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#none = affine_map<(i, j) -> ()>
#elementwise = {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
#with_scalar = {indexing_maps = [#id, #none, #id], iterator_types = ["parallel", "parallel"]}
#all = {indexing_maps = [#id, #none], iterator_types = ["reduction", "reduction"]}

// CHECK-LABEL: func.func @divided(
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<f32>
// CHECK: %[[Y:.*]] = qmm.scaled_matmul %{{.*}}, %{{.*}} out_scale(%[[S]] : tensor<f32>) {qmm.notes = ["product rounded to bf16 before its quantization"]} : tensor<8x32xbf16>, tensor<16x32xbf16> -> !qmm.tensor<8x16xbf16, fp8>
// CHECK: %[[C:.*]]:2 = qmm.disassemble %[[Y]]
// CHECK-NEXT: return %[[C]]#0
func.func @divided(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %s: tensor<f32>, %e: tensor<8x16xf8E4M3FN>) -> tensor<8x16xf8E4M3FN> {
  %low = arith.constant -448.0 : f32
  %high = arith.constant 448.0 : f32
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
  %q = linalg.generic #with_scalar ins(%y, %s : tensor<8x16xbf16>, tensor<f32>) outs(%e : tensor<8x16xf8E4M3FN>) {
  ^bb0(%p: bf16, %f: f32, %o: f8E4M3FN):
    %pf = arith.extf %p : bf16 to f32
    %d = arith.divf %pf, %f : f32
    %l = arith.maximumf %d, %low : f32
    %h = arith.minimumf %high, %l : f32
    %c = arith.truncf %h : f32 to f8E4M3FN
    linalg.yield %c : f8E4M3FN
  } -> tensor<8x16xf8E4M3FN>
  return %q : tensor<8x16xf8E4M3FN>
}

// CHECK-LABEL: func.func @multiplied_e5m2(
// CHECK-SAME: %[[F:[a-z0-9]+]]: tensor<f32>
// CHECK: %[[S:.*]] = linalg.generic {{.*}} ins(%[[F]]
// CHECK: arith.divf
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} out_scale(%[[S]] : tensor<f32>) {activation = #qmm.activation<relu>, qmm.notes = ["out_scale is 1 / factor, rounded to f32"]} : {{.*}} -> !qmm.tensor<8x16xf32, fp8_e5m2>
func.func @multiplied_e5m2(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %s: tensor<f32>, %e: tensor<8x16xf8E5M2>) -> tensor<8x16xf8E5M2> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant -57344.0 : f32
  %high = arith.constant 57344.0 : f32
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %q = linalg.generic #with_scalar ins(%y, %s : tensor<8x16xf32>, tensor<f32>) outs(%e : tensor<8x16xf8E5M2>) {
  ^bb0(%p: f32, %f: f32, %o: f8E5M2):
    %r = arith.maximumf %p, %zero : f32
    %d = arith.mulf %f, %r : f32
    %h = arith.minimumf %d, %high : f32
    %l = arith.maximumf %h, %low : f32
    %c = arith.truncf %l : f32 to f8E5M2
    linalg.yield %c : f8E5M2
  } -> tensor<8x16xf8E5M2>
  return %q : tensor<8x16xf8E5M2>
}

// CHECK-LABEL: func.func @without_scale(
// CHECK: %[[S:.*]] = arith.constant dense<1.000000e+00> : tensor<f32>
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} out_scale(%[[S]] : tensor<f32>)
func.func @without_scale(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf8E4M3FN>) -> tensor<8x16xf8E4M3FN> {
  %low = arith.constant -448.0 : f32
  %high = arith.constant 448.0 : f32
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %q = linalg.generic #elementwise ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf8E4M3FN>) {
  ^bb0(%p: f32, %o: f8E4M3FN):
    %l = arith.maximumf %p, %low : f32
    %h = arith.minimumf %l, %high : f32
    %c = arith.truncf %h : f32 to f8E4M3FN
    linalg.yield %c : f8E4M3FN
  } -> tensor<8x16xf8E4M3FN>
  return %q : tensor<8x16xf8E4M3FN>
}

// As recognition leaves it where the codes feed the next product.
// CHECK-LABEL: func.func @quantize_op(
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<f32>
// CHECK: %[[Y:.*]] = qmm.scaled_matmul %{{.*}}, %{{.*}} out_scale(%[[S]] : tensor<f32>) {qmm.notes = ["result rounded to bf16 before its quantization"]}
// CHECK-NEXT: return %[[Y]]
func.func @quantize_op(%x: tensor<?x32xbf16>, %w: tensor<16x32xbf16>, %s: tensor<f32>) -> !qmm.tensor<?x16xbf16, fp8> {
  %y = qmm.scaled_matmul %x, %w : tensor<?x32xbf16>, tensor<16x32xbf16> -> tensor<?x16xbf16>
  %q = qmm.quantize %y scale(%s : tensor<f32>) : tensor<?x16xbf16> -> !qmm.tensor<?x16xbf16, fp8>
  return %q : !qmm.tensor<?x16xbf16, fp8>
}

// The quantized result is reshaped as the wide one was.
// CHECK-LABEL: func.func @quantize_reshaped(
// CHECK: %[[Y:.*]] = qmm.scaled_matmul {{.*}} -> !qmm.tensor<8x16xf32, fp8>
// CHECK-NEXT: %[[R:.*]] = qmm.reshape %[[Y]] : !qmm.tensor<8x16xf32, fp8> -> !qmm.tensor<2x4x16xf32, fp8>
// CHECK-NEXT: return %[[R]]
func.func @quantize_reshaped(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %s: tensor<f32>) -> !qmm.tensor<2x4x16xf32, fp8> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %v = tensor.expand_shape %y [[0, 1], [2]] output_shape [2, 4, 16] : tensor<8x16xf32> into tensor<2x4x16xf32>
  %q = qmm.quantize %v scale(%s : tensor<f32>) : tensor<2x4x16xf32> -> !qmm.tensor<2x4x16xf32, fp8>
  return %q : !qmm.tensor<2x4x16xf32, fp8>
}

// Block scales that a product computes.
// CHECK-LABEL: func.func @quantize_mxfp8(
// CHECK: qmm.scaled_matmul {{.*}} -> !qmm.tensor<8x64xf32, mxfp8>
// CHECK-NEXT: return
func.func @quantize_mxfp8(%x: tensor<8x32xbf16>, %w: tensor<64x32xbf16>) -> !qmm.tensor<8x64xf32, mxfp8> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<64x32xbf16> -> tensor<8x64xf32>
  %q = qmm.quantize %y : tensor<8x64xf32> -> !qmm.tensor<8x64xf32, mxfp8>
  return %q : !qmm.tensor<8x64xf32, mxfp8>
}

// CHECK-LABEL: func.func @quantize_nvfp4(
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<f32>
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} out_scale(%[[S]] : tensor<f32>)
// CHECK-NEXT: return
func.func @quantize_nvfp4(%x: tensor<8x32xbf16>, %w: tensor<64x32xbf16>, %s: tensor<f32>) -> !qmm.tensor<8x64xf32, nvfp4, nibbles = hi_first> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<64x32xbf16> -> tensor<8x64xf32>
  %q = qmm.quantize %y tensor_scale(%s : tensor<f32>) : tensor<8x64xf32> -> !qmm.tensor<8x64xf32, nvfp4, nibbles = hi_first>
  return %q : !qmm.tensor<8x64xf32, nvfp4, nibbles = hi_first>
}

// max |y| of what is quantized: here |y| and the maximum are ops of their own.
// CHECK-LABEL: func.func @amax(
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<f32>
// CHECK: %[[Y:.*]], %[[M:.*]] = qmm.scaled_matmul %{{.*}}, %{{.*}} out_scale(%[[S]] : tensor<f32>) {activation = #qmm.activation<relu>} : {{.*}} -> !qmm.tensor<8x16xf32, fp8>, tensor<f32>
// CHECK: %[[C:.*]]:2 = qmm.disassemble %[[Y]]
// CHECK-NEXT: return %[[C]]#0, %[[M]]
func.func @amax(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %s: tensor<f32>, %e: tensor<8x16xf8E4M3FN>, %ef: tensor<8x16xf32>, %e0: tensor<f32>) -> (tensor<8x16xf8E4M3FN>, tensor<f32>) {
  %low = arith.constant -448.0 : f32
  %high = arith.constant 448.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %zeros = arith.constant dense<0.0> : tensor<8x16xf32>
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %r = linalg.max ins(%y, %zeros : tensor<8x16xf32>, tensor<8x16xf32>) outs(%ef : tensor<8x16xf32>) -> tensor<8x16xf32>
  %a = linalg.abs ins(%r : tensor<8x16xf32>) outs(%ef : tensor<8x16xf32>) -> tensor<8x16xf32>
  %i = linalg.fill ins(%least : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
  %m = linalg.reduce { arith.maximumf } ins(%a : tensor<8x16xf32>) outs(%i : tensor<f32>) dimensions = [0, 1]
  %q = linalg.generic #with_scalar ins(%r, %s : tensor<8x16xf32>, tensor<f32>) outs(%e : tensor<8x16xf8E4M3FN>) {
  ^bb0(%p: f32, %f: f32, %o: f8E4M3FN):
    %d = arith.divf %p, %f : f32
    %l = arith.maximumf %d, %low : f32
    %h = arith.minimumf %l, %high : f32
    %c = arith.truncf %h : f32 to f8E4M3FN
    linalg.yield %c : f8E4M3FN
  } -> tensor<8x16xf8E4M3FN>
  return %q, %m : tensor<8x16xf8E4M3FN>, tensor<f32>
}

// The maximum of a bf16 result is what amax rounds to.
// CHECK-LABEL: func.func @amax_bf16(
// CHECK: %[[Y:.*]], %[[M:.*]] = qmm.scaled_matmul {{.*}} -> !qmm.tensor<8x16xbf16, fp8>, tensor<f32>
// CHECK: %[[N:.*]] = linalg.generic {{.*}} ins(%[[M]]
// CHECK: arith.truncf
// CHECK: return %[[Y]], %[[N]]
func.func @amax_bf16(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %s: tensor<f32>, %i: tensor<bf16>) -> (!qmm.tensor<8x16xbf16, fp8>, tensor<bf16>) {
  %zero = arith.constant 0.0 : bf16
  %z = linalg.fill ins(%zero : bf16) outs(%i : tensor<bf16>) -> tensor<bf16>
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
  %m = linalg.generic #all ins(%y : tensor<8x16xbf16>) outs(%z : tensor<bf16>) {
  ^bb0(%p: bf16, %acc: bf16):
    %a = math.absf %p : bf16
    %b = arith.maximumf %acc, %a : bf16
    linalg.yield %b : bf16
  } -> tensor<bf16>
  %q = qmm.quantize %y scale(%s : tensor<f32>) : tensor<8x16xbf16> -> !qmm.tensor<8x16xbf16, fp8>
  return %q, %m : !qmm.tensor<8x16xbf16, fp8>, tensor<bf16>
}

// CHECK-LABEL: func.func @amax_op(
// CHECK: %[[Y:.*]], %[[M:.*]] = qmm.scaled_matmul
// CHECK-NEXT: return %[[Y]], %[[M]]
func.func @amax_op(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %s: tensor<f32>) -> (!qmm.tensor<8x16xf32, fp8>, tensor<f32>) {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %m = qmm.amax %y : tensor<8x16xf32> -> tensor<f32>
  %q = qmm.quantize %y scale(%s : tensor<f32>) : tensor<8x16xf32> -> !qmm.tensor<8x16xf32, fp8>
  return %q, %m : !qmm.tensor<8x16xf32, fp8>, tensor<f32>
}

// The scale is the amax's: it can't be known before the product is.
// CHECK-LABEL: func.func @scale_of_amax(
// CHECK: qmm.scaled_matmul
// CHECK: qmm.amax
// CHECK: qmm.quantize
func.func @scale_of_amax(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>) -> !qmm.tensor<8x16xf32, fp8> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %m = qmm.amax %y : tensor<8x16xf32> -> tensor<f32>
  // expected-remark@+1 {{epilogue not fused: the product is quantized with a scale that depends on its amax}}
  %q = qmm.quantize %y scale(%m : tensor<f32>) : tensor<8x16xf32> -> !qmm.tensor<8x16xf32, fp8>
  return %q : !qmm.tensor<8x16xf32, fp8>
}

// CHECK-LABEL: func.func @dynamic(
// CHECK: qmm.scaled_matmul
// CHECK: qmm.quantize
func.func @dynamic(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>) -> !qmm.tensor<8x16xf32, fp8> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  // expected-remark@+1 {{epilogue not fused: the product is quantized with scales computed from all of it}}
  %q = qmm.quantize %y : tensor<8x16xf32> -> !qmm.tensor<8x16xf32, fp8>
  return %q : !qmm.tensor<8x16xf32, fp8>
}

// CHECK-LABEL: func.func @divided_in_bf16(
// CHECK: qmm.scaled_matmul
// CHECK: qmm.quantize
func.func @divided_in_bf16(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %s: tensor<f32>) -> !qmm.tensor<8x16xbf16, fp8> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
  // expected-remark@+1 {{epilogue not fused: the product is divided by its scale in bf16, which changes codes}}
  %q = qmm.quantize %y scale(%s : tensor<f32>) {precision = bf16} : tensor<8x16xbf16> -> !qmm.tensor<8x16xbf16, fp8>
  return %q : !qmm.tensor<8x16xbf16, fp8>
}

// CHECK-LABEL: func.func @used_wide_too(
// CHECK: qmm.scaled_matmul
// CHECK: qmm.quantize
func.func @used_wide_too(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %s: tensor<f32>) -> (!qmm.tensor<8x16xf32, fp8>, tensor<8x16xf32>) {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  // expected-remark@+1 {{epilogue not fused: the product has 1 other use, so its quantization isn't fused}}
  %q = qmm.quantize %y scale(%s : tensor<f32>) : tensor<8x16xf32> -> !qmm.tensor<8x16xf32, fp8>
  return %q, %y : !qmm.tensor<8x16xf32, fp8>, tensor<8x16xf32>
}

// CHECK-LABEL: func.func @without_clamp(
// CHECK: qmm.scaled_matmul
// CHECK: linalg.generic
func.func @without_clamp(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %e: tensor<8x16xf8E4M3FN>) -> tensor<8x16xf8E4M3FN> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %q = linalg.generic #elementwise ins(%y : tensor<8x16xf32>) outs(%e : tensor<8x16xf8E4M3FN>) {
  ^bb0(%p: f32, %o: f8E4M3FN):
    // expected-remark@+1 {{epilogue not fused: the product is converted to f8E4M3FN without a clamp, which gives NaN on overflow}}
    %c = arith.truncf %p : f32 to f8E4M3FN
    linalg.yield %c : f8E4M3FN
  } -> tensor<8x16xf8E4M3FN>
  return %q : tensor<8x16xf8E4M3FN>
}

// CHECK-LABEL: func.func @tighter_clamp(
// CHECK: qmm.scaled_matmul
// CHECK: linalg.generic
func.func @tighter_clamp(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %s: tensor<f32>, %e: tensor<8x16xf8E4M3FN>) -> tensor<8x16xf8E4M3FN> {
  %low = arith.constant -240.0 : f32
  %high = arith.constant 240.0 : f32
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
  %q = linalg.generic #with_scalar ins(%y, %s : tensor<8x16xf32>, tensor<f32>) outs(%e : tensor<8x16xf8E4M3FN>) {
  ^bb0(%p: f32, %f: f32, %o: f8E4M3FN):
    %d = arith.divf %p, %f : f32
    %l = arith.maximumf %d, %low : f32
    %h = arith.minimumf %l, %high : f32
    // expected-remark@+1 {{epilogue not fused: the product is clamped to [-240, 240], where f8E4M3FN has +-448}}
    %c = arith.truncf %h : f32 to f8E4M3FN
    linalg.yield %c : f8E4M3FN
  } -> tensor<8x16xf8E4M3FN>
  return %q : tensor<8x16xf8E4M3FN>
}

// CHECK-LABEL: func.func @quotient_in_bf16(
// CHECK: qmm.scaled_matmul
// CHECK: linalg.generic
func.func @quotient_in_bf16(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %s: tensor<bf16>, %e: tensor<8x16xf8E4M3FN>) -> tensor<8x16xf8E4M3FN> {
  %low = arith.constant -448.0 : bf16
  %high = arith.constant 448.0 : bf16
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
  %q = linalg.generic #with_scalar ins(%y, %s : tensor<8x16xbf16>, tensor<bf16>) outs(%e : tensor<8x16xf8E4M3FN>) {
  ^bb0(%p: bf16, %f: bf16, %o: f8E4M3FN):
    // expected-remark@+1 {{epilogue not fused: the product is divided by its scale in bf16, which changes codes}}
    %d = arith.divf %p, %f : bf16
    %l = arith.maximumf %d, %low : bf16
    %h = arith.minimumf %l, %high : bf16
    %c = arith.truncf %h : bf16 to f8E4M3FN
    linalg.yield %c : f8E4M3FN
  } -> tensor<8x16xf8E4M3FN>
  return %q : tensor<8x16xf8E4M3FN>
}
