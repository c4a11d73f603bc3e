// Products: loops are batch, left, right, contracting dimensions.
// RUN: quant-opt %s --qmm-import-stablehlo | FileCheck %s

// CHECK-DAG: #[[$BMK:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>
// CHECK-DAG: #[[$BNK:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>
// CHECK-DAG: #[[$BMN:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
// CHECK-DAG: #[[$KMB:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d3, d1, d0, d4)>
// CHECK-DAG: #[[$KNB:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d4, d2, d3)>
// CHECK-DAG: #[[$B2:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2)>
// CHECK-DAG: #[[$MK:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[$KN:.*]] = affine_map<(d0, d1, d2) -> (d2, d1)>
// CHECK-DAG: #[[$MN:.*]] = affine_map<(d0, d1, d2) -> (d0, d1)>

// CHECK-LABEL: func.func @dot
// CHECK: %[[ZERO:.*]] = arith.constant 0.000000e+00 : bf16
// CHECK: %[[INIT:.*]] = linalg.fill ins(%[[ZERO]] : bf16)
// CHECK: linalg.generic {indexing_maps = [#[[$MK]], #[[$KN]], #[[$MN]]], iterator_types = ["parallel", "parallel", "reduction"]} ins(%{{.*}}, %{{.*}} : tensor<8x32xf8E4M3FN>, tensor<32x16xf8E4M3FN>) outs(%[[INIT]] : tensor<8x16xbf16>)
// CHECK-NEXT: ^bb0(%[[X:.*]]: f8E4M3FN, %[[W:.*]]: f8E4M3FN, %[[S:.*]]: bf16):
// CHECK-NEXT: %[[A:.*]] = arith.extf %[[X]] : f8E4M3FN to bf16
// CHECK-NEXT: %[[B:.*]] = arith.extf %[[W]] : f8E4M3FN to bf16
// CHECK-NEXT: %[[P:.*]] = arith.mulf %[[A]], %[[B]] : bf16
// CHECK-NEXT: %[[T:.*]] = arith.addf %[[S]], %[[P]] : bf16
// CHECK-NEXT: linalg.yield %[[T]] : bf16
func.func @dot(%x: tensor<8x32xf8E4M3FN>, %w: tensor<32x16xf8E4M3FN>) -> tensor<8x16xbf16> {
  %0 = "stablehlo.dot"(%x, %w) : (tensor<8x32xf8E4M3FN>, tensor<32x16xf8E4M3FN>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}

// CHECK-LABEL: func.func @dot_vectors
// CHECK: linalg.generic {{.*}} iterator_types = ["reduction"]} {{.*}} outs(%{{.*}} : tensor<f32>)
func.func @dot_vectors(%x: tensor<32xf32>, %w: tensor<32xf32>) -> tensor<f32> {
  %0 = "stablehlo.dot"(%x, %w) : (tensor<32xf32>, tensor<32xf32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// Precision and algorithm allow more than they demand: sums are f32 here.
// CHECK-LABEL: func.func @batched
// CHECK: linalg.generic {indexing_maps = [#[[$BMK]], #[[$BNK]], #[[$BMN]]], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
func.func @batched(%x: tensor<2x8x32xbf16>, %w: tensor<2x16x32xbf16>) -> tensor<2x8x16xf32> {
  %0 = "stablehlo.dot_general"(%x, %w) <{algorithm = #stablehlo.dot_algorithm<lhs_precision_type = bf16, rhs_precision_type = bf16, accumulation_type = f32, lhs_component_count = 1, rhs_component_count = 1, num_primitive_operations = 1, allow_imprecise_accumulation = false>, dot_dimension_numbers = #stablehlo.dot<lhs_batching_dimensions = [0], rhs_batching_dimensions = [0], lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [2]>, precision_config = [#stablehlo<precision HIGHEST>, #stablehlo<precision DEFAULT>]}> : (tensor<2x8x32xbf16>, tensor<2x16x32xbf16>) -> tensor<2x8x16xf32>
  return %0 : tensor<2x8x16xf32>
}

// Any order of the operands' dimensions, and several that contract.
// CHECK-LABEL: func.func @permuted
// CHECK: linalg.generic {indexing_maps = [#[[$KMB]], #[[$KNB]], #[[$B2]]], iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
func.func @permuted(%x: tensor<4x8x2x3xf32>, %w: tensor<2x3x16x4xf32>) -> tensor<2x8x16xf32> {
  %0 = "stablehlo.dot_general"(%x, %w) <{dot_dimension_numbers = #stablehlo.dot<lhs_batching_dimensions = [2], rhs_batching_dimensions = [0], lhs_contracting_dimensions = [0, 3], rhs_contracting_dimensions = [3, 1]>}> : (tensor<4x8x2x3xf32>, tensor<2x3x16x4xf32>) -> tensor<2x8x16xf32>
  return %0 : tensor<2x8x16xf32>
}

// An outer product: nothing contracts.
// CHECK-LABEL: func.func @outer
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]} ins
func.func @outer(%x: tensor<8xf32>, %w: tensor<16xf32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.dot_general"(%x, %w) <{dot_dimension_numbers = #stablehlo.dot<>}> : (tensor<8xf32>, tensor<16xf32>) -> tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @integers
// CHECK: arith.extsi %{{.*}} : i8 to i32
// CHECK: arith.extsi %{{.*}} : i8 to i32
// CHECK: arith.muli
// CHECK: arith.addi
func.func @integers(%x: tensor<8x32xi8>, %w: tensor<32x16xi8>) -> tensor<8x16xi32> {
  %0 = "stablehlo.dot"(%x, %w) : (tensor<8x32xi8>, tensor<32x16xi8>) -> tensor<8x16xi32>
  return %0 : tensor<8x16xi32>
}

// A result narrower than its operands is rounded once.
// CHECK-LABEL: func.func @narrow
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<8x16xf32>)
// CHECK: arith.truncf %{{.*}} : f32 to bf16
func.func @narrow(%x: tensor<8x32xf32>, %w: tensor<32x16xbf16>) -> tensor<8x16xbf16> {
  %0 = "stablehlo.dot"(%x, %w) : (tensor<8x32xf32>, tensor<32x16xbf16>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}

// CHECK-LABEL: func.func @dynamic
// CHECK: %[[M:.*]] = tensor.dim %{{.*}}, %{{.*}} : tensor<?x32xf32>
// CHECK: tensor.empty(%[[M]]) : tensor<?x16xf32>
func.func @dynamic(%x: tensor<?x32xf32>, %w: tensor<32x16xf32>) -> tensor<?x16xf32> {
  %0 = "stablehlo.dot"(%x, %w) : (tensor<?x32xf32>, tensor<32x16xf32>) -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}
