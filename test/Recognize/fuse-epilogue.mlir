// Biases and residuals; what isn't one stays, with a remark.
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-fuse-epilogue))' --verify-diagnostics | FileCheck %s
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-fuse-epilogue,qmm-fuse-epilogue))' 2>/dev/null | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#col = affine_map<(i, j) -> (j)>
#row = affine_map<(i, j) -> (i)>
#none = affine_map<(i, j) -> ()>
#unit_col = affine_map<(i, j) -> (0, j)>
#flip = affine_map<(i, j) -> (j, i)>
#elementwise = {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
#with_column = {indexing_maps = [#id, #col, #id], iterator_types = ["parallel", "parallel"]}
#with_tensor = {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}

// CHECK-LABEL: func.func @bias(
// CHECK-SAME: %[[X:.*]]: tensor<?x32xbf16>, %[[W:.*]]: tensor<16x32xbf16>, %[[B:.*]]: tensor<16xbf16>
// CHECK: %[[Y:.*]] = qmm.scaled_matmul %[[X]], %[[W]] bias(%[[B]] : tensor<16xbf16>) {qmm.notes = ["kept", "product rounded to bf16 before the bias"]}
// CHECK-NEXT: return %[[Y]]
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

// An f32 bias before the convert: nothing is rounded that wasn't.
// CHECK-LABEL: func.func @bias_before_convert(
// CHECK-SAME: %[[B:[a-z0-9]+]]: tensor<16xf32>
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} bias(%[[B]] : tensor<16xf32>) : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
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

// The product is bf16, the sum f32; the bias is f16.
// CHECK-LABEL: func.func @bias_after_extension(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} bias(%{{.*}} : tensor<16xf16>) {qmm.notes = ["product rounded to bf16 before the bias"]} : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xf32>
// CHECK-NEXT: return
func.func @bias_after_extension(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %b: tensor<16xf16>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
  %f = linalg.generic #elementwise ins(%y : tensor<8x16xbf16>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: bf16, %o: f32):
    %s = arith.extf %p : bf16 to f32
    linalg.yield %s : f32
  } -> tensor<8x16xf32>
  %z = linalg.generic #with_column ins(%f, %b : tensor<8x16xf32>, tensor<16xf16>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %q: f16, %o: f32):
    %g = arith.extf %q : f16 to f32
    %s = arith.addf %g, %p : f32
    linalg.yield %s : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// Broadcast through 1xN, as jax does, and reshaped from 1x1xN, as torch does.
