// RUN: quant-opt %s --qmm-insert-observers --verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @one_result_more
// CHECK-SAME:    (%[[X:.*]]: tensor<?x256xbf16>) -> (tensor<?x64xbf16> {qmm.name = "y"}, tensor<?x256xbf16> {qmm.name = "fc1:input"})
// CHECK:         %[[Y:.*]] = qmm.linear %[[X]]
// CHECK:         return %[[Y]], %[[X]]
func.func @one_result_more(%x: tensor<?x256xbf16>) -> (tensor<?x64xbf16> {qmm.name = "y"}) {
  %w = qmm.parameter "model::fc1.weight" : tensor<64x256xbf16>
  %y = qmm.linear %x, %w : tensor<?x256xbf16>, tensor<64x256xbf16> -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}

// The weight is quantized, which doesn't matter; the same layer for the second
// and third time.
// CHECK-LABEL: func.func @used_again
// CHECK-SAME:    tensor<?x256xbf16> {qmm.name = "fc1:input#2"}, tensor<?x256xbf16> {qmm.name = "fc1:input#3"})
func.func @used_again(%x: tensor<?x256xbf16>, %z: tensor<?x256xbf16>) -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %d = qmm.parameter "model::fc1.weight" : tensor<64x256xf8E4M3FN>
  %s = qmm.parameter "model::fc1.weight_scale" : tensor<f32>
  %w = qmm.assemble %d, %s : tensor<64x256xf8E4M3FN>, tensor<f32> -> !qmm.tensor<64x256xbf16, fp8>
  %a = qmm.scaled_matmul %x, %w : tensor<?x256xbf16>, !qmm.tensor<64x256xbf16, fp8> -> tensor<?x64xbf16>
  %b = qmm.scaled_matmul %z, %w : tensor<?x256xbf16>, !qmm.tensor<64x256xbf16, fp8> -> tensor<?x64xbf16>
  return %a, %b : tensor<?x64xbf16>, tensor<?x64xbf16>
}

// What is quantized is the input times its scale.
// CHECK-LABEL: func.func @pre_quant_scale
// CHECK:         %[[X:.*]] = linalg.generic
// CHECK:         qmm.linear %[[X]], %{{[^ ]*}} :
// CHECK:         return %{{.*}}, %[[X]]
func.func @pre_quant_scale(%x: tensor<?x256xbf16>) -> tensor<?x64xbf16> {
  %w = qmm.parameter "model::fc2.weight" : tensor<64x256xbf16>
  %p = qmm.parameter "model::fc2.pre_quant_scale" : tensor<256xbf16>
  %y = qmm.linear %x, %w pre_quant_scale(%p : tensor<256xbf16>)
    : tensor<?x256xbf16>, tensor<64x256xbf16> -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}

// CHECK-LABEL: func.func @control_flow
// CHECK-SAME:    -> tensor<4x64xbf16> {
func.func @control_flow(%x: tensor<4x256xbf16>, %c: i1, %e: tensor<4x64xbf16>) -> tensor<4x64xbf16> {
  %w = qmm.parameter "model::fc3.weight" : tensor<64x256xbf16>
  %r = scf.if %c -> tensor<4x64xbf16> {
    // expected-warning @below {{layer 'fc3' isn't observed: it is inside of control flow}}
    %y = qmm.linear %x, %w : tensor<4x256xbf16>, tensor<64x256xbf16> -> tensor<4x64xbf16>
    scf.yield %y : tensor<4x64xbf16>
  } else {
    scf.yield %e : tensor<4x64xbf16>
  }
  return %r : tensor<4x64xbf16>
}

// CHECK-LABEL: func.func @no_layer
// CHECK-SAME:    -> tensor<?x64xbf16> {
func.func @no_layer(%x: tensor<?x256xbf16>, %w: tensor<64x256xbf16>) -> tensor<?x64xbf16> {
  %y = qmm.linear %x, %w : tensor<?x256xbf16>, tensor<64x256xbf16> -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}
