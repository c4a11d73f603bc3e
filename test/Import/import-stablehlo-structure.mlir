// Constants, shapes, data movement and reductions.
// RUN: quant-opt %s --qmm-import-stablehlo | FileCheck %s

// CHECK-DAG: #[[$COL:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-DAG: #[[$ID:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[$ROW0:.*]] = affine_map<(d0, d1) -> (0, d1)>
// CHECK-DAG: #[[$SCALAR:.*]] = affine_map<(d0, d1) -> ()>
// CHECK-DAG: #[[$KEEP0:.*]] = affine_map<(d0, d1, d2) -> (d0)>

// CHECK-LABEL: func.func @constant
// CHECK: arith.constant dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>
func.func @constant() -> tensor<2xf32> {
  %0 = "stablehlo.constant"() <{value = dense<[1.0, 2.0]> : tensor<2xf32>}> : () -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// CHECK-LABEL: func.func @broadcast
// CHECK: linalg.generic {indexing_maps = [#[[$COL]], #[[$ID]]]
func.func @broadcast(%x: tensor<8xf32>) -> tensor<4x8xf32> {
  %0 = "stablehlo.broadcast_in_dim"(%x) <{broadcast_dimensions = array<i64: 1>}> : (tensor<8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @broadcast_expands
// CHECK: linalg.generic {indexing_maps = [#[[$ROW0]], #[[$ID]]]
func.func @broadcast_expands(%x: tensor<1x8xf32>) -> tensor<4x8xf32> {
  %0 = "stablehlo.broadcast_in_dim"(%x) {broadcast_dimensions = dense<[0, 1]> : tensor<2xi64>} : (tensor<1x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @broadcast_scalar
// CHECK: linalg.generic {indexing_maps = [#[[$SCALAR]], #[[$ID]]]
func.func @broadcast_scalar(%x: tensor<f32>) -> tensor<4x8xf32> {
  %0 = "stablehlo.broadcast_in_dim"(%x) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @reshapes
// CHECK: tensor.collapse_shape %{{.*}} {{\[\[}}0, 1], [2]] : tensor<2x3x4xf32> into tensor<6x4xf32>
// CHECK: %[[FLAT:.*]] = tensor.collapse_shape %{{.*}} {{\[\[}}0, 1]] : tensor<6x4xf32> into tensor<24xf32>
// CHECK: tensor.expand_shape %[[FLAT]] {{\[\[}}0, 1]] output_shape [8, 3] : tensor<24xf32> into tensor<8x3xf32>
func.func @reshapes(%x: tensor<2x3x4xf32>) -> tensor<8x3xf32> {
  %0 = "stablehlo.reshape"(%x) : (tensor<2x3x4xf32>) -> tensor<6x4xf32>
  %1 = "stablehlo.reshape"(%0) : (tensor<6x4xf32>) -> tensor<8x3xf32>
  return %1 : tensor<8x3xf32>
}

// CHECK-LABEL: func.func @reshape_scalars
// CHECK: tensor.expand_shape %{{.*}} [] output_shape [1, 1] : tensor<f32> into tensor<1x1xf32>
// CHECK: tensor.collapse_shape %{{.*}} [] : tensor<1x1xf32> into tensor<f32>
func.func @reshape_scalars(%x: tensor<f32>) -> tensor<f32> {
  %0 = "stablehlo.reshape"(%x) : (tensor<f32>) -> tensor<1x1xf32>
  %1 = "stablehlo.reshape"(%0) : (tensor<1x1xf32>) -> tensor<f32>
  return %1 : tensor<f32>
}

// CHECK-LABEL: func.func @transpose
// CHECK: linalg.transpose ins(%{{.*}} : tensor<2x3x4xf32>) outs(%{{.*}} : tensor<4x2x3xf32>) permutation = [2, 0, 1]
func.func @transpose(%x: tensor<2x3x4xf32>) -> tensor<4x2x3xf32> {
  %0 = "stablehlo.transpose"(%x) <{permutation = array<i64: 2, 0, 1>}> : (tensor<2x3x4xf32>) -> tensor<4x2x3xf32>
  return %0 : tensor<4x2x3xf32>
}

// CHECK-LABEL: func.func @slice
// CHECK: tensor.extract_slice %{{.*}}[1, 0] [3, 4] [2, 1] : tensor<8x4xf32> to tensor<3x4xf32>
func.func @slice(%x: tensor<8x4xf32>) -> tensor<3x4xf32> {
  %0 = "stablehlo.slice"(%x) <{start_indices = array<i64: 1, 0>, limit_indices = array<i64: 6, 4>, strides = array<i64: 2, 1>}> : (tensor<8x4xf32>) -> tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}

// The start is clamped to where the slice fits.
// CHECK-LABEL: func.func @dynamic_slice
// CHECK-DAG: arith.constant 6 : index
// CHECK: arith.maxsi
// CHECK: arith.minsi
// CHECK: tensor.extract
func.func @dynamic_slice(%x: tensor<8xf32>, %i: tensor<i32>) -> tensor<2xf32> {
  %0 = "stablehlo.dynamic_slice"(%x, %i) <{slice_sizes = array<i64: 2>}> : (tensor<8xf32>, tensor<i32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// CHECK-LABEL: func.func @pad
// CHECK: %[[P:.*]] = linalg.fill {{.*}} outs(%{{.*}} : tensor<8xf32>)
// CHECK: tensor.insert_slice %{{.*}} into %[[P]][1] [3] [2] : tensor<3xf32> into tensor<8xf32>
func.func @pad(%x: tensor<3xf32>) -> tensor<8xf32> {
  %z = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %0 = "stablehlo.pad"(%x, %z) <{edge_padding_low = array<i64: 1>, edge_padding_high = array<i64: 2>, interior_padding = array<i64: 1>}> : (tensor<3xf32>, tensor<f32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// What a negative amount cuts off is sliced away.
// CHECK-LABEL: func.func @pad_negative
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[0] [3] [1] : tensor<3xf32> into tensor<5xf32>
// CHECK: tensor.extract_slice %{{.*}}[1] [4] [1] : tensor<5xf32> to tensor<4xf32>
func.func @pad_negative(%x: tensor<3xf32>, %z: tensor<f32>) -> tensor<4xf32> {
  %0 = "stablehlo.pad"(%x, %z) <{edge_padding_low = array<i64: -1>, edge_padding_high = array<i64: 2>, interior_padding = array<i64: 0>}> : (tensor<3xf32>, tensor<f32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// CHECK-LABEL: func.func @concatenate
// CHECK: %[[FIRST:.*]] = tensor.insert_slice %{{.*}} into %{{.*}}[0, 0] [2, 3] [1, 1]
// CHECK: tensor.insert_slice %{{.*}} into %[[FIRST]][0, 3] [2, 1] [1, 1]
func.func @concatenate(%x: tensor<2x3xf32>, %y: tensor<2x1xf32>) -> tensor<2x4xf32> {
  %0 = "stablehlo.concatenate"(%x, %y) <{dimension = 1 : i64}> : (tensor<2x3xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: func.func @iota
// CHECK: linalg.index 1 : index
// CHECK: arith.sitofp %{{.*}} : i64 to f32
func.func @iota() -> tensor<2x4xf32> {
  %0 = "stablehlo.iota"() <{iota_dimension = 1 : i64}> : () -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: func.func @reverse
// CHECK: %[[I:.*]] = linalg.index 0 : index
// CHECK: %[[J:.*]] = linalg.index 1 : index
// CHECK: %[[R:.*]] = arith.subi %{{.*}}, %[[J]] : index
// CHECK: tensor.extract %{{.*}}[%[[I]], %[[R]]]
func.func @reverse(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %0 = "stablehlo.reverse"(%x) <{dimensions = array<i64: 1>}> : (tensor<2x4xf32>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: func.func @reduce_max
// CHECK: linalg.fill ins(%{{.*}} : f32) outs(%{{.*}} : tensor<2xf32>)
// CHECK: linalg.generic {indexing_maps = [#{{.*}}, #[[$KEEP0]]], iterator_types = ["parallel", "reduction", "reduction"]}
// CHECK: arith.maximumf
func.func @reduce_max(%x: tensor<2x3x4xf32>) -> tensor<2xf32> {
  %i = "stablehlo.constant"() <{value = dense<0xFF800000> : tensor<f32>}> : () -> tensor<f32>
  %0 = "stablehlo.reduce"(%x, %i) <{dimensions = array<i64: 1, 2>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %m = "stablehlo.maximum"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%m) : (tensor<f32>) -> ()
  }) : (tensor<2x3x4xf32>, tensor<f32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// Several results and any elementwise body: the larger value with its index.
// CHECK-LABEL: func.func @reduce_argmax
// CHECK: %[[R:.*]]:2 = linalg.generic {{.*}} iterator_types = ["reduction"]} ins(%{{.*}}, %{{.*}} : tensor<4xf32>, tensor<4xi32>) outs(%{{.*}}, %{{.*}} : tensor<f32>, tensor<i32>)
// CHECK-NEXT: ^bb0(%[[X:.*]]: f32, %[[I:.*]]: i32, %[[XM:.*]]: f32, %[[IM:.*]]: i32):
// CHECK-NEXT: %[[C:.*]] = arith.cmpf oge, %[[XM]], %[[X]] : f32
// CHECK-NEXT: %[[V:.*]] = arith.select %[[C]], %[[XM]], %[[X]] : f32
// CHECK-NEXT: %[[W:.*]] = arith.select %[[C]], %[[IM]], %[[I]] : i32
// CHECK-NEXT: linalg.yield %[[V]], %[[W]]
func.func @reduce_argmax(%x: tensor<4xf32>, %i: tensor<4xi32>, %x0: tensor<f32>, %i0: tensor<i32>) -> (tensor<f32>, tensor<i32>) {
  %0:2 = "stablehlo.reduce"(%x, %i, %x0, %i0) <{dimensions = array<i64: 0>}> ({
  ^bb0(%xm: tensor<f32>, %im: tensor<i32>, %xe: tensor<f32>, %ie: tensor<i32>):
    %c = "stablehlo.compare"(%xm, %xe) <{comparison_direction = #stablehlo<comparison_direction GE>}> : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %v = "stablehlo.select"(%c, %xm, %xe) : (tensor<i1>, tensor<f32>, tensor<f32>) -> tensor<f32>
    %w = "stablehlo.select"(%c, %im, %ie) : (tensor<i1>, tensor<i32>, tensor<i32>) -> tensor<i32>
    "stablehlo.return"(%v, %w) : (tensor<f32>, tensor<i32>) -> ()
  }) : (tensor<4xf32>, tensor<4xi32>, tensor<f32>, tensor<i32>) -> (tensor<f32>, tensor<i32>)
  return %0#0, %0#1 : tensor<f32>, tensor<i32>
}
