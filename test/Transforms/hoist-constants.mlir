// RUN: quant-opt %s --split-input-file --qmm-hoist-constants | FileCheck %s
// RUN: quant-opt %s --split-input-file --qmm-hoist-constants --qmm-hoist-constants | FileCheck %s

// CHECK-LABEL: func.func @qmm.init
// CHECK-SAME:    () -> (tensor<16x32xf8E4M3FN>, tensor<f32>)
// CHECK:         %[[W:.*]] = qmm.parameter "model::w"
// CHECK:         %[[Q:.*]] = qmm.quantize %[[W]]
// CHECK:         %[[P:.*]]:2 = qmm.disassemble %[[Q]]
// CHECK:         return %[[P]]#0, %[[P]]#1

// CHECK-LABEL: func.func @weight_is_quantized
// CHECK-DAG:     %[[D:.*]] = qmm.parameter "packed::0" : tensor<16x32xf8E4M3FN>
// CHECK-DAG:     %[[S:.*]] = qmm.parameter "packed::1" : tensor<f32>
// CHECK:         %[[A:.*]] = qmm.assemble %[[D]], %[[S]]
// CHECK-NEXT:    qmm.scaled_matmul %{{.*}}, %[[A]]
func.func @weight_is_quantized(%x: tensor<?x32xbf16>) -> tensor<?x16xbf16> {
  %w = qmm.parameter "model::w" : tensor<16x32xbf16>
  %q = qmm.quantize %w : tensor<16x32xbf16> -> !qmm.tensor<16x32xbf16, fp8>
  %y = qmm.scaled_matmul %x, %q
    : tensor<?x32xbf16>, !qmm.tensor<16x32xbf16, fp8> -> tensor<?x16xbf16>
  return %y : tensor<?x16xbf16>
}

// The same weight: computed and kept once.
// CHECK-LABEL: func.func @same_weight
// CHECK-DAG:     qmm.parameter "packed::0"
// CHECK-DAG:     qmm.parameter "packed::1"
// CHECK-NOT:     qmm.quantize
func.func @same_weight(%x: tensor<?x32xbf16>) -> tensor<?x16xbf16> {
  %w = qmm.parameter "model::w" : tensor<16x32xbf16>
  %q = qmm.quantize %w : tensor<16x32xbf16> -> !qmm.tensor<16x32xbf16, fp8>
  %y = qmm.scaled_matmul %x, %q
    : tensor<?x32xbf16>, !qmm.tensor<16x32xbf16, fp8> -> tensor<?x16xbf16>
  return %y : tensor<?x16xbf16>
}

// -----

// The relayout goes; what follows takes more memory than it is made of.
// CHECK-LABEL: func.func @qmm.init
// CHECK:         qmm.relayout
// CHECK-NOT:     qmm.dequantize

// CHECK-LABEL: func.func @dequantized_weight_stays
// CHECK-NOT:     qmm.relayout
// CHECK:         %[[A:.*]] = qmm.assemble
// CHECK-NEXT:    qmm.dequantize %[[A]]
func.func @dequantized_weight_stays(%x: tensor<?x128xbf16>) -> tensor<?x128xbf16> {
  %w = qmm.parameter "model::w" : tensor<128x128xf8E4M3FN>
  %s = qmm.parameter "model::s" : tensor<128x4xf8E8M0FNU>
  %q = qmm.assemble %w, %s
    : tensor<128x128xf8E4M3FN>, tensor<128x4xf8E8M0FNU> -> !qmm.tensor<128x128xbf16, mxfp8>
  %t = qmm.relayout %q
    : !qmm.tensor<128x128xbf16, mxfp8> -> !qmm.tensor<128x128xbf16, mxfp8, scales = tiled_128x4>
  %d = qmm.dequantize %t
    : !qmm.tensor<128x128xbf16, mxfp8, scales = tiled_128x4> -> tensor<128x128xbf16>
  %y = qmm.scaled_matmul %x, %d
    : tensor<?x128xbf16>, tensor<128x128xbf16> -> tensor<?x128xbf16>
  return %y : tensor<?x128xbf16>
}

// -----

// What the arguments have a part in stays, and so do parameters, parts of
// quantized tensors and constants, which are no work.
// CHECK-NOT: qmm.init
// CHECK-LABEL: func.func @nothing_to_hoist
func.func @nothing_to_hoist(%x: tensor<?x32xbf16>, %s: tensor<f32>)
    -> (tensor<?x16xbf16>, tensor<4xf32>) {
  %c = arith.constant dense<2.0> : tensor<4xf32>
  %w = qmm.parameter "model::w" : tensor<16x32xf8E4M3FN>
  %q = qmm.assemble %w, %s
    : tensor<16x32xf8E4M3FN>, tensor<f32> -> !qmm.tensor<16x32xbf16, fp8>
  %y = qmm.scaled_matmul %x, %q
    : tensor<?x32xbf16>, !qmm.tensor<16x32xbf16, fp8> -> tensor<?x16xbf16>
  return %y, %c : tensor<?x16xbf16>, tensor<4xf32>
}

// -----

// Regions may use values from outside, as long as those are constant too.
// CHECK-LABEL: func.func @qmm.init
// CHECK-SAME:    () -> tensor<4xf32>
// CHECK:         linalg.generic
// CHECK-LABEL: func.func @regions
// CHECK:         linalg.generic
// CHECK-NOT:     linalg.generic
#id = affine_map<(d0) -> (d0)>
func.func @regions(%f: f32) -> (tensor<4xf32>, tensor<4xf32>) {
  %c = arith.constant 2.0 : f32
  %p = qmm.parameter "model::p" : tensor<4xf32>
  %e = tensor.empty() : tensor<4xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
    ins(%p : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%i: f32, %o: f32):
    %m = arith.mulf %i, %c : f32
    linalg.yield %m : f32
  } -> tensor<4xf32>
  %b = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
    ins(%p : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%i: f32, %o: f32):
    %m = arith.mulf %i, %f : f32
    linalg.yield %m : f32
  } -> tensor<4xf32>
  return %a, %b : tensor<4xf32>, tensor<4xf32>
}
