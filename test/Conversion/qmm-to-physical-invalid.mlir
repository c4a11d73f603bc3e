// RUN: quant-opt %s --qmm-to-physical --split-input-file --verify-diagnostics --allow-unregistered-dialect

func.func @undecided_linear(%x: tensor<8x256xbf16>, %w: !qmm.tensor<64x256xbf16, fp8>) -> tensor<8x64xbf16> {
  // expected-error @+1 {{qmm.linear reaches qmm-to-physical: run --qmm-quantize-activations first}}
  %y = qmm.linear %x, %w : tensor<8x256xbf16>, !qmm.tensor<64x256xbf16, fp8> -> tensor<8x64xbf16>
  return %y : tensor<8x64xbf16>
}

// -----

func.func @undecided_wide_linear(%x: tensor<8x256xbf16>, %w: tensor<64x256xbf16>) -> tensor<8x64xbf16> {
  // expected-error @+1 {{qmm.linear reaches qmm-to-physical: run --qmm-quantize-activations first}}
  %y = qmm.linear %x, %w : tensor<8x256xbf16>, tensor<64x256xbf16> -> tensor<8x64xbf16>
  return %y : tensor<8x64xbf16>
}

// -----

func.func @unknown_user(%w: !qmm.tensor<64x256xbf16, fp8>) {
  // expected-error @+1 {{'test.use' op has a value of type '!qmm.tensor<64x256xbf16, fp8>', which qmm-to-physical can't split in this op}}
  "test.use"(%w) : (!qmm.tensor<64x256xbf16, fp8>) -> ()
  return
}

// -----

func.func @unknown_producer() -> !qmm.tensor<64x256xbf16, fp8> {
  // expected-error @+1 {{'test.make' op has a value of type '!qmm.tensor<64x256xbf16, fp8>', which qmm-to-physical can't split in this op}}
  %w = "test.make"() : () -> !qmm.tensor<64x256xbf16, fp8>
  return %w : !qmm.tensor<64x256xbf16, fp8>
}

// -----

func.func @unknown_region() {
  // expected-error @+1 {{'test.region' op has a value of type '!qmm.tensor<64x256xbf16, fp8>', which qmm-to-physical can't split in this op}}
  "test.region"() ({
  ^bb0(%w: !qmm.tensor<64x256xbf16, fp8>):
    "test.end"() : () -> ()
  }) : () -> ()
  return
}

// -----

func.func private @callee(!qmm.tensor<64x256xbf16, fp8>)

func.func @function_value() -> ((!qmm.tensor<64x256xbf16, fp8>) -> ()) {
  // expected-error @+1 {{'func.constant' op has a value of type '!qmm.tensor<64x256xbf16, fp8>', which qmm-to-physical can't split in this op}}
  %f = func.constant @callee : (!qmm.tensor<64x256xbf16, fp8>) -> ()
  return %f : (!qmm.tensor<64x256xbf16, fp8>) -> ()
}

// -----

func.func @float4_user(%x: tensor<8x256xf4E2M1FN>) -> tensor<4x256xf4E2M1FN> {
  // expected-error @+1 {{has a value of type 'tensor<8x256xf4E2M1FN>', and only qmm.assemble takes such codes, two of which share a byte}}
  %y = tensor.extract_slice %x[0, 0] [4, 256] [1, 1] : tensor<8x256xf4E2M1FN> to tensor<4x256xf4E2M1FN>
  return %y : tensor<4x256xf4E2M1FN>
}

// -----

// expected-error @+1 {{'func.func' op has a value of type 'tensor<8x3xf4E2M1FN>', expected a last extent that is static and even: two codes share a byte}}
func.func private @float4_odd(tensor<8x3xf4E2M1FN>)

// -----

// expected-error @+1 {{'func.func' op has a value of type 'tensor<8x?xf4E2M1FN>', expected a last extent that is static and even}}
func.func private @float4_dynamic(tensor<8x?xf4E2M1FN>)
