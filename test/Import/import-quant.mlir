// RUN: quant-opt %s --qmm-import-quant --split-input-file | FileCheck %s
// Twice is as good as once.
// RUN: quant-opt %s --qmm-import-quant --qmm-import-quant --split-input-file | FileCheck %s

// One scale: in the body.  A dequantize of a quantize stays both.
// CHECK-LABEL: func.func @per_tensor(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>) -> tensor<?x8xf32>
// CHECK: %[[M:.*]] = tensor.dim %[[X]], %{{.*}}
// CHECK: %[[E:.*]] = tensor.empty(%[[M]]) : tensor<?x8xi8>
// CHECK: %[[Q:.*]] = linalg.generic
// CHECK-SAME: ins(%[[X]] : tensor<?x8xf32>) outs(%[[E]] : tensor<?x8xi8>)
// CHECK-NEXT: ^bb0(%[[V:.*]]: f32, %{{.*}}: i8):
// CHECK-NEXT: %[[S:.*]] = arith.constant 5.000000e-01 : f32
// CHECK-NEXT: %[[D:.*]] = arith.divf %[[V]], %[[S]] : f32
// CHECK-NEXT: %[[R:.*]] = math.roundeven %[[D]] : f32
// CHECK-NEXT: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-NEXT: %[[NAN:.*]] = arith.cmpf uno, %[[R]], %[[R]] : f32
// CHECK-NEXT: %[[N:.*]] = arith.select %[[NAN]], %[[ZERO]], %[[R]] : f32
// CHECK-NEXT: %[[MIN:.*]] = arith.constant -1.280000e+02 : f32
// CHECK-NEXT: %[[L:.*]] = arith.maximumf %[[N]], %[[MIN]] : f32
// CHECK-NEXT: %[[MAX:.*]] = arith.constant 1.270000e+02 : f32
// CHECK-NEXT: %[[H:.*]] = arith.minimumf %[[L]], %[[MAX]] : f32
// CHECK-NEXT: %[[C:.*]] = arith.fptosi %[[H]] : f32 to i8
// CHECK-NEXT: linalg.yield %[[C]] : i8
// CHECK: linalg.generic
// CHECK-SAME: ins(%[[Q]] : tensor<?x8xi8>)
// CHECK-NEXT: ^bb0(%[[CODE:.*]]: i8, %{{.*}}: f32):
// CHECK-NEXT: %[[S2:.*]] = arith.constant 5.000000e-01 : f32
// CHECK-NEXT: %[[F:.*]] = arith.sitofp %[[CODE]] : i8 to f32
// CHECK-NEXT: %[[P:.*]] = arith.mulf %[[F]], %[[S2]] : f32
// CHECK-NEXT: linalg.yield %[[P]] : f32
!q = !quant.uniform<i8:f32, 0.5>
func.func @per_tensor(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = quant.qcast %x : tensor<?x8xf32> to tensor<?x8x!q>
  %1 = quant.dcast %0 : tensor<?x8x!q> to tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// -----

// A zero point is added after rounding, replaces NaN, and is taken off again;
// bounds of the storage are those of the clamp.
// CHECK-LABEL: func.func @zero_point(
// CHECK: %[[D:.*]] = arith.divf
// CHECK-NEXT: %[[R:.*]] = math.roundeven %[[D]]
// CHECK-NEXT: %[[Z:.*]] = arith.addf %[[R]], %[[POINT:.*]] : f32
// CHECK-NEXT: %[[NAN:.*]] = arith.cmpf uno, %[[Z]], %[[Z]]
// CHECK-NEXT: arith.select %[[NAN]], %[[POINT]], %[[Z]]
// CHECK: arith.constant -1.270000e+02 : f32
// CHECK: linalg.generic
// CHECK: %[[S:.*]] = arith.constant 5.000000e-01 : f32
// CHECK-NEXT: %[[P:.*]] = arith.constant -3.000000e+00 : f32
// CHECK-NEXT: %[[F:.*]] = arith.sitofp
// CHECK-NEXT: %[[T:.*]] = arith.subf %[[F]], %[[P]] : f32
// CHECK-NEXT: arith.mulf %[[T]], %[[S]] : f32
!q = !quant.uniform<i8<-127:127>:f32, 0.5:-3>
func.func @zero_point(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = quant.qcast %x : tensor<8xf32> to tensor<8x!q>
  %1 = quant.dcast %0 : tensor<8x!q> to tensor<8xf32>
  return %1 : tensor<8xf32>
}

// -----

// A narrow expressed type: quantized in f32, dequantized in the type, with the
// type's scale in both.
// CHECK-LABEL: func.func @bf16(
// CHECK: arith.constant 0.100097656 : f32
// CHECK: arith.extf %{{.*}} : bf16 to f32
// CHECK-NEXT: arith.divf %{{.*}} : f32
// CHECK: arith.constant 1.000980e-01 : bf16
// CHECK-NEXT: arith.sitofp %{{.*}} : i8 to bf16
// CHECK-NEXT: arith.mulf %{{.*}} : bf16
!q = !quant.uniform<i8:bf16, 0.1>
func.func @bf16(%x: tensor<8xbf16>) -> tensor<8xbf16> {
  %0 = quant.qcast %x : tensor<8xbf16> to tensor<8x!q>
  %1 = quant.dcast %0 : tensor<8x!q> to tensor<8xbf16>
  return %1 : tensor<8xbf16>
}

// -----

// A scale an index of an axis; no subtraction when every zero point is 0.
// CHECK: #[[$MAP:.*]] = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func.func @per_axis(
// CHECK-SAME: %[[W:.*]]: tensor<2x?xi8>
// CHECK: %[[S:.*]] = arith.constant dense<[5.000000e-01, 2.500000e-01]> : tensor<2xf32>
// CHECK: linalg.generic {indexing_maps = [#{{.*}}, #[[$MAP]], #{{.*}}]
// CHECK-SAME: ins(%[[W]], %[[S]] : tensor<2x?xi8>, tensor<2xf32>)
// CHECK-NEXT: ^bb0(%[[C:.*]]: i8, %[[T:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT: %[[F:.*]] = arith.sitofp %[[C]]
// CHECK-NEXT: arith.mulf %[[F]], %[[T]]
!q = !quant.uniform<i8:f32:0, {0.5, 0.25}>
func.func @per_axis(%w: tensor<2x?x!q>) -> tensor<2x?xf32> {
  %0 = quant.dcast %w : tensor<2x?x!q> to tensor<2x?xf32>
  return %0 : tensor<2x?xf32>
}

// -----

// Zero points an index too, if one isn't 0.
// CHECK-LABEL: func.func @per_axis_points(
// CHECK: %[[S:.*]] = arith.constant dense<[5.000000e-01, 2.500000e-01]>
// CHECK: %[[P:.*]] = arith.constant dense<[0.000000e+00, 4.000000e+00]>
// CHECK: ins(%{{.*}}, %[[S]], %[[P]] :
// CHECK-NEXT: ^bb0(%[[C:.*]]: i8, %[[T:.*]]: f32, %[[Z:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT: %[[F:.*]] = arith.sitofp %[[C]]
// CHECK-NEXT: %[[D:.*]] = arith.subf %[[F]], %[[Z]]
// CHECK-NEXT: arith.mulf %[[D]], %[[T]]
!q = !quant.uniform<i8:f32:1, {0.5, 0.25:4}>
func.func @per_axis_points(%w: tensor<8x2x!q>) -> tensor<8x2xf32> {
  %0 = quant.dcast %w : tensor<8x2x!q> to tensor<8x2xf32>
  return %0 : tensor<8x2xf32>
}

// -----

// A scale a block; axis 0 isn't in blocks.
// CHECK: #[[$MAP:.*]] = affine_map<(d0, d1, d2) -> (0, d1, d2 floordiv 4)>
// CHECK-LABEL: func.func @sub_channel(
// CHECK: %[[S:.*]] = arith.constant dense<{{\[\[\[}}1.000000e+00, 2.000000e+00], [3.000000e+00, 4.000000e+00]]]> : tensor<1x2x2xf32>
// CHECK: linalg.generic {indexing_maps = [#{{.*}}, #[[$MAP]], #{{.*}}]
// CHECK-SAME: ins(%{{.*}}, %[[S]] : tensor<?x2x8xi8>, tensor<1x2x2xf32>)
!q = !quant.uniform<i8:f32:{1:1, 2:4}, {{{1.0, 2.0}, {3.0, 4.0}}}>
func.func @sub_channel(%w: tensor<?x2x8x!q>) -> tensor<?x2x8xf32> {
  %0 = quant.dcast %w : tensor<?x2x8x!q> to tensor<?x2x8xf32>
  return %0 : tensor<?x2x8xf32>
}

// -----

// Functions, calls, control flow and movements of quantized values are of
// storage; storage casts go.
// CHECK-LABEL: func.func private @extern(tensor<4x2xi8>) -> tensor<4x2xi8>
// CHECK-LABEL: func.func @storage(
// CHECK-SAME: %[[X:.*]]: tensor<2x4xi8>, %[[C:.*]]: i1) -> tensor<4x2xi8>
// CHECK-NEXT: %[[R:.*]] = scf.if %[[C]] -> (tensor<4x2xi8>) {
// CHECK-NEXT: %[[E:.*]] = tensor.empty() : tensor<4x2xi8>
// CHECK-NEXT: %[[T:.*]] = linalg.transpose ins(%[[X]] : tensor<2x4xi8>) outs(%[[E]] : tensor<4x2xi8>) permutation = [1, 0]
// CHECK-NEXT: scf.yield %[[T]] : tensor<4x2xi8>
// CHECK: %[[F:.*]] = tensor.collapse_shape %[[X]] {{.*}} : tensor<2x4xi8> into tensor<8xi8>
// CHECK: %[[Y:.*]] = call @extern(%[[R]]) : (tensor<4x2xi8>) -> tensor<4x2xi8>
// CHECK-NEXT: return %[[Y]] : tensor<4x2xi8>
!q = !quant.uniform<i8:f32, 0.5>
func.func private @extern(tensor<4x2x!q>) -> tensor<4x2x!q>
func.func @storage(%x: tensor<2x4xi8>, %c: i1) -> tensor<4x2xi8> {
  %q = quant.scast %x : tensor<2x4xi8> to tensor<2x4x!q>
  %r = scf.if %c -> tensor<4x2x!q> {
    %e = tensor.empty() : tensor<4x2x!q>
    %t = linalg.transpose ins(%q : tensor<2x4x!q>) outs(%e : tensor<4x2x!q>) permutation = [1, 0]
    scf.yield %t : tensor<4x2x!q>
  } else {
    %f = tensor.collapse_shape %q [[0, 1]] : tensor<2x4x!q> into tensor<8x!q>
    %u = tensor.expand_shape %f [[0, 1]] output_shape [4, 2] : tensor<8x!q> into tensor<4x2x!q>
    scf.yield %u : tensor<4x2x!q>
  }
  %y = func.call @extern(%r) : (tensor<4x2x!q>) -> tensor<4x2x!q>
  %s = quant.scast %y : tensor<4x2x!q> to tensor<4x2xi8>
  return %s : tensor<4x2xi8>
}

// -----

// Scalars, and the body of an op.
// CHECK-LABEL: func.func @scalar(
// CHECK-SAME: %[[X:.*]]: f32, %{{.*}}: tensor<4xi8>)
// CHECK: arith.divf %[[X]]
// CHECK: arith.fptosi
// CHECK: linalg.generic
// CHECK-NEXT: ^bb0(%[[C:.*]]: i8, %{{.*}}: f32):
// CHECK: arith.sitofp %[[C]] : i8 to f32
!q = !quant.uniform<i8:f32, 0.5>
func.func @scalar(%x: f32, %t: tensor<4x!q>) -> (!q, tensor<4xf32>) {
  %0 = quant.qcast %x : f32 to !q
  %e = tensor.empty() : tensor<4xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    ins(%t : tensor<4x!q>) outs(%e : tensor<4xf32>) {
  ^bb0(%c: !q, %o: f32):
    %v = quant.dcast %c : !q to f32
    linalg.yield %v : f32
  } -> tensor<4xf32>
  return %0, %1 : !q, tensor<4xf32>
}
