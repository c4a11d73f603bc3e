// Block-scaled products, as a call or a composite, are qmm.scaled_matmul.
// RUN: quant-opt %s --qmm-import-stablehlo | FileCheck %s

// CHECK-LABEL: func.func @mxfp8
// CHECK-SAME: (%[[X:.*]]: tensor<2x8x64xf8E4M3FN>, %[[W:.*]]: tensor<2x16x64xf8E5M2>, %[[SX:.*]]: tensor<2x8x2xf8E8M0FNU>, %[[SW:.*]]: tensor<2x16x2xf8E8M0FNU>)
// CHECK: %[[A:.*]] = qmm.assemble %[[X]], %[[SX]] : {{.*}} -> !qmm.tensor<2x8x64xbf16, mxfp8>
// CHECK: %[[B:.*]] = qmm.assemble %[[W]], %[[SW]] : {{.*}} -> !qmm.tensor<2x16x64xbf16, mxfp8_e5m2>
// CHECK: %[[Y:.*]] = qmm.scaled_matmul %[[A]], %[[B]] : !qmm.tensor<2x8x64xbf16, mxfp8>, !qmm.tensor<2x16x64xbf16, mxfp8_e5m2> -> tensor<2x8x16xbf16>
// CHECK: return %[[Y]]
func.func @mxfp8(%x: tensor<2x8x64xf8E4M3FN>, %w: tensor<2x16x64xf8E5M2>, %sx: tensor<2x8x2xf8E8M0FNU>, %sw: tensor<2x16x2xf8E8M0FNU>) -> tensor<2x8x16xbf16> {
  %0 = "stablehlo.custom_call"(%x, %w, %sx, %sw) <{api_version = 2 : i32, backend_config = "{\22scaled_dot_backend_config\22: {\22lhs_batch_dimensions\22: [0], \22rhs_batch_dimensions\22: [0], \22dequantize_type\22: \22BF16\22}}", call_target_name = "__op$block_scaled_dot"}> : (tensor<2x8x64xf8E4M3FN>, tensor<2x16x64xf8E5M2>, tensor<2x8x2xf8E8M0FNU>, tensor<2x16x2xf8E8M0FNU>) -> tensor<2x8x16xbf16>
  return %0 : tensor<2x8x16xbf16>
}

// Without a configuration the last dimension contracts.
// CHECK-LABEL: func.func @mxfp4
// CHECK: -> !qmm.tensor<8x64xf32, mxfp4, nibbles = lo_first>
// CHECK: -> !qmm.tensor<16x64xf32, mxfp4, nibbles = lo_first>
// CHECK: qmm.scaled_matmul {{.*}} -> tensor<8x16xf32>
func.func @mxfp4(%x: tensor<8x64xf4E2M1FN>, %w: tensor<16x64xf4E2M1FN>, %sx: tensor<8x2xf8E8M0FNU>, %sw: tensor<16x2xf8E8M0FNU>) -> tensor<8x16xf32> {
  %0 = "stablehlo.custom_call"(%x, %w, %sx, %sw) <{call_target_name = "__op$block_scaled_dot"}> : (tensor<8x64xf4E2M1FN>, tensor<16x64xf4E2M1FN>, tensor<8x2xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>) -> tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}