// CHECK-LABEL: func.func @bias_broadcast_in_steps(
// CHECK-SAME: %[[B:[a-z0-9]+]]: tensor<16xf32>
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} bias(%[[B]] : tensor<16xf32>)
// CHECK-NEXT: return
func.func @bias_broadcast_in_steps(%x: tensor<8x32xf32>, %w: tensor<16x32xf32>, %b: tensor<16xf32>, %e1: tensor<1x16xf32>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xf32>, tensor<16x32xf32> -> tensor<8x16xf32>
  %r = tensor.expand_shape %b [[0, 1]] output_shape [1, 16] : tensor<16xf32> into tensor<1x16xf32>
  %c = linalg.generic {indexing_maps = [#unit_col, #id], iterator_types = ["parallel", "parallel"]} ins(%r : tensor<1x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    linalg.yield %p : f32
  } -> tensor<8x16xf32>
  %z = linalg.add ins(%y, %c : tensor<8x16xf32>, tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @bias_1x1xN(
// CHECK-SAME: %[[B:[a-z0-9]+]]: tensor<1x1x16xf32>
// CHECK: %[[V:.*]] = tensor.collapse_shape %[[B]] {{\[\[}}0, 1, 2]] : tensor<1x1x16xf32> into tensor<16xf32>
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} bias(%[[V]] : tensor<16xf32>)
// CHECK-NEXT: return
func.func @bias_1x1xN(%x: tensor<2x8x32xf32>, %w: tensor<16x32xf32>, %b: tensor<1x1x16xf32>, %e: tensor<2x8x16xf32>) -> tensor<2x8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<2x8x32xf32>, tensor<16x32xf32> -> tensor<2x8x16xf32>
  %z = linalg.generic {indexing_maps = [affine_map<(b, i, j) -> (b, i, j)>, affine_map<(b, i, j) -> (0, 0, j)>, affine_map<(b, i, j) -> (b, i, j)>], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%y, %b : tensor<2x8x16xf32>, tensor<1x1x16xf32>) outs(%e : tensor<2x8x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<2x8x16xf32>
  return %z : tensor<2x8x16xf32>
}

// CHECK-LABEL: func.func @bias_constant(
// CHECK: %[[B:.*]] = arith.constant dense<5.000000e-01> : tensor<16xf32>
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} bias(%[[B]] : tensor<16xf32>)
// CHECK-NEXT: return
func.func @bias_constant(%x: tensor<8x32xf32>, %w: tensor<16x32xf32>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %half = arith.constant dense<0.5> : tensor<8x16xf32>
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xf32>, tensor<16x32xf32> -> tensor<8x16xf32>
  %z = linalg.add ins(%half, %y : tensor<8x16xf32>, tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// A bias that is computed inside the sum is computed on its own.
// CHECK-LABEL: func.func @bias_computed(
// CHECK: %[[B:.*]] = linalg.generic
// CHECK: math.exp
// CHECK: -> tensor<16xf32>
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} bias(%[[B]] : tensor<16xf32>)
// CHECK-NEXT: return
func.func @bias_computed(%x: tensor<8x32xf32>, %w: tensor<16x32xf32>, %b: tensor<16xf32>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xf32>, tensor<16x32xf32> -> tensor<8x16xf32>
  %z = linalg.generic #with_column ins(%y, %b : tensor<8x16xf32>, tensor<16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %f = math.exp %q : f32
    %s = arith.addf %p, %f : f32
    linalg.yield %s : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// The first half of a longer vector is read there, not from its start on.
// CHECK-LABEL: func.func @bias_slice(
// CHECK: %[[B:.*]] = tensor.extract_slice
// CHECK-NOT: linalg.add
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} bias(%{{.*}} : tensor<16xf32>)
// CHECK-NOT: linalg.add
func.func @bias_slice(%x: tensor<8x32xf32>, %w: tensor<16x32xf32>, %b: tensor<32xf32>, %e16: tensor<8x16xf32>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xf32>, tensor<16x32xf32> -> tensor<8x16xf32>
  %h = tensor.extract_slice %b[0] [16] [1] : tensor<32xf32> to tensor<16xf32>
  %c = linalg.broadcast ins(%h : tensor<16xf32>) outs(%e16 : tensor<8x16xf32>) dimensions = [0]
  %z = linalg.add ins(%y, %c : tensor<8x16xf32>, tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @residual(
// CHECK-SAME: %[[R:[a-z0-9]+]]: tensor<?x16xbf16>
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} residual(%[[R]] : tensor<?x16xbf16>) {qmm.notes = ["product rounded to bf16 before the residual"]}
// CHECK-NEXT: return
func.func @residual(%x: tensor<?x32xbf16>, %w: tensor<16x32xbf16>, %r: tensor<?x16xbf16>, %e: tensor<?x16xbf16>) -> tensor<?x16xbf16> {
  %y = qmm.scaled_matmul %x, %w : tensor<?x32xbf16>, tensor<16x32xbf16> -> tensor<?x16xbf16>
  %z = linalg.add ins(%r, %y : tensor<?x16xbf16>, tensor<?x16xbf16>) outs(%e : tensor<?x16xbf16>) -> tensor<?x16xbf16>
  return %z : tensor<?x16xbf16>
}

// Both, in one op, and then ReLU; the residual's extension goes.
// CHECK-LABEL: func.func @residual_then_bias(
// CHECK-SAME: %[[R:[a-z0-9]+]]: tensor<8x16xbf16>, %[[B:[a-z0-9]+]]: tensor<16xf32>
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} bias(%[[B]] : tensor<16xf32>) residual(%[[R]] : tensor<8x16xbf16>) {activation = #qmm.activation<relu>} : tensor<8x32xf32>, tensor<16x32xf32> -> tensor<8x16xbf16>
// CHECK-NEXT: return
func.func @residual_then_bias(%x: tensor<8x32xf32>, %w: tensor<16x32xf32>, %r: tensor<8x16xbf16>, %b: tensor<16xf32>, %e: tensor<8x16xbf16>) -> tensor<8x16xbf16> {
  %zero = arith.constant 0.0 : f32
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xf32>, tensor<16x32xf32> -> tensor<8x16xf32>
  %z = linalg.generic {indexing_maps = [#id, #id, #col, #id], iterator_types = ["parallel", "parallel"]}
    ins(%y, %r, %b : tensor<8x16xf32>, tensor<8x16xbf16>, tensor<16xf32>) outs(%e : tensor<8x16xbf16>) {
  ^bb0(%p: f32, %q: bf16, %c: f32, %o: bf16):
    %f = arith.extf %q : bf16 to f32
    %s = arith.addf %p, %f : f32
    %t = arith.addf %s, %c : f32
    %m = arith.maximumf %t, %zero : f32
    %n = arith.truncf %m : f32 to bf16
    linalg.yield %n : bf16
  } -> tensor<8x16xbf16>
  return %z : tensor<8x16xbf16>
}

// CHECK-LABEL: func.func @bias_then_residual(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} bias(%{{.*}} : tensor<16xbf16>) residual(%{{.*}} : tensor<8x16xbf16>) {qmm.notes = ["product rounded to bf16 before the bias", "sum rounded to bf16 before the residual"]}
// CHECK-NEXT: return
func.func @bias_then_residual(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %r: tensor<8x16xbf16>, %b: tensor<16xbf16>, %e: tensor<8x16xbf16>) -> tensor<8x16xbf16> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
  %c = linalg.broadcast ins(%b : tensor<16xbf16>) outs(%e : tensor<8x16xbf16>) dimensions = [0]
  %s = linalg.add ins(%y, %c : tensor<8x16xbf16>, tensor<8x16xbf16>) outs(%e : tensor<8x16xbf16>) -> tensor<8x16xbf16>
  %z = linalg.add ins(%s, %r : tensor<8x16xbf16>, tensor<8x16xbf16>) outs(%e : tensor<8x16xbf16>) -> tensor<8x16xbf16>
  return %z : tensor<8x16xbf16>
}

// Two products: one is the other's residual, and has the ReLU that is its own.
// CHECK-LABEL: func.func @product_as_residual(
// CHECK: %[[R:.*]] = qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<relu>}
// CHECK: %[[Y:.*]] = qmm.scaled_matmul %{{.*}}, %{{.*}} residual(%[[R]] : tensor<8x16xf32>)
// CHECK-NEXT: return %[[Y]]
func.func @product_as_residual(%x: tensor<8x32xf32>, %w: tensor<16x32xf32>, %v: tensor<16x32xf32>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %zero = arith.constant dense<0.0> : tensor<8x16xf32>
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xf32>, tensor<16x32xf32> -> tensor<8x16xf32>
  %u = qmm.scaled_matmul %x, %v : tensor<8x32xf32>, tensor<16x32xf32> -> tensor<8x16xf32>
  %m = linalg.max ins(%u, %zero : tensor<8x16xf32>, tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  %z = linalg.add ins(%y, %m : tensor<8x16xf32>, tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// Reshapes stay behind the product; a residual is brought to its shape.
// CHECK-LABEL: func.func @reshaped(
// CHECK-SAME: %[[B:[a-z0-9]+]]: tensor<16xbf16>, %[[R:[a-z0-9]+]]: tensor<2x4x16xbf16>
// CHECK: %[[F:.*]] = tensor.collapse_shape %[[R]] {{\[\[}}0, 1], [2]]
// CHECK: %[[Y:.*]] = qmm.scaled_matmul %{{.*}}, %{{.*}} bias(%[[B]] : tensor<16xbf16>) residual(%[[F]] : tensor<8x16xbf16>)
// CHECK: %[[Z:.*]] = tensor.expand_shape %[[Y]] {{\[\[}}0, 1], [2]] output_shape [2, 4, 16] : tensor<8x16xf32> into tensor<2x4x16xf32>
// CHECK-NEXT: return %[[Z]]
func.func @reshaped(%x: tensor<8x32xbf16>, %w: tensor<16x32xbf16>, %b: tensor<16xbf16>, %r: tensor<2x4x16xbf16>, %e: tensor<2x4x16xf32>) -> tensor<2x4x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
  %v = tensor.expand_shape %y [[0, 1], [2]] output_shape [2, 4, 16] : tensor<8x16xbf16> into tensor<2x4x16xbf16>
  %z = linalg.generic {indexing_maps = [affine_map<(b, i, j) -> (b, i, j)>, affine_map<(b, i, j) -> (j)>, affine_map<(b, i, j) -> (b, i, j)>, affine_map<(b, i, j) -> (b, i, j)>], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%v, %b, %r : tensor<2x4x16xbf16>, tensor<16xbf16>, tensor<2x4x16xbf16>) outs(%e : tensor<2x4x16xf32>) {
  ^bb0(%p: bf16, %q: bf16, %s: bf16, %o: f32):
    %pf = arith.extf %p : bf16 to f32
    %qf = arith.extf %q : bf16 to f32
    %sf = arith.extf %s : bf16 to f32
    %t = arith.addf %pf, %qf : f32
    %u = arith.addf %t, %sf : f32
    linalg.yield %u : f32
  } -> tensor<2x4x16xf32>
  return %z : tensor<2x4x16xf32>
}

// A batch of one, collapsed.
// CHECK-LABEL: func.func @batch_of_one(
// CHECK-SAME: %[[R:[a-z0-9]+]]: tensor<?x16xf32>
// CHECK: %[[F:.*]] = tensor.expand_shape %[[R]] {{\[\[}}0, 1], [2]] output_shape [1, %{{.*}}, 16] : tensor<?x16xf32> into tensor<1x?x16xf32>
// CHECK: %[[Y:.*]] = qmm.scaled_matmul %{{.*}}, %{{.*}} residual(%[[F]] : tensor<1x?x16xf32>)
// CHECK: %[[Z:.*]] = tensor.collapse_shape %[[Y]]
// CHECK-NEXT: return %[[Z]]
func.func @batch_of_one(%x: tensor<1x?x32xf32>, %w: tensor<16x32xf32>, %r: tensor<?x16xf32>, %e: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<1x?x32xf32>, tensor<16x32xf32> -> tensor<1x?x16xf32>
  %v = tensor.collapse_shape %y [[0, 1], [2]] : tensor<1x?x16xf32> into tensor<?x16xf32>
  %z = linalg.add ins(%v, %r : tensor<?x16xf32>, tensor<?x16xf32>) outs(%e : tensor<?x16xf32>) -> tensor<?x16xf32>
  return %z : tensor<?x16xf32>
}

// One value a row isn't a bias.
// CHECK-LABEL: func.func @row_offset(
// CHECK: qmm.scaled_matmul %{{[a-z0-9]+}}, %{{[a-z0-9]+}} :
// CHECK: linalg.generic
func.func @row_offset(%x: tensor<8x32xf32>, %w: tensor<8x32xf32>, %b: tensor<8xf32>, %e: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xf32>, tensor<8x32xf32> -> tensor<8x8xf32>
  %z = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
    ins(%y, %b : tensor<8x8xf32>, tensor<8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    // expected-remark@+1 {{epilogue not fused: the product has one value a row added, which is neither a bias (one a column) nor a residual (one an element)}}
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<8x8xf32>
  return %z : tensor<8x8xf32>
}

// Nor is a transposed tensor the residual.
// CHECK-LABEL: func.func @transposed_residual(
// CHECK: qmm.scaled_matmul %{{[a-z0-9]+}}, %{{[a-z0-9]+}} :
// CHECK: linalg.generic
func.func @transposed_residual(%x: tensor<8x32xf32>, %w: tensor<8x32xf32>, %r: tensor<8x8xf32>, %e: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xf32>, tensor<8x32xf32> -> tensor<8x8xf32>
  %z = linalg.generic {indexing_maps = [#id, #flip, #id], iterator_types = ["parallel", "parallel"]}
    ins(%y, %r : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    // expected-remark@+1 {{epilogue not fused: the product has something added that is neither one value a column nor a tensor of its shape}}
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<8x8xf32>
  return %z : tensor<8x8xf32>
}

// CHECK-LABEL: func.func @product_plus_its_transpose(
// CHECK: qmm.scaled_matmul %{{[a-z0-9]+}}, %{{[a-z0-9]+}} :
// CHECK: linalg.generic
func.func @product_plus_its_transpose(%x: tensor<8x32xf32>, %w: tensor<8x32xf32>, %e: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xf32>, tensor<8x32xf32> -> tensor<8x8xf32>
  %z = linalg.generic {indexing_maps = [#id, #flip, #id], iterator_types = ["parallel", "parallel"]}
    ins(%y, %y : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<8x8xf32>
  return %z : tensor<8x8xf32>
}

// CHECK-LABEL: func.func @subtracted(
// CHECK: qmm.scaled_matmul %{{[a-z0-9]+}}, %{{[a-z0-9]+}} :
// CHECK: linalg.generic
func.func @subtracted(%x: tensor<8x32xf32>, %w: tensor<16x32xf32>, %b: tensor<16xf32>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xf32>, tensor<16x32xf32> -> tensor<8x16xf32>
  %z = linalg.generic #with_column ins(%y, %b : tensor<8x16xf32>, tensor<16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    // expected-remark@+1 {{epilogue not fused: the product has something subtracted, where only a sum is an epilogue}}
    %s = arith.subf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// A product with another use keeps its rounding.
// CHECK-LABEL: func.func @two_uses(
// CHECK: qmm.scaled_matmul %{{[a-z0-9]+}}, %{{[a-z0-9]+}} :
// CHECK: linalg.generic
func.func @two_uses(%x: tensor<8x32xf32>, %w: tensor<16x32xf32>, %b: tensor<16xf32>, %e: tensor<8x16xf32>) -> (tensor<8x16xf32>, tensor<8x16xf32>) {
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xf32>, tensor<16x32xf32> -> tensor<8x16xf32>
  %z = linalg.generic #with_column ins(%y, %b : tensor<8x16xf32>, tensor<16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    // expected-remark@+1 {{epilogue not fused: the product has 1 other use, so its bias isn't fused}}
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<8x16xf32>
  return %y, %z : tensor<8x16xf32>, tensor<8x16xf32>
}

// Two elementwise uses that never meet.
// CHECK-LABEL: func.func @two_epilogues(
// CHECK: qmm.scaled_matmul %{{[a-z0-9]+}}, %{{[a-z0-9]+}} :
func.func @two_epilogues(%x: tensor<8x32xf32>, %w: tensor<16x32xf32>, %r: tensor<8x16xf32>, %e: tensor<8x16xf32>) -> (tensor<8x16xf32>, tensor<8x16xf32>) {
  %zero = arith.constant dense<0.0> : tensor<8x16xf32>
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xf32>, tensor<16x32xf32> -> tensor<8x16xf32>
  // expected-remark@+1 {{epilogue not fused: the product has 1 other use, so its residual isn't fused}}
  %s = linalg.add ins(%y, %r : tensor<8x16xf32>, tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  // expected-remark@+1 {{epilogue not fused: the product has 1 other use, so its relu isn't fused}}
  %m = linalg.max ins(%y, %zero : tensor<8x16xf32>, tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %s, %m : tensor<8x16xf32>, tensor<8x16xf32>
}

// Nothing behind the activation is its epilogue.
// CHECK-LABEL: func.func @bias_after_activation(
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} {activation = #qmm.activation<relu>}
// CHECK: linalg.add
func.func @bias_after_activation(%x: tensor<8x32xf32>, %w: tensor<16x32xf32>, %r: tensor<8x16xf32>, %e: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %zero = arith.constant dense<0.0> : tensor<8x16xf32>
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xf32>, tensor<16x32xf32> -> tensor<8x16xf32>
  %m = linalg.max ins(%y, %zero : tensor<8x16xf32>, tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  %s = linalg.add ins(%m, %r : tensor<8x16xf32>, tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %s : tensor<8x16xf32>
}

// -----

// As many columns as the product has, known at run time only.
// CHECK-LABEL: func.func @dynamic_columns(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>, %[[W:.*]]: tensor<?x8xf32>, %[[B:.*]]: tensor<?xf16>
// CHECK: %[[N:.*]] = tensor.dim %[[W]],
// CHECK: tensor.empty(%[[N]]) : tensor<?xbf16>
// CHECK: qmm.scaled_matmul %[[X]], %[[W]] bias(
func.func @dynamic_columns(%x: tensor<?x8xf32>, %w: tensor<?x8xf32>, %b: tensor<?xf16>, %e: tensor<?x?xbf16>) -> tensor<?x?xbf16> {
  %y = qmm.scaled_matmul %x, %w : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x?xbf16>
  %z = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
    ins(%y, %b : tensor<?x?xbf16>, tensor<?xf16>) outs(%e : tensor<?x?xbf16>) {
  ^bb0(%p: bf16, %q: f16, %o: bf16):
    %w0 = arith.extf %q : f16 to f32
    %n = arith.truncf %w0 : f32 to bf16
    %s = arith.addf %p, %n : bf16
    linalg.yield %s : bf16
  } -> tensor<?x?xbf16>
  return %z : tensor<?x?xbf16>
}

// What is moved there and back hasn't moved: by transposes, by a reshape, and by
// a reshape behind which a transpose of an extent of 1 moves nothing.
// CHECK-LABEL: func.func @moved_back(
// CHECK: %[[Y:.*]] = qmm.scaled_matmul %{{.*}}, %{{.*}} bias(%{{.*}} : tensor<16xf32>) {activation = #qmm.activation<relu>}
// CHECK-NEXT: return %[[Y]]
func.func @moved_back(%x: tensor<8x32xf32>, %w: tensor<16x32xf32>, %b: tensor<16xf32>, %e: tensor<8x16xf32>, %t: tensor<16x8xf32>, %u: tensor<8x1x16xf32>) -> tensor<8x16xf32> {
  %zero = arith.constant 0.0 : f32
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xf32>, tensor<16x32xf32> -> tensor<8x16xf32>
  %t1 = linalg.transpose ins(%y : tensor<8x16xf32>) outs(%t : tensor<16x8xf32>) permutation = [1, 0]
  %t2 = linalg.transpose ins(%t1 : tensor<16x8xf32>) outs(%e : tensor<8x16xf32>) permutation = [1, 0]
  %z = linalg.generic #with_column
    ins(%t2, %b : tensor<8x16xf32>, tensor<16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<8x16xf32>
  %v1 = tensor.expand_shape %z [[0, 1], [2]] output_shape [1, 8, 16] : tensor<8x16xf32> into tensor<1x8x16xf32>
  %v2 = linalg.transpose ins(%v1 : tensor<1x8x16xf32>) outs(%u : tensor<8x1x16xf32>) permutation = [1, 0, 2]
  %v3 = tensor.collapse_shape %v2 [[0, 1], [2]] : tensor<8x1x16xf32> into tensor<8x16xf32>
  %r = linalg.generic #elementwise
    ins(%v3 : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%p: f32, %o: f32):
    %m = arith.maximumf %p, %zero : f32
    linalg.yield %m : f32
  } -> tensor<8x16xf32>
  return %r : tensor<8x16xf32>
}

// A transpose of a square isn't none.
// CHECK-LABEL: func.func @transposed_square(
// CHECK: qmm.scaled_matmul %{{[a-z0-9]+}}, %{{[a-z0-9]+}} :
// CHECK: linalg.transpose
// CHECK: linalg.generic
func.func @transposed_square(%x: tensor<8x32xf32>, %w: tensor<8x32xf32>, %e: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %zero = arith.constant 0.0 : f32
  %y = qmm.scaled_matmul %x, %w : tensor<8x32xf32>, tensor<8x32xf32> -> tensor<8x8xf32>
  %t = linalg.transpose ins(%y : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) permutation = [1, 0]
  %r = linalg.generic #elementwise
    ins(%t : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%p: f32, %o: f32):
    %m = arith.maximumf %p, %zero : f32
    linalg.yield %m : f32
  } -> tensor<8x8xf32>
  return %r : tensor<8x8xf32>
}
