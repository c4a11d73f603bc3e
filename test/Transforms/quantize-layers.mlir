// RUN: quant-opt %s --qmm-quantize-layers='scheme=nvfp4 exclude=head first-and-last activations=dynamic' | FileCheck %s
// Weights that are quantized stay so.
// RUN: quant-opt %s --qmm-quantize-layers='scheme=nvfp4 exclude=head first-and-last activations=dynamic' --qmm-quantize-layers='scheme=fp8 first-and-last activations=wide' | FileCheck %s --check-prefix=AGAIN
// RUN: quant-opt %s --qmm-quantize-layers='scheme=mxfp8 include=head' | FileCheck %s --check-prefix=ONE

// A policy's rules come before the scheme; FUNCTION.I counts as numbered, so
// the products of files are what is first and last.
// RUN: echo '{"rules": [{"layers": "matmul", "scheme": "fp8"}]}' > %t.policy.json
// RUN: quant-opt %s --qmm-quantize-layers='policy=%t.policy.json scheme=mxfp8 activations=wide' | FileCheck %s --check-prefix=POLICY

// RUN: echo '{"layers": {"fc1": {"amax": 4.48}, "matmul.0": {"amax": 26.88}}}' > %t.calibration.json
// RUN: quant-opt %s --qmm-quantize-layers='scheme=nvfp4 first-and-last activations=checkpoint calibration=%t.calibration.json' | FileCheck %s --check-prefix=STATIC

// RUN: not quant-opt %s --qmm-quantize-layers='scheme=nvfp9' 2>&1 | FileCheck %s --check-prefix=SCHEME
// RUN: not quant-opt %s --qmm-quantize-layers='scheme=fp8 include=xyz' 2>&1 | FileCheck %s --check-prefix=INCLUDE
// RUN: not quant-opt %s --qmm-quantize-layers='scheme=fp8 exclude=xyz' 2>&1 | FileCheck %s --check-prefix=EXCLUDE
// RUN: not quant-opt %s --qmm-quantize-layers='scheme=fp8 exclude=(' 2>&1 | FileCheck %s --check-prefix=REGEX
// RUN: not quant-opt %s --qmm-quantize-layers='policy=%t.none.json' 2>&1 | FileCheck %s --check-prefix=FILE
// RUN: echo '{"layers": {"fc9": {"amax": 1}}}' > %t.other.json
// RUN: not quant-opt %s --qmm-quantize-layers='calibration=%t.other.json' 2>&1 | FileCheck %s --check-prefix=LAYER
// RUN: echo 'func.func @f() { return }' | not quant-opt --qmm-quantize-layers='scheme=fp8' 2>&1 | FileCheck %s --check-prefix=NONE
// SCHEME: error: {{.*}}'nvfp9'
// INCLUDE: error: --include: the pattern 'xyz' matches no layer
// EXCLUDE: error: --exclude: the pattern 'xyz' matches no layer
// REGEX: error: {{.*}}'('
// FILE: error: {{.*}}none.json
// LAYER: other.json: no layer is named 'fc9'; --report=- of quant-compile lists them
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
// ONE:           qmm.linear {{.*}} {qmm.notes = ["weight: kept: not included"]}
// POLICY-LABEL: func.func @linear
// POLICY:        qmm.linear {{.*}} {qmm.notes = ["weight: kept: outside of the numbered blocks: a first or last layer"]}
// STATIC-LABEL: func.func @linear
// STATIC:        %[[S:.*]] = arith.constant dense<0.00166666671> : tensor<f32>
// STATIC:        qmm.linear {{.*}} input_scale(%[[S]] : tensor<f32>)
func.func @linear(%x: tensor<?x256xbf16>) -> tensor<?x64xbf16> {
  %w = qmm.parameter "model::fc1.weight" : tensor<64x256xbf16>
  %y = qmm.linear %x, %w : tensor<?x256xbf16>, tensor<64x256xbf16> -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}

// CHECK-LABEL: func.func @kept
// CHECK-NOT:     qmm.quantize
// CHECK:         qmm.linear {{.*}} {qmm.notes = ["weight: kept: excluded"]}
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
// POLICY-LABEL: func.func @matmul
// POLICY:        {qmm.notes = ["weight: quantized to fp8 when loaded", "activation: wide"]}
// STATIC-LABEL: func.func @matmul
// STATIC:        %[[S:.*]] = arith.constant dense<0.00999999977> : tensor<f32>
// STATIC:        qmm.quantize %{{.*}} tensor_scale(%[[S]] : tensor<f32>)
// STATIC:        "activation: nvfp4, static"
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

// A weight whose body takes a value from outside isn't constant.
// CHECK-LABEL: func.func @weight_captures_an_argument
// CHECK-NOT:     qmm.quantize
func.func @weight_captures_an_argument(%x: tensor<?x256xf32>, %f: f32) -> tensor<?x64xf32> {
  %w = qmm.parameter "model::fc4.weight" : tensor<64x256xf32>
  %e = tensor.empty() : tensor<64x256xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(n, k) -> (n, k)>, affine_map<(n, k) -> (n, k)>],
                       iterator_types = ["parallel", "parallel"]}
    ins(%w : tensor<64x256xf32>) outs(%e : tensor<64x256xf32>) {
  ^bb0(%i: f32, %o: f32):
    %m = arith.mulf %i, %f : f32
    linalg.yield %m : f32
  } -> tensor<64x256xf32>
  %y = qmm.linear %x, %s : tensor<?x256xf32>, tensor<64x256xf32> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
