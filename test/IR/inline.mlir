// RUN: quant-opt %s --inline | FileCheck %s

func.func private @layer(%x: tensor<?x256xbf16>, %w: !qmm.tensor<8x256xbf16, fp8>) -> tensor<?x8xbf16> {
  %y = qmm.linear %x, %w : tensor<?x256xbf16>, !qmm.tensor<8x256xbf16, fp8> -> tensor<?x8xbf16>
  return %y : tensor<?x8xbf16>
}

// CHECK-LABEL: func @caller
func.func @caller(%x: tensor<?x256xbf16>, %w: !qmm.tensor<8x256xbf16, fp8>) -> tensor<?x8xbf16> {
  // CHECK-NOT: call
  // CHECK: qmm.linear
  %y = call @layer(%x, %w) : (tensor<?x256xbf16>, !qmm.tensor<8x256xbf16, fp8>) -> tensor<?x8xbf16>
  return %y : tensor<?x8xbf16>
}
