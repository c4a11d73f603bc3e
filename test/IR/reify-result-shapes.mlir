// Upstream's passes resolve the extents of results through operands.
// RUN: quant-opt %s --resolve-ranked-shaped-type-result-dims --canonicalize | FileCheck %s

// CHECK-LABEL: func @scaled_matmul
// CHECK-SAME: %[[X:[^:]*]]: !qmm.tensor<?x?x256xbf16, fp8>, %[[W:[^:]*]]: tensor<?x256xbf16>
func.func @scaled_matmul(%x: !qmm.tensor<?x?x256xbf16, fp8>, %w: tensor<?x256xbf16>) -> (index, index, index) {
  // CHECK-DAG: %[[B:.*]] = qmm.dim %[[X]], 0
  // CHECK-DAG: %[[M:.*]] = qmm.dim %[[X]], 1
  // CHECK-DAG: %[[N:.*]] = tensor.dim %[[W]], %{{.*}}
  // CHECK: return %[[B]], %[[M]], %[[N]]
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %y, %amax = qmm.scaled_matmul %x, %w
    : !qmm.tensor<?x?x256xbf16, fp8>, tensor<?x256xbf16> -> tensor<?x?x?xbf16>, tensor<f32>
  %b = tensor.dim %y, %c0 : tensor<?x?x?xbf16>
  %m = tensor.dim %y, %c1 : tensor<?x?x?xbf16>
  %n = tensor.dim %y, %c2 : tensor<?x?x?xbf16>
  return %b, %m, %n : index, index, index
}

// CHECK-LABEL: func @linear
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x256xbf16>
func.func @linear(%x: tensor<?x256xbf16>, %w: !qmm.tensor<1024x256xbf16, fp8>) -> (index, index) {
  // CHECK-DAG: %[[M:.*]] = tensor.dim %[[X]], %{{.*}}
  // CHECK-DAG: %[[N:.*]] = arith.constant 1024 : index
  // CHECK: return %[[M]], %[[N]]
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %y = qmm.linear %x, %w : tensor<?x256xbf16>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<?x?xbf16>
  %m = tensor.dim %y, %c0 : tensor<?x?xbf16>
  %n = tensor.dim %y, %c1 : tensor<?x?xbf16>
  return %m, %n : index, index
}

// CHECK-LABEL: func @dequantize
// CHECK-SAME: %[[Q:[^:]*]]: !qmm.tensor<?x256xbf16, fp8>
func.func @dequantize(%q: !qmm.tensor<?x256xbf16, fp8>) -> index {
  // CHECK: %[[M:.*]] = qmm.dim %[[Q]], 0
  // CHECK: return %[[M]]
  %c0 = arith.constant 0 : index
  %x = qmm.dequantize %q : !qmm.tensor<?x256xbf16, fp8> -> tensor<?x256xf32>
  %m = tensor.dim %x, %c0 : tensor<?x256xf32>
  return %m : index
}
