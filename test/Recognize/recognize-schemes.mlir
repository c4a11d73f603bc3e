// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-recognize-contractions,canonicalize,cse))' --split-input-file | FileCheck %s
// Twice is as good as once.
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-recognize-contractions,canonicalize,cse,qmm-recognize-contractions,canonicalize,cse))' --split-input-file | FileCheck %s

#nk = affine_map<(n, k) -> (n, k)>
#n = affine_map<(n, k) -> (n)>
// One scale a column of the product.
// CHECK-LABEL: func.func @per_channel(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xbf16>, %[[W:.*]]: tensor<16x32xf8E4M3FN>, %[[S:.*]]: tensor<16xf32>)
// CHECK: %[[R:.*]] = tensor.expand_shape %[[S]]
// CHECK: %[[Q:.*]] = qmm.assemble %[[W]], %[[R]] : {{.*}} -> !qmm.tensor<16x32xf32, fp8_row>
// CHECK: qmm.scaled_matmul %[[X]], %[[Q]]
func.func @per_channel(%x: tensor<8x32xbf16>, %w: tensor<16x32xf8E4M3FN>, %s: tensor<16xf32>) -> tensor<8x16xf32> {
  %zero = arith.constant 0.0 : f32
  %ew = tensor.empty() : tensor<16x32xf32>
  %d = linalg.generic {indexing_maps = [#nk, #n, #nk], iterator_types = ["parallel", "parallel"]}
    ins(%w, %s : tensor<16x32xf8E4M3FN>, tensor<16xf32>) outs(%ew : tensor<16x32xf32>) {
  ^bb0(%q: f8E4M3FN, %t: f32, %o: f32):
    %a = arith.extf %q : f8E4M3FN to f32
    %b = arith.mulf %a, %t : f32
    linalg.yield %b : f32
  } -> tensor<16x32xf32>
  %e = tensor.empty() : tensor<8x16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %d : tensor<8x32xbf16>, tensor<16x32xf32>) outs(%z : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// -----

// A block-scaled weight decoded by hand: reshape, broadcast, reshape.
// CHECK-LABEL: func.func @blocks_1x16(
// CHECK-SAME: %[[X:.*]]: tensor<8x64xbf16>, %[[W:.*]]: tensor<16x64xf8E4M3FN>, %[[S:.*]]: tensor<16x4xf32>)
// CHECK-NEXT: %[[Q:.*]] = qmm.assemble %[[W]], %[[S]] : {{.*}} -> !qmm.tensor<16x64xf32, f8E4M3FN block = [1, 16] scale = f32>
// CHECK-NEXT: qmm.scaled_matmul %[[X]], %[[Q]]
func.func @blocks_1x16(%x: tensor<8x64xbf16>, %w: tensor<16x64xf8E4M3FN>, %s: tensor<16x4xf32>) -> tensor<8x16xf32> {
  %zero = arith.constant 0.0 : f32
  %w3 = tensor.expand_shape %w [[0], [1, 2]] output_shape [16, 4, 16] : tensor<16x64xf8E4M3FN> into tensor<16x4x16xf8E4M3FN>
  %ew = tensor.empty() : tensor<16x4x16xf32>
  %d3 = linalg.generic {indexing_maps = [affine_map<(n, b, i) -> (n, b, i)>, affine_map<(n, b, i) -> (n, b)>, affine_map<(n, b, i) -> (n, b, i)>], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%w3, %s : tensor<16x4x16xf8E4M3FN>, tensor<16x4xf32>) outs(%ew : tensor<16x4x16xf32>) {
  ^bb0(%q: f8E4M3FN, %t: f32, %o: f32):
    %a = arith.extf %q : f8E4M3FN to f32
    %b = arith.mulf %a, %t : f32
    linalg.yield %b : f32
  } -> tensor<16x4x16xf32>
  %d = tensor.collapse_shape %d3 [[0], [1, 2]] : tensor<16x4x16xf32> into tensor<16x64xf32>
  %e = tensor.empty() : tensor<8x16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %d : tensor<8x64xbf16>, tensor<16x64xf32>) outs(%z : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// -----

// 128x128 blocks of a weight stored K x N, through a broadcast of the scales to the whole.
// CHECK-LABEL: func.func @blocks_128x128(
// CHECK-SAME: %[[X:.*]]: tensor<?x256xbf16>, %[[W:.*]]: tensor<256x384xf8E4M3FN>, %[[S:.*]]: tensor<2x3xf32>)
// CHECK-DAG: %[[ST:.*]] = linalg.transpose ins(%[[S]] :
// CHECK-DAG: %[[WT:.*]] = linalg.transpose ins(%[[W]] :
// CHECK: %[[Q:.*]] = qmm.assemble %[[WT]], %[[ST]] : {{.*}} -> !qmm.tensor<384x256xbf16, fp8_128x128>
// CHECK: qmm.scaled_matmul %[[X]], %[[Q]]
// CHECK-SAME: "b: element times scale rounded to bf16"
func.func @blocks_128x128(%x: tensor<?x256xbf16>, %w: tensor<256x384xf8E4M3FN>, %s: tensor<2x3xf32>) -> tensor<?x384xbf16> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : bf16
  %es = tensor.empty() : tensor<2x128x3x128xf32>
  %s4 = linalg.broadcast ins(%s : tensor<2x3xf32>) outs(%es : tensor<2x128x3x128xf32>) dimensions = [1, 3]
  %sw = tensor.collapse_shape %s4 [[0, 1], [2, 3]] : tensor<2x128x3x128xf32> into tensor<256x384xf32>
  %ew = tensor.empty() : tensor<256x384xbf16>
  %d = linalg.generic {indexing_maps = [affine_map<(n, k) -> (n, k)>, affine_map<(n, k) -> (n, k)>, affine_map<(n, k) -> (n, k)>], iterator_types = ["parallel", "parallel"]}
    ins(%w, %sw : tensor<256x384xf8E4M3FN>, tensor<256x384xf32>) outs(%ew : tensor<256x384xbf16>) {
  ^bb0(%q: f8E4M3FN, %t: f32, %o: bf16):
    %a = arith.extf %q : f8E4M3FN to f32
    %b = arith.mulf %a, %t : f32
    %c = arith.truncf %b : f32 to bf16
    linalg.yield %c : bf16
  } -> tensor<256x384xbf16>
  %m = tensor.dim %x, %c0 : tensor<?x256xbf16>
  %e = tensor.empty(%m) : tensor<?x384xbf16>
  %z = linalg.fill ins(%zero : bf16) outs(%e : tensor<?x384xbf16>) -> tensor<?x384xbf16>
  %y = linalg.matmul ins(%x, %d : tensor<?x256xbf16>, tensor<256x384xbf16>) outs(%z : tensor<?x384xbf16>) -> tensor<?x384xbf16>
  return %y : tensor<?x384xbf16>
}

// -----

// IREE's block-scaled product: five operands, and K split in blocks.
#a = affine_map<(m, n, ko, kb) -> (m, ko, kb)>
#b = affine_map<(m, n, ko, kb) -> (n, ko, kb)>
#sa = affine_map<(m, n, ko, kb) -> (m, ko)>
#sb = affine_map<(m, n, ko, kb) -> (n, ko)>
#c = affine_map<(m, n, ko, kb) -> (m, n)>
// CHECK-LABEL: func.func @scaling_extf_mxfp8(
// CHECK-SAME: %[[X:.*]]: tensor<8x2x32xf8E4M3FN>, %[[W:.*]]: tensor<16x2x32xf8E5M2>, %[[S:.*]]: tensor<8x2xf8E8M0FNU>, %[[T:.*]]: tensor<16x2xf8E8M0FNU>)
// CHECK: %[[XC:.*]] = tensor.collapse_shape %[[X]]
// CHECK: %[[A:.*]] = qmm.assemble %[[XC]], %[[S]] : {{.*}} -> !qmm.tensor<8x64xf32, mxfp8>
// CHECK: %[[WC:.*]] = tensor.collapse_shape %[[W]]
// CHECK: %[[B:.*]] = qmm.assemble %[[WC]], %[[T]] : {{.*}} -> !qmm.tensor<16x64xf32, mxfp8_e5m2>
// CHECK: qmm.scaled_matmul %[[A]], %[[B]]
func.func @scaling_extf_mxfp8(%x: tensor<8x2x32xf8E4M3FN>, %w: tensor<16x2x32xf8E5M2>, %s: tensor<8x2xf8E8M0FNU>, %t: tensor<16x2xf8E8M0FNU>) -> tensor<8x16xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  %y = linalg.generic {indexing_maps = [#a, #b, #sa, #sb, #c], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
    ins(%x, %w, %s, %t : tensor<8x2x32xf8E4M3FN>, tensor<16x2x32xf8E5M2>, tensor<8x2xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>) outs(%z : tensor<8x16xf32>) {
  ^bb0(%p: f8E4M3FN, %q: f8E5M2, %sp: f8E8M0FNU, %sq: f8E8M0FNU, %o: f32):
    %0 = arith.scaling_extf %p, %sp : f8E4M3FN, f8E8M0FNU to f32
    %1 = arith.scaling_extf %q, %sq : f8E5M2, f8E8M0FNU to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %o, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// -----

// Two batch dimensions, result dimensions in another order, two columns, K in two.
// CHECK-LABEL: func.func @einsum(
// CHECK: %[[R:.*]] = qmm.scaled_matmul {{.*}} : tensor<2x3x8x64xf32>, tensor<2x3x30x64xf32> -> tensor<2x3x8x30xf32>
// CHECK: %[[E:.*]] = tensor.expand_shape %[[R]] {{\[\[}}0], [1], [2], [3, 4]] output_shape [2, 3, 8, 5, 6]
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[E]] : {{.*}} permutation = [0, 2, 3, 1, 4]
// CHECK: return %[[T]]
func.func @einsum(%x: tensor<2x8x4x3x16xf32>, %w: tensor<3x4x5x6x2x16xf32>) -> tensor<2x8x5x3x6xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x8x5x3x6xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x8x5x3x6xf32>) -> tensor<2x8x5x3x6xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(b, m, n1, c, n2, k1, k2) -> (b, m, k1, c, k2)>, affine_map<(b, m, n1, c, n2, k1, k2) -> (c, k1, n1, n2, b, k2)>, affine_map<(b, m, n1, c, n2, k1, k2) -> (b, m, n1, c, n2)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
    ins(%x, %w : tensor<2x8x4x3x16xf32>, tensor<3x4x5x6x2x16xf32>) outs(%z : tensor<2x8x5x3x6xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %m = arith.mulf %p, %q : f32
    %r = arith.addf %m, %o : f32
    linalg.yield %r : f32
  } -> tensor<2x8x5x3x6xf32>
  return %y : tensor<2x8x5x3x6xf32>
}

// -----

// The vector is the row of a product, so that the matrix is read once.
// CHECK-LABEL: func.func @matvec(
// CHECK-SAME: %[[W:.*]]: tensor<16x32xf8E4M3FN>, %[[X:.*]]: tensor<32xbf16>)
// CHECK: %[[R:.*]] = tensor.expand_shape %[[X]] {{\[\[}}0, 1]] output_shape [1, 32]
// CHECK: %[[Q:.*]] = qmm.assemble %[[W]],
// CHECK: %[[Y:.*]] = qmm.scaled_matmul %[[R]], %[[Q]] : {{.*}} -> tensor<1x16xf32>
// CHECK: tensor.collapse_shape %[[Y]]
func.func @matvec(%w: tensor<16x32xf8E4M3FN>, %x: tensor<32xbf16>) -> tensor<16xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<16xf32>) -> tensor<16xf32>
  %y = linalg.matvec ins(%w, %x : tensor<16x32xf8E4M3FN>, tensor<32xbf16>) outs(%z : tensor<16xf32>) -> tensor<16xf32>
  return %y : tensor<16xf32>
}

// -----

// A sum in i32 that is converted to float; the scales come after the product.
// CHECK-LABEL: func.func @int8_rows(
// CHECK: %[[Y:.*]] = qmm.scaled_matmul {{.*}} : !qmm.tensor<8x32xf32, int8>, !qmm.tensor<16x32xf32, int8> -> tensor<8x16xf32>
// CHECK: linalg.generic {{.*}} ins(%[[Y]],
// CHECK-NOT: sitofp
func.func @int8_rows(%x: tensor<8x32xi8>, %w: tensor<16x32xi8>, %sx: tensor<8x1xf32>, %sw: tensor<16xf32>) -> tensor<8x16xbf16> {
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<8x16xi32>
  %z = linalg.fill ins(%zero : i32) outs(%e : tensor<8x16xi32>) -> tensor<8x16xi32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<8x32xi8>, tensor<16x32xi8>) outs(%z : tensor<8x16xi32>) -> tensor<8x16xi32>
  %f = tensor.empty() : tensor<8x16xbf16>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, 0)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
    ins(%y, %sx, %sw : tensor<8x16xi32>, tensor<8x1xf32>, tensor<16xf32>) outs(%f : tensor<8x16xbf16>) {
  ^bb0(%p: i32, %a: f32, %b: f32, %o: bf16):
    %c = arith.sitofp %p : i32 to f32
    %d = arith.mulf %c, %a : f32
    %g = arith.mulf %d, %b : f32
    %h = arith.truncf %g : f32 to bf16
    linalg.yield %h : bf16
  } -> tensor<8x16xbf16>
  return %r : tensor<8x16xbf16>
}

