// What is refused, where, and why.
// RUN: quant-opt-no-roundtrip %s --qmm-import-quant --split-input-file --verify-diagnostics -o /dev/null

// Unsigned storage.
func.func @f(%x: tensor<8xf32>) {
  // expected-error@+1 {{'quant.qcast' op has quantized type '!quant.uniform<u8:f32, 1.000000e+00:128>' with unsigned storage 'i8', expected signed i8}}
  %0 = quant.qcast %x : tensor<8xf32> to tensor<8x!quant.uniform<u8:f32, 1.0:128>>
  return
}

// -----

// Storage of another width.
func.func @f(%x: tensor<8xf32>) {
  // expected-error@+1 {{'quant.qcast' op has quantized type '!quant.uniform<i4:f32, 1.000000e+00>' with storage 'i4', expected signed i8}}
  %0 = quant.qcast %x : tensor<8xf32> to tensor<8x!quant.uniform<i4:f32, 1.0>>
  return
}

// -----

// Another expressed type; every op is reported, functions too.
// expected-error@+1 {{'func.func' op has quantized type '!quant.uniform<i8:f64, 1.000000e+00>' that expresses 'f64', expected f32, bf16 or f16}}
func.func @f(%x: tensor<8x!quant.uniform<i8:f64, 1.0>>) -> tensor<8xf64> {
  // expected-error@+1 {{'quant.dcast' op has quantized type '!quant.uniform<i8:f64, 1.000000e+00>' that expresses 'f64', expected f32, bf16 or f16}}
  %0 = quant.dcast %x : tensor<8x!quant.uniform<i8:f64, 1.0>> to tensor<8xf64>
  return %0 : tensor<8xf64>
}

// -----

// A type without scales.
// expected-error@+1 {{'func.func' op has quantized type '!quant.any<i8:f32>', expected !quant.uniform}}
func.func private @any(tensor<8x!quant.any<i8:f32>>)

// -----

// A zero point that isn't a code.
func.func @f(%x: tensor<8xf32>) {
  // expected-error@+1 {{'quant.qcast' op has quantized type '!quant.uniform<i8:f32, 1.000000e+00:200>' with zero point 200, expected a value of its storage i8}}
  %0 = quant.qcast %x : tensor<8xf32> to tensor<8x!quant.uniform<i8:f32, 1.0:200>>
  return
}

// -----

// No rank.
// expected-error@+1 {{'func.func' op has a value of type 'tensor<*x!quant.uniform<i8:f32, 1.000000e+00>>', expected a scalar or a ranked tensor}}
func.func private @unranked(tensor<*x!quant.uniform<i8:f32, 1.0>>)

// -----

// Blocks along an axis whose extent isn't known.
!blocks = !quant.uniform<i8:f32:{0:1, 1:2}, {{1.0, 2.0}}>
func.func @f(%x: tensor<1x?xf32>) {
  // expected-error@+1 {{whose axis 1 is in blocks and of dynamic extent, expected a static one}}
  %0 = quant.qcast %x : tensor<1x?xf32> to tensor<1x?x!blocks>
  return
}

// -----

// Arithmetic on quantized values.
!q = !quant.uniform<i8:f32, 1.0>
func.func @f(%x: tensor<8x!q>) -> tensor<8x!q> {
  // expected-error@+1 {{'tosa.add' op has a value of quantized type '!quant.uniform<i8:f32, 1.000000e+00>', expected casts of the quant dialect around it, or an op that only moves elements}}
  %0 = tosa.add %x, %x : (tensor<8x!q>, tensor<8x!q>) -> tensor<8x!q>
  return %0 : tensor<8x!q>
}

// -----

// Scales of an axis don't move along.
!q = !quant.uniform<i8:f32:0, {1.0, 2.0}>
func.func @f(%x: tensor<2x2x!q>) -> tensor<2x2x!q> {
  %e = tensor.empty() : tensor<2x2x!q>
  // expected-error@+1 {{'linalg.transpose' op moves elements of quantized type '!quant.uniform<i8:f32:0, {1.000000e+00,2.000000e+00}>', whose scales belong to places, expected one scale}}
  %0 = linalg.transpose ins(%x : tensor<2x2x!q>) outs(%e : tensor<2x2x!q>) permutation = [1, 0]
  return %0 : tensor<2x2x!q>
}