// No tensor scale is a tensor scale of 1.
// CHECK-LABEL: func.func @nvfp4
// CHECK: %[[ONE:.*]] = arith.constant dense<1.000000e+00> : tensor<f32>
// CHECK: qmm.assemble %{{.*}}, %{{.*}}, %[[ONE]] : tensor<8x64xf4E2M1FN>, tensor<8x4xf8E4M3FN>, tensor<f32> -> !qmm.tensor<8x64xbf16, nvfp4, nibbles = lo_first>
func.func @nvfp4(%x: tensor<8x64xf4E2M1FN>, %w: tensor<16x64xf4E2M1FN>, %sx: tensor<8x4xf8E4M3FN>, %sw: tensor<16x4xf8E4M3FN>) -> tensor<8x16xbf16> {
  %0 = "stablehlo.custom_call"(%x, %w, %sx, %sw) <{call_target_name = "__op$block_scaled_dot"}> : (tensor<8x64xf4E2M1FN>, tensor<16x64xf4E2M1FN>, tensor<8x4xf8E4M3FN>, tensor<16x4xf8E4M3FN>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}

// The global scale is the first operand's tensor scale; its product isn't
// rounded in between any more.
// CHECK-LABEL: func.func @nvfp4_global
// CHECK-SAME: %[[G:[^:]*]]: tensor<bf16>)
// CHECK: %[[TS:.*]] = linalg.generic {{.*}} ins(%[[G]] : tensor<bf16>)
// CHECK: arith.extf
// CHECK: qmm.assemble %{{.*}}, %{{.*}}, %[[TS]] : tensor<8x64xf4E2M1FN>
// CHECK: %[[ONE:.*]] = arith.constant dense<1.000000e+00> : tensor<f32>
// CHECK: qmm.assemble %{{.*}}, %{{.*}}, %[[ONE]] : tensor<16x64xf4E2M1FN>
// CHECK: qmm.scaled_matmul {{.*}} {qmm.notes = ["product rounded to bf16 before the global scale"]}
func.func @nvfp4_global(%x: tensor<8x64xf4E2M1FN>, %w: tensor<16x64xf4E2M1FN>, %sx: tensor<8x4xf8E4M3FN>, %sw: tensor<16x4xf8E4M3FN>, %g: tensor<bf16>) -> tensor<8x16xbf16> {
  %0 = "stablehlo.custom_call"(%x, %w, %sx, %sw, %g) <{call_target_name = "__op$block_scaled_dot"}> : (tensor<8x64xf4E2M1FN>, tensor<16x64xf4E2M1FN>, tensor<8x4xf8E4M3FN>, tensor<16x4xf8E4M3FN>, tensor<bf16>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}

// A scheme without a tensor scale: the product is multiplied.
// CHECK-LABEL: func.func @mxfp8_global
// CHECK: %[[P:.*]] = qmm.scaled_matmul
// CHECK: linalg.generic {{.*}} ins(%[[P]], %{{.*}} : tensor<8x16xf32>, tensor<f32>)
// CHECK: arith.mulf
func.func @mxfp8_global(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>, %sx: tensor<8x2xf8E8M0FNU>, %sw: tensor<16x2xf8E8M0FNU>, %g: tensor<f32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.custom_call"(%x, %w, %sx, %sw, %g) <{call_target_name = "__op$block_scaled_dot"}> : (tensor<8x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>, tensor<8x2xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>, tensor<f32>) -> tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}

// Three operands: the second one is wide.
// CHECK-LABEL: func.func @wide_right
// CHECK-SAME: %[[W:[^:]*]]: tensor<16x64xbf16>
// CHECK: qmm.scaled_matmul %{{.*}}, %[[W]] : !qmm.tensor<8x64xbf16, mxfp8>, tensor<16x64xbf16> -> tensor<8x16xbf16>
func.func @wide_right(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x64xbf16>, %sx: tensor<8x2xf8E8M0FNU>) -> tensor<8x16xbf16> {
  %0 = "stablehlo.custom_call"(%x, %w, %sx) <{call_target_name = "__op$block_scaled_dot"}> : (tensor<8x64xf8E4M3FN>, tensor<16x64xbf16>, tensor<8x2xf8E8M0FNU>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}

// The block is what K and the scales make it, or what is said: the last one may
// be partial where scales are f32.
// CHECK-LABEL: func.func @block_size
// CHECK: -> !qmm.tensor<8x200xf32, fp8_1x128>
func.func @block_size(%x: tensor<8x200xf8E4M3FN>, %w: tensor<16x200xf8E4M3FN>, %sx: tensor<8x2xf32>, %sw: tensor<16x2xf32>) -> tensor<8x16xf32> {
  %0 = "stablehlo.custom_call"(%x, %w, %sx, %sw) <{backend_config = "{\22block_scaled_dot_backend_config\22: {\22block_size\22: 128}}", call_target_name = "__op$block_scaled_dot"}> : (tensor<8x200xf8E4M3FN>, tensor<16x200xf8E4M3FN>, tensor<8x2xf32>, tensor<16x2xf32>) -> tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}

// The right operand as K x N: data and scales are transposed alike.
// CHECK-LABEL: func.func @composite
// CHECK: linalg.transpose ins(%{{.*}} : tensor<2x64x16xf8E4M3FN>) {{.*}} permutation = [0, 2, 1]
// CHECK: linalg.transpose ins(%{{.*}} : tensor<2x2x16xf8E8M0FNU>) {{.*}} permutation = [0, 2, 1]
// CHECK: qmm.scaled_matmul {{.*}} -> tensor<2x8x16xbf16>
func.func @composite(%x: tensor<2x8x64xf8E4M3FN>, %w: tensor<2x64x16xf8E4M3FN>, %sx: tensor<2x8x2xf8E8M0FNU>, %sw: tensor<2x2x16xf8E8M0FNU>) -> tensor<2x8x16xbf16> {
  %0 = "stablehlo.composite"(%x, %w, %sx, %sw) <{composite_attributes = {dimension_numbers = [[[2], [1]], [[0], [0]]], preferred_element_type = bf16}, decomposition = @xla.scaled_dot.impl, name = "xla.scaled_dot", version = 1 : i32}> : (tensor<2x8x64xf8E4M3FN>, tensor<2x64x16xf8E4M3FN>, tensor<2x8x2xf8E8M0FNU>, tensor<2x2x16xf8E8M0FNU>) -> tensor<2x8x16xbf16>
  return %0 : tensor<2x8x16xbf16>
}

// A wide operand's scale is a placeholder.
// CHECK-LABEL: func.func @composite_wide
// CHECK: qmm.scaled_matmul %{{.*}}, %{{.*}} : tensor<8x64xbf16>, !qmm.tensor<16x64xbf16, mxfp8> -> tensor<8x16xbf16>
func.func @composite_wide(%x: tensor<8x64xbf16>, %w: tensor<16x64xf8E4M3FN>, %sx: tensor<1x1xbf16>, %sw: tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16> {
  %0 = "stablehlo.composite"(%x, %w, %sx, %sw) <{composite_attributes = {dimension_numbers = [[[1], [1]], [[], []]]}, decomposition = @impl, name = "xla.scaled_dot"}> : (tensor<8x64xbf16>, tensor<16x64xf8E4M3FN>, tensor<1x1xbf16>, tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}

// Any other composite is what it is composed of.
// CHECK-LABEL: func.func @other_composite
// CHECK: call @twice(%{{.*}}) : (tensor<8xf32>) -> tensor<8xf32>
func.func @other_composite(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = "stablehlo.composite"(%x) <{decomposition = @twice, name = "my.twice"}> : (tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}
func.func private @twice(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = "stablehlo.add"(%x, %x) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// CHECK-LABEL: func.func @annotation
// CHECK-SAME: (%[[X:.*]]: tensor<8xf32>)
// CHECK: return %[[X]]
func.func @annotation(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = "stablehlo.custom_call"(%x) <{call_target_name = "Sharding"}> {mhlo.sharding = "{replicated}"} : (tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// Scales in bytes, as frameworks without E8M0 keep them: tensors of what they
// are cast to, through what moves them, and without a copy.
// CHECK-LABEL: func.func @scales_in_bytes(
// CHECK-SAME: %[[X:.*]]: tensor<8x64xf8E4M3FN>, %[[W:.*]]: tensor<16x64xf8E4M3FN>, %[[SX:.*]]: tensor<2x8xf8E8M0FNU>)
// CHECK-DAG: %[[T:.*]] = linalg.transpose ins(%[[SX]] : tensor<2x8xf8E8M0FNU>)
// CHECK-DAG: %[[SW:.*]] = arith.constant dense<2.500000e-01> : tensor<16x2xf8E8M0FNU>
// CHECK-DAG: qmm.assemble %[[X]], %[[T]]
// CHECK-DAG: qmm.assemble %[[W]], %[[SW]]
func.func @scales_in_bytes(%x: tensor<8x64xf8E4M3FN>, %w: tensor<16x64xf8E4M3FN>, %sx: tensor<2x8xui8>) -> tensor<8x16xbf16> {
  %t = "stablehlo.transpose"(%sx) <{permutation = array<i64: 1, 0>}> : (tensor<2x8xui8>) -> tensor<8x2xui8>
  %a = "stablehlo.bitcast_convert"(%t) : (tensor<8x2xui8>) -> tensor<8x2xf8E8M0FNU>
  %sw = "stablehlo.constant"() <{value = dense<125> : tensor<16x2xui8>}> : () -> tensor<16x2xui8>
  %b = "stablehlo.bitcast_convert"(%sw) : (tensor<16x2xui8>) -> tensor<16x2xf8E8M0FNU>
  %0 = "stablehlo.custom_call"(%x, %w, %a, %b) <{call_target_name = "__op$block_scaled_dot"}> : (tensor<8x64xf8E4M3FN>, tensor<16x64xf8E4M3FN>, tensor<8x2xf8E8M0FNU>, tensor<16x2xf8E8M0FNU>) -> tensor<8x16xbf16>
  return %0 : tensor<8x16xbf16>
}
