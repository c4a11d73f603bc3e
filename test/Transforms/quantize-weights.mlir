// RUN: quant-opt %s --qmm-quantize-weights='scheme=nvfp4 keep=.*head activations=dynamic' | FileCheck %s
// Weights that are quantized stay so.
// RUN: quant-opt %s --qmm-quantize-weights='scheme=nvfp4 keep=.*head activations=dynamic' --qmm-quantize-weights='scheme=fp8 activations=wide' | FileCheck %s --check-prefix=AGAIN
// RUN: quant-opt %s --qmm-quantize-weights='scheme=mxfp8 layers=.*head' | FileCheck %s --check-prefix=ONE
// RUN: not quant-opt %s --qmm-quantize-weights='scheme=nvfp9' 2>&1 | FileCheck %s --check-prefix=SCHEME
// RUN: not quant-opt %s --qmm-quantize-weights='scheme=fp8 layers=fc' 2>&1 | FileCheck %s --check-prefix=LAYERS
// RUN: not quant-opt %s --qmm-quantize-weights='scheme=fp8 keep=fc' 2>&1 | FileCheck %s --check-prefix=KEEP
// RUN: not quant-opt %s --qmm-quantize-weights='scheme=fp8 keep=(' 2>&1 | FileCheck %s --check-prefix=REGEX
// RUN: echo 'func.func @f() { return }' | not quant-opt --qmm-quantize-weights='scheme=fp8' 2>&1 | FileCheck %s --check-prefix=NONE
// SCHEME: error: scheme 'nvfp9' is unknown, expected one of fp8,
// LAYERS: error: layers: no layer's name matches 'fc'
// KEEP: error: keep: no layer's name matches 'fc'
// REGEX: error: keep: '(' isn't a regular expression: parentheses not balanced
// NONE: error: has no product with a constant weight to quantize: weights that are arguments stay as they are

// What the input becomes is decided later.
// CHECK-LABEL: func.func @linear
// CHECK:         %[[W:.*]] = qmm.parameter "model::fc1.weight"
// CHECK:         %[[Q:.*]] = qmm.quantize %[[W]] : tensor<64x256xbf16> -> !qmm.tensor<64x256xbf16, nvfp4, nibbles = lo_first>
// CHECK:         qmm.linear %{{.*}}, %[[Q]] {qmm.notes = ["weight: quantized to nvfp4 when loaded"]}
// AGAIN-LABEL: func.func @linear
// AGAIN:         qmm.linear {{.*}}qmm.notes = ["weight: quantized to nvfp4 when loaded", "weight: not quantized: it is quantized"]
// ONE-LABEL:   func.func @linear
// ONE-NOT:       qmm.quantize
// ONE:           qmm.linear
func.func @linear(%x: tensor<?x256xbf16>) -> tensor<?x64xbf16> {
  %w = qmm.parameter "model::fc1.weight" : tensor<64x256xbf16>
  %y = qmm.linear %x, %w : tensor<?x256xbf16>, tensor<64x256xbf16> -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}

// CHECK-LABEL: func.func @kept
// CHECK-NOT:     qmm.quantize
// CHECK:         qmm.linear {{.*}} {qmm.notes = ["weight: kept, as asked"]}
// ONE-LABEL:   func.func @kept
// ONE:           qmm.quantize
func.func @kept(%x: tensor<?x256xbf16>) -> tensor<?x64xbf16> {
  %w = qmm.parameter "model::lm_head.weight" : tensor<64x256xbf16>
  %y = qmm.linear %x, %w : tensor<?x256xbf16>, tensor<64x256xbf16> -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}

// A product of other programs: both operands, around whatever moves the weight.
// K isn't a multiple of the blocks' 16.
// CHECK-LABEL: func.func @matmul
// CHECK-SAME:    (%[[X:.*]]: tensor<?x40xf16>, %[[R:.*]]: tensor<?x64xf16>)
// CHECK:         %[[T:.*]] = linalg.transpose
// CHECK:         %[[Q:.*]] = qmm.quantize %[[T]] : tensor<64x40xf16> -> !qmm.tensor<64x40xf16, nvfp4, nibbles = lo_first, pad = [1, 16]>
// CHECK:         %[[P:.*]] = qmm.quantize %[[X]] : tensor<?x40xf16> -> !qmm.tensor<?x40xf16, nvfp4, nibbles = lo_first, pad = [1, 16]>
// CHECK:         qmm.scaled_matmul %[[P]], %[[Q]] residual(%[[R]]
// CHECK-SAME:      {qmm.notes = ["weight: quantized to nvfp4 when loaded", "activation: nvfp4, dynamic"]}
func.func @matmul(%x: tensor<?x40xf16>, %r: tensor<?x64xf16>) -> tensor<?x64xf16> {
  %w = qmm.parameter "const::c0" : tensor<40x64xf16>
  %e = tensor.empty() : tensor<64x40xf16>
  %t = linalg.transpose ins(%w : tensor<40x64xf16>) outs(%e : tensor<64x40xf16>) permutation = [1, 0]
  %y = qmm.scaled_matmul %x, %t residual(%r : tensor<?x64xf16>)
    : tensor<?x40xf16>, tensor<64x40xf16> -> tensor<?x64xf16>
  return %y : tensor<?x64xf16>
}

// CHECK-LABEL: func.func @weight_is_an_argument
// CHECK-NOT:     qmm.quantize
func.func @weight_is_an_argument(%x: tensor<?x256xbf16>, %w: tensor<64x256xbf16>) -> tensor<?x64xbf16> {
  %y = qmm.linear %x, %w : tensor<?x256xbf16>, tensor<64x256xbf16> -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}