// -----

// Padding, a slice at a runtime offset and a mask between dequantization and contraction.
#id = affine_map<(n, k) -> (n, k)>
#s = affine_map<(n, k) -> ()>
// CHECK-LABEL: func.func @moved(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xbf16>, %[[W:.*]]: tensor<30x32xf8E4M3FN>, %[[S:.*]]: tensor<f32>, %[[AT:.*]]: index, %[[MASK:.*]]: tensor<16x32xi1>)
// CHECK: %[[P:.*]] = tensor.pad %[[W]] low[0, 0] high[2, 0]
// CHECK: tensor<30x32xf8E4M3FN> to tensor<32x32xf8E4M3FN>
// CHECK: %[[SL:.*]] = tensor.extract_slice %[[P]][%[[AT]], 0] [16, 32] [1, 1]
// CHECK: %[[MASKED:.*]] = linalg.generic {{.*}} ins(%[[MASK]], %[[SL]] :
// CHECK: arith.select {{.*}} : f8E4M3FN
// CHECK: qmm.assemble %[[MASKED]], %[[S]]
func.func @moved(%x: tensor<8x32xbf16>, %w: tensor<30x32xf8E4M3FN>, %s: tensor<f32>, %at: index, %mask: tensor<16x32xi1>) -> tensor<8x16xf32> {
  %zero = arith.constant 0.0 : f32
  %ew = tensor.empty() : tensor<30x32xf32>
  %d = linalg.generic {indexing_maps = [#id, #s, #id], iterator_types = ["parallel", "parallel"]}
    ins(%w, %s : tensor<30x32xf8E4M3FN>, tensor<f32>) outs(%ew : tensor<30x32xf32>) {
  ^bb0(%q: f8E4M3FN, %t: f32, %o: f32):
    %a = arith.extf %q : f8E4M3FN to f32
    %b = arith.mulf %a, %t : f32
    linalg.yield %b : f32
  } -> tensor<30x32xf32>
  %p = tensor.pad %d low[0, 0] high[2, 0] {
  ^bb0(%i: index, %j: index):
    tensor.yield %zero : f32
  } : tensor<30x32xf32> to tensor<32x32xf32>
  %sl = tensor.extract_slice %p[%at, 0] [16, 32] [1, 1] : tensor<32x32xf32> to tensor<16x32xf32>
  %em = tensor.empty() : tensor<16x32xf32>
  %ms = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%sl, %mask : tensor<16x32xf32>, tensor<16x32xi1>) outs(%em : tensor<16x32xf32>) {
  ^bb0(%q: f32, %c: i1, %o: f32):
    %a = arith.select %c, %q, %zero : f32
    linalg.yield %a : f32
  } -> tensor<16x32xf32>
  %e = tensor.empty() : tensor<8x16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %ms : tensor<8x32xbf16>, tensor<16x32xf32>) outs(%z : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// -----

// Slices and reversed division; the sum starts from a bias.
#id = affine_map<(n, k) -> (n, k)>
#s = affine_map<(n, k) -> ()>
// CHECK-LABEL: func.func @sliced(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xbf16>, %[[W:.*]]: tensor<64x32xf8E4M3FN>, %[[S:.*]]: tensor<f32>, %[[BIAS:.*]]: tensor<16xf32>)
// CHECK: %[[INVERSE:.*]] = linalg.generic {{.*}} ins(%[[S]] :
// CHECK: arith.divf
// CHECK: %[[SL:.*]] = tensor.extract_slice %[[W]][8, 0] [16, 32] [2, 1]
// CHECK: qmm.assemble %[[SL]], %[[INVERSE]]
// CHECK: qmm.scaled_matmul {{.*}} bias(%[[BIAS]] : tensor<16xf32>)
// CHECK-SAME: "b: element divided by its scale: multiplied by the reciprocal, rounded to f32"
func.func @sliced(%x: tensor<8x32xbf16>, %w: tensor<64x32xf8E4M3FN>, %s: tensor<f32>, %bias: tensor<16xf32>) -> tensor<8x16xf32> {
  %ew = tensor.empty() : tensor<64x32xf32>
  %d = linalg.generic {indexing_maps = [#id, #s, #id], iterator_types = ["parallel", "parallel"]}
    ins(%w, %s : tensor<64x32xf8E4M3FN>, tensor<f32>) outs(%ew : tensor<64x32xf32>) {
  ^bb0(%q: f8E4M3FN, %t: f32, %o: f32):
    %a = arith.extf %q : f8E4M3FN to f32
    %b = arith.divf %a, %t : f32
    linalg.yield %b : f32
  } -> tensor<64x32xf32>
  %sl = tensor.extract_slice %d[8, 0] [16, 32] [2, 1] : tensor<64x32xf32> to tensor<16x32xf32>
  %e = tensor.empty() : tensor<8x16xf32>
  %z = linalg.broadcast ins(%bias : tensor<16xf32>) outs(%e : tensor<8x16xf32>) dimensions = [0]
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %sl : tensor<8x32xbf16>, tensor<16x32xf32>) outs(%z : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// -----

// A zero point of 0 is none; with any other the values are wide, and the note
// says why.
// CHECK-LABEL: func.func @zero_point(
// CHECK-SAME: %[[A:.*]]: tensor<8x32xi8>, %[[W:.*]]: tensor<16x32xi8>)
// CHECK: %[[X:.*]] = linalg.generic
// CHECK-SAME: ins(%[[A]] : tensor<8x32xi8>)
// CHECK: %[[Q:.*]] = qmm.assemble %[[W]], %{{.*}} -> !qmm.tensor<16x32xf32, int8>
// CHECK: qmm.scaled_matmul %[[X]], %[[Q]] {qmm.notes = ["a: its codes have a zero point: dequantized before the product"]}
func.func @zero_point(%a: tensor<8x32xi8>, %w: tensor<16x32xi8>) -> tensor<8x16xf32> {
  %zero = arith.constant 0.0 : f32
  %three = arith.constant 3.0 : f32
  %s = arith.constant 0.5 : f32
  %ea = tensor.empty() : tensor<8x32xf32>
  %da = linalg.generic {indexing_maps = [affine_map<(n, k) -> (n, k)>, affine_map<(n, k) -> (n, k)>], iterator_types = ["parallel", "parallel"]}
    ins(%a : tensor<8x32xi8>) outs(%ea : tensor<8x32xf32>) {
  ^bb0(%q: i8, %o: f32):
    %c = arith.sitofp %q : i8 to f32
    %d = arith.subf %c, %three : f32
    %v = arith.mulf %d, %s : f32
    linalg.yield %v : f32
  } -> tensor<8x32xf32>
  %ew = tensor.empty() : tensor<16x32xf32>
  %dw = linalg.generic {indexing_maps = [affine_map<(n, k) -> (n, k)>, affine_map<(n, k) -> (n, k)>], iterator_types = ["parallel", "parallel"]}
    ins(%w : tensor<16x32xi8>) outs(%ew : tensor<16x32xf32>) {
  ^bb0(%q: i8, %o: f32):
    %c = arith.sitofp %q : i8 to f32
    %d = arith.subf %c, %zero : f32
    %v = arith.mulf %d, %s : f32
    linalg.yield %v : f32
  } -> tensor<16x32xf32>
  %e = tensor.empty() : tensor<8x16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%da, %dw : tensor<8x32xf32>, tensor<16x32xf32>) outs(%z : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// -----

// An E8M0 scale converted to f16 is another one where f16 can't hold it: the
// scale is what the conversion gives, and no E8M0.
// CHECK-LABEL: func.func @e8m0_scale_in_f16(
// CHECK: %[[S:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<16x1xf32>)
// CHECK: arith.extf %{{.*}} : f8E8M0FNU to f16
// CHECK: qmm.assemble %{{.*}}, %[[S]] : {{.*}} -> !qmm.tensor<16x32xf32, fp8_row>
// CHECK: "b: element times scale rounded to f16"
func.func @e8m0_scale_in_f16(%x: tensor<8x32xf32>, %w: tensor<16x32xf8E4M3FN>, %s: tensor<16xf8E8M0FNU>) -> tensor<8x16xf32> {
  %zero = arith.constant 0.0 : f32
  %ew = tensor.empty() : tensor<16x32xf16>
  %d = linalg.generic {indexing_maps = [affine_map<(n, k) -> (n, k)>, affine_map<(n, k) -> (n)>, affine_map<(n, k) -> (n, k)>], iterator_types = ["parallel", "parallel"]}
    ins(%w, %s : tensor<16x32xf8E4M3FN>, tensor<16xf8E8M0FNU>) outs(%ew : tensor<16x32xf16>) {
  ^bb0(%q: f8E4M3FN, %t: f8E8M0FNU, %o: f16):
    %a = arith.extf %q : f8E4M3FN to f16
    %b = arith.extf %t : f8E8M0FNU to f16
    %c = arith.mulf %a, %b : f16
    linalg.yield %c : f16
  } -> tensor<16x32xf16>
  %e = tensor.empty() : tensor<8x16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %d : tensor<8x32xf32>, tensor<16x32xf16>) outs(%z : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}
