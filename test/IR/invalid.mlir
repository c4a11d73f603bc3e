// One case for each constraint of the ODS files, named for it.
// RUN: quant-opt %s --split-input-file --verify-diagnostics

// qmm.scheme 1: the element type
// expected-error @below {{scheme 'bf16' is unknown, expected one of fp8, fp8_e5m2, fp8_row, fp8_1x128, fp8_128x128, mxfp8, mxfp8_e5m2, mxfp4, nvfp4, int8, int8_row, int8_128x128, or one of the elements f8E4M3FN, f8E5M2, f4E2M1FN, i8 with its block and scale}}
func.func private @f() attributes {a = #qmm.scheme<bf16 block = [1, 32] scale = f32>}

// -----

// qmm.scheme 2: the scale type
// expected-error @below {{scheme has scale type 'f16', expected f32, f8E4M3FN or f8E8M0FNU}}
func.func private @f() attributes {a = #qmm.scheme<f8E4M3FN block = [1, 32] scale = f16>}

// -----

// qmm.scheme 3: block extents
// expected-error @below {{block extent is -32, expected at least 1, or * for a whole dimension}}
func.func private @f() attributes {a = #qmm.scheme<f8E4M3FN block = [1, -32] scale = f32>}

// -----

// qmm.scheme, text: an unknown preset
// expected-error @below {{scheme 'fp9' is unknown, expected one of fp8, fp8_e5m2, fp8_row, fp8_1x128, fp8_128x128, mxfp8, mxfp8_e5m2, mxfp4, nvfp4, int8, int8_row, int8_128x128, or one of the elements f8E4M3FN, f8E5M2, f4E2M1FN, i8 with its block and scale}}
func.func private @f() attributes {a = #qmm.scheme<fp9>}

// -----

// qmm.scheme, text: a wide type isn't a preset
// expected-error @below {{scheme 'f32' is unknown, expected one of fp8, fp8_e5m2, fp8_row, fp8_1x128, fp8_128x128, mxfp8, mxfp8_e5m2, mxfp4, nvfp4, int8, int8_row, int8_128x128, or one of the elements f8E4M3FN, f8E5M2, f4E2M1FN, i8 with its block and scale}}
func.func private @f() attributes {a = #qmm.scheme<f32>}

// -----

// qmm.scheme, text: nothing
// expected-error @below {{expected a scheme: one of fp8, fp8_e5m2, fp8_row, fp8_1x128, fp8_128x128, mxfp8, mxfp8_e5m2, mxfp4, nvfp4, int8, int8_row, int8_128x128, or ELEMENT block = [OUTER, K] scale = TYPE [tensor_scale]}}
func.func private @f() attributes {a = #qmm.scheme<>}

// -----

// qmm.scheme, text: an element type alone
// expected-error @below {{expected 'block' = [OUTER, K] after the element type}}
func.func private @f() attributes {a = #qmm.scheme<f8E5M2>}

// -----

// qmm.layout 1: pad multiples
// expected-error @below {{layout has a pad multiple of 0, expected 1 to 2^31}}
func.func private @f() attributes {a = #qmm.layout<pad = [0, 16]>}

// -----

// qmm.layout 1: pad multiples
// expected-error @below {{layout has a pad multiple of 4294967296, expected 1 to 2^31}}
func.func private @f() attributes {a = #qmm.layout<scale_pad = 4294967296>}

// -----

// qmm.layout, text: an unknown field
// expected-error @below {{layout field 'swizzle' is unknown, expected scales, nibbles, pad or scale_pad}}
func.func private @f() attributes {a = #qmm.layout<swizzle = yes>}

// -----

// qmm.layout, text: an unknown scale layout
// expected-error @below {{scale layout is 'swizzled', expected linear, outer_major, blocks_128x128 or tiled_128x4}}
func.func private @f() attributes {a = #qmm.layout<scales = swizzled>}

// -----

// qmm.layout, text: an unknown nibble order
// expected-error @below {{nibble order is 'high', expected hi_first, lo_first or none}}
func.func private @f() attributes {a = #qmm.layout<nibbles = high>}

// -----

// qmm.layout, text: a field twice
// expected-error @below {{layout field 'pad' is given twice, expected once}}
func.func private @f() attributes {a = #qmm.layout<pad = [1, 2], pad = [1, 2]>}

// -----

// qmm.target 1: the chip
// expected-error @below {{target is "sm_42", expected one of cpu, sm_80}}
module attributes {qmm.targets = [#qmm.target<"sm_42">]} {}

// -----

// qmm.route 1: the range of M
// expected-error @below {{route has the range of M [8, 7], expected 0 <= first <= last, or * as the last}}
func.func private @f() attributes {a = #qmm.route<host on "cpu", m = [8, 7], "">}

// -----

// qmm.route 1: the range of M
// expected-error @below {{route has the range of M [-1, 7], expected 0 <= first <= last, or * as the last}}
func.func private @f() attributes {a = #qmm.route<host on "cpu", m = [-1, 7], "">}

// -----

// qmm.route 2: the chip
// expected-error @below {{the chip of a route is "gpu", expected one of cpu, sm_80}}
func.func private @f() attributes {a = #qmm.route<host on "gpu", m = [0, *], "">}

// -----

// qmm.route, text: an unknown kind
// expected-error @below {{route kind is 'magic', expected library, kernel, widen or host}}
func.func private @f() attributes {a = #qmm.route<magic on "cpu", m = [0, *], "">}

// -----

// qmm.targets: its kind
// expected-error @below {{'builtin.module' op attribute 'qmm.targets' is a builtin.array attribute, expected an array of #qmm.target}}
module attributes {qmm.targets = ["cpu"]} {}

// -----

// qmm.routes: its kind
// expected-error @below {{'func.func' op attribute 'qmm.routes' is a qmm.route attribute, expected an array of #qmm.route}}
func.func private @f() attributes {qmm.routes = #qmm.route<host on "cpu", m = [0, *], "">}

// -----

// qmm.notes: its kind
// expected-error @below {{'func.func' op attribute 'qmm.notes' is a builtin.string attribute, expected an array of strings}}
func.func private @f() attributes {qmm.notes = "note"}

// -----

// qmm.parameter_files: its kind
// expected-error @below {{'builtin.module' op attribute 'qmm.parameter_files' is a builtin.dictionary attribute, expected a dictionary of paths}}
module attributes {qmm.parameter_files = {model = 1}} {}

// -----

// qmm.constants: its kind
// expected-error @below {{'builtin.module' op attribute 'qmm.constants' is a builtin.dictionary attribute, expected a dictionary of elements}}
module attributes {qmm.constants = {c = "c"}} {}

// -----

// qmm.reason: its kind
// expected-error @below {{'func.func' op attribute 'qmm.reason' is a builtin.array attribute, expected a string}}
func.func private @f() attributes {qmm.reason = ["why"]}

// -----

// qmm.stage: its kind
// expected-error @below {{'builtin.module' op attribute 'qmm.stage' is a builtin.integer attribute, expected a string}}
module attributes {qmm.stage = 1} {}

// -----

// qmm.name, of an argument: its kind
// expected-error @below {{'func.func' op attribute 'qmm.name' is a builtin.integer attribute, expected a string}}
func.func private @f(f32 {qmm.name = 1})

// -----

// qmm.name, of a result: its kind
// expected-error @below {{'func.func' op attribute 'qmm.name' is a builtin.integer attribute, expected a string}}
func.func private @f() -> (f32 {qmm.name = 1})

// -----

// qmm.tensor 1: the rank
// expected-error @below {{quantized tensor has rank 1, expected 2 to 8}}
func.func private @f(!qmm.tensor<256xbf16, fp8>)

// -----

// qmm.tensor 1: the rank
// expected-error @below {{quantized tensor has rank 9, expected 2 to 8}}
func.func private @f(!qmm.tensor<1x1x1x1x1x1x1x8x256xbf16, fp8>)

// -----

// qmm.tensor 2: the expressed type
// expected-error @below {{quantized tensor has expressed type 'f64', expected f32, bf16 or f16}}
func.func private @f(!qmm.tensor<8x256xf64, fp8>)

// -----

// qmm.tensor 3: 4-bit elements have a nibble order
// expected-error @below {{quantized tensor of scheme nvfp4 has no nibble order, expected nibbles = hi_first or nibbles = lo_first}}
func.func private @f(!qmm.tensor<8x256xbf16, nvfp4>)

// -----

// qmm.tensor 3: 8-bit elements have none
// expected-error @below {{quantized tensor of scheme mxfp8 has a nibble order, expected none: its elements aren't 4 bits wide}}
func.func private @f(!qmm.tensor<8x256xbf16, mxfp8, nibbles = hi_first>)

// -----

// qmm.tensor 3: tiled_128x4 needs one-byte scales
// expected-error @below {{quantized tensor: layout: tiled_128x4 with f32 scales, expected one-byte scales (e4m3 or e8m0)}}
func.func private @f(!qmm.tensor<8x256xbf16, fp8_1x128, scales = tiled_128x4>)

// -----

// qmm.tensor 3: tiled_128x4 needs one-row blocks
// expected-error @below {{quantized tensor: layout: tiled_128x4 with blocks of 2 x 32, expected one row by a part of K}}
func.func private @f(!qmm.tensor<8x256xbf16, f8E4M3FN block = [2, 32] scale = f8E8M0FNU, scales = tiled_128x4>)

// -----

// qmm.tensor 3: blocks_128x128 needs f32 scales
// expected-error @below {{quantized tensor: layout: blocks_128x128 with e8m0 scales, expected f32}}
func.func private @f(!qmm.tensor<8x256xbf16, f8E4M3FN block = [32, 32] scale = f8E8M0FNU, scales = blocks_128x128>)

// -----

// qmm.tensor 3: blocks_128x128 needs two-dimensional blocks
// expected-error @below {{quantized tensor: layout: blocks_128x128 with blocks of 1 x 128, expected both extents of at least 2}}
func.func private @f(!qmm.tensor<8x256xbf16, fp8_1x128, scales = blocks_128x128>)

// -----

// qmm.tensor 3: one scale has no scale layout
// expected-error @below {{quantized tensor: layout: scale layout is outer_major for fp8, which has no scale matrix, expected linear}}
func.func private @f(!qmm.tensor<8x256xbf16, fp8, scales = outer_major>)

// -----

// qmm.tensor 3: scale_pad is outer_major's
// expected-error @below {{quantized tensor: layout: scale_pad is 4 for linear, expected 0 or 1: only outer_major has one}}
func.func private @f(!qmm.tensor<8x256xbf16, fp8_1x128, scale_pad = 4>)

// -----

// qmm.tensor 4: a dynamic outer dimension isn't padded
// expected-error @below {{quantized tensor pads its outer dimension to a multiple of 16 and it is dynamic, expected a static extent}}
func.func private @f(!qmm.tensor<?x256xbf16, fp8, pad = [16, 1]>)

// -----

// qmm.tensor 4: a dynamic K isn't padded
// expected-error @below {{quantized tensor pads K to a multiple of 16 and it is dynamic, expected a static extent}}
func.func private @f(!qmm.tensor<8x?xbf16, fp8, pad = [1, 16]>)

// -----

// qmm.tensor 4: K that blocks divide is static
// expected-error @below {{quantized tensor of scheme mxfp8 has a dynamic K, expected a static extent: blocks divide it}}
func.func private @f(!qmm.tensor<8x?xbf16, mxfp8>)

// -----

// qmm.tensor 4: K of 4-bit elements is static
// expected-error @below {{quantized tensor of scheme f4E2M1FN block = [1, *] scale = f32 has a dynamic K, expected a static extent: two codes share a byte}}
func.func private @f(!qmm.tensor<8x?xbf16, f4E2M1FN block = [1, *] scale = f32, nibbles = hi_first>)

// -----

// qmm.tensor 5: K is whole blocks
// expected-error @below {{quantized tensor: K is 40 (40 with padding), expected a multiple of the block, 16, for nvfp4}}
func.func private @f(!qmm.tensor<8x40xbf16, nvfp4, nibbles = hi_first>)

// -----

// qmm.tensor 5: the stored K is whole blocks
// expected-error @below {{quantized tensor: K is 30 (40 with padding), expected a multiple of the block, 32, for mxfp8}}
func.func private @f(!qmm.tensor<8x30xbf16, mxfp8, pad = [1, 20]>)

// -----

// qmm.tensor 6: the size
// expected-error @below {{quantized tensor: the tensor's size in bytes doesn't fit in 63 bits}}
func.func private @f(!qmm.tensor<4611686018427387904x4xbf16, fp8>)

// -----

// qmm.tensor, text: no scheme
// expected-error @below {{expected ', SCHEME' after the shape, one of fp8, fp8_e5m2, fp8_row, fp8_1x128, fp8_128x128, mxfp8, mxfp8_e5m2, mxfp4, nvfp4, int8, int8_row, int8_128x128}}
func.func private @f(!qmm.tensor<8x256xbf16>)

// -----

// qmm.tensor, text: a layout field in place of the scheme
// expected-error @below {{scheme 'scales' is unknown, expected one of fp8, fp8_e5m2, fp8_row, fp8_1x128, fp8_128x128, mxfp8, mxfp8_e5m2, mxfp4, nvfp4, int8, int8_row, int8_128x128, or one of the elements f8E4M3FN, f8E5M2, f4E2M1FN, i8 with its block and scale}}
func.func private @f(!qmm.tensor<8x256xbf16, scales = tiled_128x4>)

// -----

// qmm.tensor, text: nothing after the comma
// expected-error @below {{expected a layout field: scales, nibbles, pad or scale_pad}}
func.func private @f(!qmm.tensor<8x256xbf16, fp8,>)

// -----

// qmm.parameter 1: the key
func.func @f() {
  // expected-error @below {{'qmm.parameter' op key is "model", expected scope::name, both non-empty}}
  %0 = qmm.parameter "model" : tensor<8xf32>
  return
}

// -----

// qmm.parameter 1: the key
func.func @f() {
  // expected-error @below {{'qmm.parameter' op key is "::weight", expected scope::name, both non-empty}}
  %0 = qmm.parameter "::weight" : tensor<8xf32>
  return
}

// -----

// qmm.parameter 1: the key
func.func @f() {
  // expected-error @below {{'qmm.parameter' op key is "model::", expected scope::name, both non-empty}}
  %0 = qmm.parameter "model::" : tensor<8xf32>
  return
}

// -----

// qmm.parameter 2: a static shape
func.func @f() {
  // expected-error @below {{'qmm.parameter' op result #0 must be tensor or memref of static shape, but got 'tensor<?xf32>'}}
  %0 = qmm.parameter "model::w" : tensor<?xf32>
  return
}

// -----

// qmm.assemble 1: the number of parts
func.func @f(%d: tensor<8x256xf8E4M3FN>) {
  // expected-error @below {{'qmm.assemble' op has 1 components, expected 2 for '!qmm.tensor<8x256xbf16, fp8>'}}
  %0 = qmm.assemble %d : tensor<8x256xf8E4M3FN> -> !qmm.tensor<8x256xbf16, fp8>
  return
}

// -----

// qmm.assemble 1: a part's type
func.func @f(%d: tensor<8x256xf8E5M2>, %s: tensor<f32>) {
  // expected-error @below {{'qmm.assemble' op component 0 is 'tensor<8x256xf8E5M2>', expected 'tensor<8x256xf8E4M3FN>' for '!qmm.tensor<8x256xbf16, fp8>'}}
  %0 = qmm.assemble %d, %s : tensor<8x256xf8E5M2>, tensor<f32> -> !qmm.tensor<8x256xbf16, fp8>
  return
}

// -----

// qmm.assemble 1: a part's shape
func.func @f(%d: tensor<8x256xf8E4M3FN>, %s: tensor<1xf32>) {
  // expected-error @below {{'qmm.assemble' op component 1 is 'tensor<1xf32>', expected 'tensor<f32>' for '!qmm.tensor<8x256xbf16, fp8>'}}
  %0 = qmm.assemble %d, %s : tensor<8x256xf8E4M3FN>, tensor<1xf32> -> !qmm.tensor<8x256xbf16, fp8>
  return
}

// -----

// qmm.assemble 1: the swizzled scales are padded
func.func @f(%d: tensor<8x256xf8E4M3FN>, %s: tensor<8x8xf8E8M0FNU>) {
  // expected-error @below {{'qmm.assemble' op component 1 is 'tensor<8x8xf8E8M0FNU>', expected 'tensor<128x8xf8E8M0FNU>' for '!qmm.tensor<8x256xbf16, mxfp8, scales = tiled_128x4>'}}
  %0 = qmm.assemble %d, %s : tensor<8x256xf8E4M3FN>, tensor<8x8xf8E8M0FNU> -> !qmm.tensor<8x256xbf16, mxfp8, scales = tiled_128x4>
  return
}

// -----

// qmm.assemble 1: codes that aren't bytes are lo_first
func.func @f(%d: tensor<8x256xf4E2M1FN>, %s: tensor<8x16xf8E4M3FN>, %t: tensor<f32>) {
  // expected-error @below {{'qmm.assemble' op component 0 is 'tensor<8x256xf4E2M1FN>', expected 'tensor<8x128xi8>' for '!qmm.tensor<8x256xbf16, nvfp4, nibbles = hi_first>'}}
  %0 = qmm.assemble %d, %s, %t : tensor<8x256xf4E2M1FN>, tensor<8x16xf8E4M3FN>, tensor<f32> -> !qmm.tensor<8x256xbf16, nvfp4, nibbles = hi_first>
  return
}

// -----

// qmm.assemble 1: codes that aren't bytes have twice the last extent
func.func @f(%d: tensor<8x128xf4E2M1FN>, %s: tensor<8x16xf8E4M3FN>, %t: tensor<f32>) {
  // expected-error @below {{'qmm.assemble' op component 0 is 'tensor<8x128xf4E2M1FN>', expected 'tensor<8x128xi8>' for '!qmm.tensor<8x256xbf16, nvfp4, nibbles = lo_first>'}}
  %0 = qmm.assemble %d, %s, %t : tensor<8x128xf4E2M1FN>, tensor<8x16xf8E4M3FN>, tensor<f32> -> !qmm.tensor<8x256xbf16, nvfp4, nibbles = lo_first>
  return
}

// -----

// qmm.element, of an argument: its kind
// expected-error @below {{'func.func' op attribute 'qmm.element' is a builtin.integer attribute, expected a type}}
func.func private @f(f32 {qmm.element = 1})

// -----

// qmm.disassemble 1: the number of parts
func.func @f(%w: !qmm.tensor<8x256xbf16, fp8>) {
  // expected-error @below {{'qmm.disassemble' op has 1 results, expected 2 for '!qmm.tensor<8x256xbf16, fp8>'}}
  %0 = qmm.disassemble %w : !qmm.tensor<8x256xbf16, fp8> -> tensor<8x256xf8E4M3FN>
  return
}

// -----

// qmm.disassemble 1: a part's type
func.func @f(%w: !qmm.tensor<8x256xbf16, fp8>) {
  // expected-error @below {{'qmm.disassemble' op result 0 is 'tensor<?x256xf8E4M3FN>', expected 'tensor<8x256xf8E4M3FN>' for '!qmm.tensor<8x256xbf16, fp8>'}}
  %0:2 = qmm.disassemble %w : !qmm.tensor<8x256xbf16, fp8> -> tensor<?x256xf8E4M3FN>, tensor<f32>
  return
}

// -----

// qmm.quantize 1: the shape
func.func @f(%x: tensor<9x256xbf16>) {
  // expected-error @below {{'qmm.quantize' op the result is '!qmm.tensor<8x256xbf16, fp8>', expected the shape of the input, 'tensor<9x256xbf16>'}}
  %0 = qmm.quantize %x : tensor<9x256xbf16> -> !qmm.tensor<8x256xbf16, fp8>
  return
}

// -----

// qmm.quantize 1: the rank
func.func @f(%x: tensor<1x8x256xbf16>) {
  // expected-error @below {{'qmm.quantize' op the result is '!qmm.tensor<8x256xbf16, fp8>', expected the shape of the input, 'tensor<1x8x256xbf16>'}}
  %0 = qmm.quantize %x : tensor<1x8x256xbf16> -> !qmm.tensor<8x256xbf16, fp8>
  return
}

// -----

// qmm.quantize 1: the expressed type
func.func @f(%x: tensor<8x256xf16>) {
  // expected-error @below {{'qmm.quantize' op the input's element type is 'f16', expected the result's expressed type, 'bf16'}}
  %0 = qmm.quantize %x : tensor<8x256xf16> -> !qmm.tensor<8x256xbf16, fp8>
  return
}

// -----

// qmm.quantize 2: the scale's type
func.func @f(%x: tensor<8x256xbf16>, %s: tensor<8x1xf32>) {
  // expected-error @below {{'qmm.quantize' op scale is 'tensor<8x1xf32>', expected 'tensor<f32>' for '!qmm.tensor<8x256xbf16, fp8>'}}
  %0 = qmm.quantize %x scale(%s : tensor<8x1xf32>) : tensor<8x256xbf16> -> !qmm.tensor<8x256xbf16, fp8>
  return
}

// -----

// qmm.quantize 3: a tensor scale that the scheme lacks
func.func @f(%x: tensor<8x256xbf16>, %s: tensor<f32>) {
  // expected-error @below {{'qmm.quantize' op a tensor scale is given, expected none: scheme fp8 has no tensor scale}}
  %0 = qmm.quantize %x tensor_scale(%s : tensor<f32>) : tensor<8x256xbf16> -> !qmm.tensor<8x256xbf16, fp8>
  return
}

// -----

// qmm.quantize 3: given scales without the tensor scale
func.func @f(%x: tensor<8x256xbf16>, %s: tensor<8x16xf8E4M3FN>) {
  // expected-error @below {{'qmm.quantize' op the block scales are given without a tensor scale, expected one: scheme nvfp4 has a tensor scale}}
  %0 = qmm.quantize %x scale(%s : tensor<8x16xf8E4M3FN>) : tensor<8x256xbf16> -> !qmm.tensor<8x256xbf16, nvfp4, nibbles = hi_first>
  return
}

// -----

// qmm.quantize 4: the precision
func.func @f(%x: tensor<8x256xbf16>) {
  // expected-error @below {{'qmm.quantize' op precision is 'f64', expected f32, bf16 or f16}}
  %0 = qmm.quantize %x {precision = f64} : tensor<8x256xbf16> -> !qmm.tensor<8x256xbf16, fp8>
  return
}

// -----

// qmm.quantize 5: E8M0 rounding of other scales
func.func @f(%x: tensor<8x256xbf16>) {
  // expected-error @below {{'qmm.quantize' op e8m0_rounding is floor, expected ceil: the scales of scheme fp8 are 'f32'}}
  %0 = qmm.quantize %x {e8m0_rounding = #qmm.e8m0_rounding<floor>} : tensor<8x256xbf16> -> !qmm.tensor<8x256xbf16, fp8>
  return
}

// -----

// qmm.quantize 5: E8M0 rounding of given scales
func.func @f(%x: tensor<8x256xbf16>, %s: tensor<8x8xf8E8M0FNU>) {
  // expected-error @below {{'qmm.quantize' op e8m0_rounding is even, expected ceil: the scales are given}}
  %0 = qmm.quantize %x scale(%s : tensor<8x8xf8E8M0FNU>) {e8m0_rounding = #qmm.e8m0_rounding<even>} : tensor<8x256xbf16> -> !qmm.tensor<8x256xbf16, mxfp8>
  return
}

// -----

// qmm.quantize 6: the precision of given scales
func.func @f(%x: tensor<8x256xbf16>, %s: tensor<f32>) {
  // expected-error @below {{'qmm.quantize' op scale_precision_input is set and a scale is given, expected computed scales}}
  %0 = qmm.quantize %x tensor_scale(%s : tensor<f32>) {scale_precision_input} : tensor<8x256xbf16> -> !qmm.tensor<8x256xbf16, nvfp4, nibbles = hi_first>
  return
}

// -----

// qmm.dequantize 1: the shape
func.func @f(%w: !qmm.tensor<8x256xbf16, fp8>) {
  // expected-error @below {{'qmm.dequantize' op the result is 'tensor<8x255xbf16>', expected the shape of the input, '!qmm.tensor<8x256xbf16, fp8>'}}
  %0 = qmm.dequantize %w : !qmm.tensor<8x256xbf16, fp8> -> tensor<8x255xbf16>
  return
}

// -----

// qmm.relayout 1: another scheme
func.func @f(%w: !qmm.tensor<8x256xbf16, fp8>) {
  // expected-error @below {{'qmm.relayout' op the result is '!qmm.tensor<8x256xbf16, fp8_row>', expected '!qmm.tensor<8x256xbf16, fp8>' in another layout}}
  %0 = qmm.relayout %w : !qmm.tensor<8x256xbf16, fp8> -> !qmm.tensor<8x256xbf16, fp8_row>
  return
}

// -----

// qmm.relayout 1: another shape
func.func @f(%w: !qmm.tensor<8x256xbf16, fp8>) {
  // expected-error @below {{'qmm.relayout' op the result is '!qmm.tensor<?x256xbf16, fp8>', expected '!qmm.tensor<8x256xbf16, fp8>' in another layout}}
  %0 = qmm.relayout %w : !qmm.tensor<8x256xbf16, fp8> -> !qmm.tensor<?x256xbf16, fp8>
  return
}

// -----

// qmm.scaled_matmul 1: the rank of a
func.func @f(%a: tensor<256xbf16>, %b: !qmm.tensor<1024x256xbf16, fp8>) {
  // expected-error @below {{'qmm.scaled_matmul' op a is 'tensor<256xbf16>', expected at least 2 dimensions}}
  %0 = qmm.scaled_matmul %a, %b : tensor<256xbf16>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<1024xbf16>
  return
}

// -----

// qmm.scaled_matmul 1: the rank of b
func.func @f(%a: tensor<2x8x256xbf16>, %b: tensor<1x2x1024x256xbf16>) {
  // expected-error @below {{'qmm.scaled_matmul' op b is 'tensor<1x2x1024x256xbf16>', expected rank 2 or a's rank, 3}}
  %0 = qmm.scaled_matmul %a, %b : tensor<2x8x256xbf16>, tensor<1x2x1024x256xbf16> -> tensor<2x8x1024xbf16>
  return
}

// -----

// qmm.scaled_matmul 2: K
func.func @f(%a: tensor<?x128xbf16>, %b: !qmm.tensor<1024x256xbf16, fp8>) {
  // expected-error @below {{'qmm.scaled_matmul' op a is 'tensor<?x128xbf16>' and b is '!qmm.tensor<1024x256xbf16, fp8>', expected the same last extent, K}}
  %0 = qmm.scaled_matmul %a, %b : tensor<?x128xbf16>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<?x1024xbf16>
  return
}

// -----

// qmm.scaled_matmul 2: the batch
func.func @f(%a: tensor<2x?x256xbf16>, %b: tensor<3x1024x256xbf16>) {
  // expected-error @below {{'qmm.scaled_matmul' op a is 'tensor<2x?x256xbf16>' and b is 'tensor<3x1024x256xbf16>', expected the same batch dimensions}}
  %0 = qmm.scaled_matmul %a, %b : tensor<2x?x256xbf16>, tensor<3x1024x256xbf16> -> tensor<2x?x1024xbf16>
  return
}

// -----

// qmm.scaled_matmul 3: the result's shape
func.func @f(%a: !qmm.tensor<?x256xbf16, fp8>, %b: !qmm.tensor<1024x256xbf16, fp8>) {
  // expected-error @below {{'qmm.scaled_matmul' op the result is 'tensor<?x1023xbf16>', expected the shape of 'tensor<?x1024xbf16>'}}
  %0 = qmm.scaled_matmul %a, %b : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<?x1023xbf16>
  return
}

// -----

// qmm.scaled_matmul 3: the result's rank
func.func @f(%a: !qmm.tensor<?x256xbf16, fp8>, %b: !qmm.tensor<1024x256xbf16, fp8>) {
  // expected-error @below {{'qmm.scaled_matmul' op the result is 'tensor<1x?x1024xbf16>', expected the shape of 'tensor<?x1024xbf16>'}}
  %0 = qmm.scaled_matmul %a, %b : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<1x?x1024xbf16>
  return
}

// -----

// qmm.scaled_matmul 4: the bias
func.func @f(%a: !qmm.tensor<?x256xbf16, fp8>, %b: !qmm.tensor<1024x256xbf16, fp8>, %c: tensor<256xbf16>) {
  // expected-error @below {{'qmm.scaled_matmul' op bias is 'tensor<256xbf16>', expected rank 1 of N, the second-to-last extent of b, '!qmm.tensor<1024x256xbf16, fp8>'}}
  %0 = qmm.scaled_matmul %a, %b bias(%c : tensor<256xbf16>) : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<?x1024xbf16>
  return
}

// -----

// qmm.scaled_matmul 4: the rank of the bias
func.func @f(%a: !qmm.tensor<?x256xbf16, fp8>, %b: !qmm.tensor<1024x256xbf16, fp8>, %c: tensor<1x1024xbf16>) {
  // expected-error @below {{'qmm.scaled_matmul' op bias is 'tensor<1x1024xbf16>', expected rank 1 of N, the second-to-last extent of b, '!qmm.tensor<1024x256xbf16, fp8>'}}
  %0 = qmm.scaled_matmul %a, %b bias(%c : tensor<1x1024xbf16>) : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<?x1024xbf16>
  return
}

// -----

// qmm.scaled_matmul 4: the residual
func.func @f(%a: !qmm.tensor<?x256xbf16, fp8>, %b: !qmm.tensor<1024x256xbf16, fp8>, %c: tensor<1024xbf16>) {
  // expected-error @below {{'qmm.scaled_matmul' op residual is 'tensor<1024xbf16>', expected the shape of the result, 'tensor<?x1024xbf16>'}}
  %0 = qmm.scaled_matmul %a, %b residual(%c : tensor<1024xbf16>) : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<?x1024xbf16>
  return
}

// -----

// qmm.scaled_matmul 5: a result of one scale needs it
func.func @f(%a: !qmm.tensor<?x256xbf16, fp8>, %b: !qmm.tensor<1024x256xbf16, fp8>) {
  // expected-error @below {{'qmm.scaled_matmul' op the result is '!qmm.tensor<?x1024xbf16, fp8>' and no out_scale is given, expected its scale}}
  %0 = qmm.scaled_matmul %a, %b : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<1024x256xbf16, fp8> -> !qmm.tensor<?x1024xbf16, fp8>
  return
}

// -----

// qmm.scaled_matmul 5: a result with a tensor scale needs it
func.func @f(%a: !qmm.tensor<?x256xbf16, fp8>, %b: !qmm.tensor<1024x256xbf16, fp8>) {
  // expected-error @below {{'qmm.scaled_matmul' op the result is '!qmm.tensor<?x1024xbf16, nvfp4, nibbles = lo_first>' and no out_scale is given, expected its tensor scale}}
  %0 = qmm.scaled_matmul %a, %b : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<1024x256xbf16, fp8> -> !qmm.tensor<?x1024xbf16, nvfp4, nibbles = lo_first>
  return
}

// -----

// qmm.scaled_matmul 5: out_scale of a wide result
func.func @f(%a: !qmm.tensor<?x256xbf16, fp8>, %b: !qmm.tensor<1024x256xbf16, fp8>, %s: tensor<f32>) {
  // expected-error @below {{'qmm.scaled_matmul' op out_scale is given, expected none: the result, 'tensor<?x1024xbf16>', is wide}}
  %0 = qmm.scaled_matmul %a, %b out_scale(%s : tensor<f32>) : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<?x1024xbf16>
  return
}

// -----

// qmm.scaled_matmul 5: out_scale of computed scales
func.func @f(%a: !qmm.tensor<?x256xbf16, fp8>, %b: !qmm.tensor<1024x256xbf16, fp8>, %s: tensor<f32>) {
  // expected-error @below {{'qmm.scaled_matmul' op out_scale is given, expected none: every scale of the result, '!qmm.tensor<?x1024xbf16, mxfp8>', is computed}}
  %0 = qmm.scaled_matmul %a, %b out_scale(%s : tensor<f32>) : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<1024x256xbf16, fp8> -> !qmm.tensor<?x1024xbf16, mxfp8>
  return
}

// -----

// qmm.scaled_matmul 5: a result of f32 scales
func.func @f(%a: !qmm.tensor<?x256xbf16, fp8>, %b: !qmm.tensor<1024x256xbf16, fp8>) {
  // expected-error @below {{'qmm.scaled_matmul' op the result is '!qmm.tensor<?x1024xbf16, fp8_row>', expected a scheme of one scale, or of E8M0 or E4M3 scales}}
  %0 = qmm.scaled_matmul %a, %b : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<1024x256xbf16, fp8> -> !qmm.tensor<?x1024xbf16, fp8_row>
  return
}

// -----

// qmm.scaled_matmul 5: a padded result
func.func @f(%a: !qmm.tensor<?x256xbf16, fp8>, %b: !qmm.tensor<1024x256xbf16, fp8>) {
  // expected-error @below {{'qmm.scaled_matmul' op the result is '!qmm.tensor<?x1024xbf16, mxfp8, pad = [1, 2048]>', expected a layout without padding}}
  %0 = qmm.scaled_matmul %a, %b : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<1024x256xbf16, fp8> -> !qmm.tensor<?x1024xbf16, mxfp8, pad = [1, 2048]>
  return
}

// -----

// qmm.scaled_matmul 8: the type of a precision
func.func @f(%a: !qmm.tensor<?x256xbf16, fp8>, %b: !qmm.tensor<1024x256xbf16, fp8>) {
  // expected-error @below {{'qmm.scaled_matmul' op a_precision is 'f64', expected f32, bf16 or f16}}
  %0 = qmm.scaled_matmul %a, %b {a_precision = f64} : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<?x1024xbf16>
  return
}

// -----

// qmm.scaled_matmul 8: a precision of a wide operand
func.func @f(%a: !qmm.tensor<?x256xbf16, fp8>, %b: tensor<1024x256xbf16>) {
  // expected-error @below {{'qmm.scaled_matmul' op b_precision is given, expected none: b is 'tensor<1024x256xbf16>', which has no scales}}
  %0 = qmm.scaled_matmul %a, %b {a_precision = bf16, b_precision = bf16} : !qmm.tensor<?x256xbf16, fp8>, tensor<1024x256xbf16> -> tensor<?x1024xbf16>
  return
}

// -----

// qmm.scaled_matmul 6: nibble orders
func.func @f(%a: !qmm.tensor<?x256xbf16, nvfp4, nibbles = lo_first>, %b: !qmm.tensor<1024x256xbf16, mxfp4, nibbles = hi_first>) {
  // expected-error @below {{'qmm.scaled_matmul' op a's nibble order is lo_first and b's is hi_first, expected the same (qmm.relayout swaps them)}}
  %0 = qmm.scaled_matmul %a, %b : !qmm.tensor<?x256xbf16, nvfp4, nibbles = lo_first>, !qmm.tensor<1024x256xbf16, mxfp4, nibbles = hi_first> -> tensor<?x1024xbf16>
  return
}

// -----

// qmm.linear 1: the rank of the input
func.func @f(%x: tensor<bf16>, %w: !qmm.tensor<1024x256xbf16, fp8>) {
  // expected-error @below {{'qmm.linear' op the input is 'tensor<bf16>', expected at least 1 dimension}}
  %0 = qmm.linear %x, %w : tensor<bf16>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<1024xbf16>
  return
}

// -----

// qmm.linear 1: the rank of the weight
func.func @f(%x: tensor<?x256xbf16>, %w: tensor<2x1024x256xbf16>) {
  // expected-error @below {{'qmm.linear' op the weight is 'tensor<2x1024x256xbf16>', expected rank 2, N x K}}
  %0 = qmm.linear %x, %w : tensor<?x256xbf16>, tensor<2x1024x256xbf16> -> tensor<?x1024xbf16>
  return
}

// -----

// qmm.linear 1: K
func.func @f(%x: tensor<?x255xbf16>, %w: !qmm.tensor<1024x256xbf16, fp8>) {
  // expected-error @below {{'qmm.linear' op the input is 'tensor<?x255xbf16>' and the weight is '!qmm.tensor<1024x256xbf16, fp8>', expected the same last extent, K}}
  %0 = qmm.linear %x, %w : tensor<?x255xbf16>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<?x1024xbf16>
  return
}

// -----

// qmm.linear 1: the result's shape
func.func @f(%x: tensor<?x256xbf16>, %w: !qmm.tensor<1024x256xbf16, fp8>) {
  // expected-error @below {{'qmm.linear' op the result is 'tensor<?x256xbf16>', expected the shape of 'tensor<?x1024xbf16>'}}
  %0 = qmm.linear %x, %w : tensor<?x256xbf16>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<?x256xbf16>
  return
}

// -----

// qmm.linear 2: the bias
func.func @f(%x: tensor<?x256xbf16>, %w: !qmm.tensor<1024x256xbf16, fp8>, %c: tensor<256xbf16>) {
  // expected-error @below {{'qmm.linear' op bias is 'tensor<256xbf16>', expected rank 1 of N, the first extent of the weight, '!qmm.tensor<1024x256xbf16, fp8>'}}
  %0 = qmm.linear %x, %w bias(%c : tensor<256xbf16>) : tensor<?x256xbf16>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<?x1024xbf16>
  return
}

// -----

// qmm.linear 2: the pre_quant_scale
func.func @f(%x: tensor<?x256xbf16>, %w: !qmm.tensor<1024x256xbf16, fp8>, %c: tensor<1024xbf16>) {
  // expected-error @below {{'qmm.linear' op pre_quant_scale is 'tensor<1024xbf16>', expected rank 1 of K, the last extent of the weight, '!qmm.tensor<1024x256xbf16, fp8>'}}
  %0 = qmm.linear %x, %w pre_quant_scale(%c : tensor<1024xbf16>) : tensor<?x256xbf16>, !qmm.tensor<1024x256xbf16, fp8> -> tensor<?x1024xbf16>
  return
}

// -----

// qmm.dim 1: the index
func.func @f(%x: !qmm.tensor<8x256xbf16, fp8>) {
  // expected-error @below {{'qmm.dim' op index is 2, expected 0 to 1 for '!qmm.tensor<8x256xbf16, fp8>'}}
  %0 = qmm.dim %x, 2 : !qmm.tensor<8x256xbf16, fp8>
  return
}

// -----

// qmm.dim 1: the index
func.func @f(%x: !qmm.tensor<8x256xbf16, fp8>) {
  // expected-error @below {{'qmm.dim' op index is -1, expected 0 to 1 for '!qmm.tensor<8x256xbf16, fp8>'}}
  %0 = qmm.dim %x, -1 : !qmm.tensor<8x256xbf16, fp8>
  return
}

// -----

// qmm.slice 1: the number of offsets
func.func @f(%x: !qmm.tensor<64x256xbf16, mxfp8>) {
  // expected-error @below {{'qmm.slice' op has 1 offsets, expected 2, one a dimension of '!qmm.tensor<64x256xbf16, mxfp8>'}}
  %0 = qmm.slice %x [0] [64, 256] : !qmm.tensor<64x256xbf16, mxfp8> -> !qmm.tensor<64x256xbf16, mxfp8>
  return
}

// -----

// qmm.slice 1: the number of sizes
func.func @f(%x: !qmm.tensor<64x256xbf16, mxfp8>) {
  // expected-error @below {{'qmm.slice' op has 3 sizes, expected 2, one a dimension of '!qmm.tensor<64x256xbf16, mxfp8>'}}
  %0 = qmm.slice %x [0, 0] [64, 256, 1] : !qmm.tensor<64x256xbf16, mxfp8> -> !qmm.tensor<64x256xbf16, mxfp8>
  return
}

// -----

// qmm.slice 1: inside the input
func.func @f(%x: !qmm.tensor<64x256xbf16, mxfp8>) {
  // expected-error @below {{'qmm.slice' op takes 33 elements from 32 of dimension 0 of '!qmm.tensor<64x256xbf16, mxfp8>', expected a range inside it}}
  %0 = qmm.slice %x [32, 0] [33, 256] : !qmm.tensor<64x256xbf16, mxfp8> -> !qmm.tensor<33x256xbf16, mxfp8>
  return
}

// -----

// qmm.slice 1: inside the input
func.func @f(%x: !qmm.tensor<64x256xbf16, mxfp8>) {
  // expected-error @below {{'qmm.slice' op takes 8 elements from -1 of dimension 0 of '!qmm.tensor<64x256xbf16, mxfp8>', expected a range inside it}}
  %0 = qmm.slice %x [-1, 0] [8, 256] : !qmm.tensor<64x256xbf16, mxfp8> -> !qmm.tensor<8x256xbf16, mxfp8>
  return
}

// -----

// qmm.slice 1: inside the input
func.func @f(%x: !qmm.tensor<64x256xbf16, mxfp8>) {
  // expected-error @below {{'qmm.slice' op takes 9223372036854775807 elements from 9223372036854775807 of dimension 0 of '!qmm.tensor<64x256xbf16, mxfp8>', expected a range inside it}}
  %0 = qmm.slice %x [9223372036854775807, 0] [9223372036854775807, 256] : !qmm.tensor<64x256xbf16, mxfp8> -> !qmm.tensor<8x256xbf16, mxfp8>
  return
}

// -----

// qmm.slice 1: a dynamic dimension is taken whole
func.func @f(%x: !qmm.tensor<?x256xbf16, fp8>) {
  // expected-error @below {{'qmm.slice' op takes 8 elements from 0 of dimension 0 of '!qmm.tensor<?x256xbf16, fp8>', expected all (0, -1): the dimension is dynamic}}
  %0 = qmm.slice %x [0, 0] [8, 256] : !qmm.tensor<?x256xbf16, fp8> -> !qmm.tensor<8x256xbf16, fp8>
  return
}

// -----

// qmm.slice 2: an offset inside a block
func.func @f(%x: !qmm.tensor<64x256xbf16, mxfp8>) {
  // expected-error @below {{'qmm.slice' op has offset 16 in dimension 1 of '!qmm.tensor<64x256xbf16, mxfp8>', expected a multiple of 32}}
  %0 = qmm.slice %x [0, 16] [64, 32] : !qmm.tensor<64x256xbf16, mxfp8> -> !qmm.tensor<64x32xbf16, mxfp8>
  return
}

// -----

// qmm.slice 2: an offset inside a block of rows
func.func @f(%x: !qmm.tensor<256x256xbf16, fp8_128x128>) {
  // expected-error @below {{'qmm.slice' op has offset 64 in dimension 0 of '!qmm.tensor<256x256xbf16, fp8_128x128>', expected a multiple of 128}}
  %0 = qmm.slice %x [64, 0] [128, 256] : !qmm.tensor<256x256xbf16, fp8_128x128> -> !qmm.tensor<128x256xbf16, fp8_128x128>
  return
}

// -----

// qmm.slice 2: a size of part of a block
func.func @f(%x: !qmm.tensor<256x256xbf16, fp8_128x128>) {
  // expected-error @below {{'qmm.slice' op has size 100 in dimension 1 of '!qmm.tensor<256x256xbf16, fp8_128x128>', expected a multiple of 128, or the rest}}
  %0 = qmm.slice %x [0, 0] [256, 100] : !qmm.tensor<256x256xbf16, fp8_128x128> -> !qmm.tensor<256x100xbf16, fp8_128x128>
  return
}

// -----

// qmm.slice 2: an odd offset of 4-bit elements
func.func @f(%x: !qmm.tensor<64x256xbf16, f4E2M1FN block = [1, *] scale = f32, nibbles = hi_first>) {
  // expected-error @below {{'qmm.slice' op has offset 3 in dimension 1 of '!qmm.tensor<64x256xbf16, f4E2M1FN block = [1, *] scale = f32, nibbles = hi_first>', expected a multiple of 2}}
  %0 = qmm.slice %x [0, 3] [64, 253] : !qmm.tensor<64x256xbf16, f4E2M1FN block = [1, *] scale = f32, nibbles = hi_first> -> !qmm.tensor<64x253xbf16, f4E2M1FN block = [1, *] scale = f32, nibbles = hi_first>
  return
}

// -----

// qmm.slice 3: the layout is plain
func.func @f(%x: !qmm.tensor<64x256xbf16, mxfp8, scales = tiled_128x4>) {
  // expected-error @below {{'qmm.slice' op operates on '!qmm.tensor<64x256xbf16, mxfp8, scales = tiled_128x4>', expected linear scales and no padding}}
  %0 = qmm.slice %x [0, 0] [32, 256] : !qmm.tensor<64x256xbf16, mxfp8, scales = tiled_128x4> -> !qmm.tensor<32x256xbf16, mxfp8, scales = tiled_128x4>
  return
}

// -----

// qmm.slice 4: the result's shape
func.func @f(%x: !qmm.tensor<64x256xbf16, mxfp8>) {
  // expected-error @below {{'qmm.slice' op the result is '!qmm.tensor<64x256xbf16, mxfp8>', expected '!qmm.tensor<64x256xbf16, mxfp8>' with the shape 32x256}}
  %0 = qmm.slice %x [0, 0] [32, 256] : !qmm.tensor<64x256xbf16, mxfp8> -> !qmm.tensor<64x256xbf16, mxfp8>
  return
}

// -----

// qmm.slice 4: the result's scheme
func.func @f(%x: !qmm.tensor<64x256xbf16, mxfp8>) {
  // expected-error @below {{'qmm.slice' op the result is '!qmm.tensor<32x256xbf16, fp8>', expected '!qmm.tensor<64x256xbf16, mxfp8>' with the shape 32x256}}
  %0 = qmm.slice %x [0, 0] [32, 256] : !qmm.tensor<64x256xbf16, mxfp8> -> !qmm.tensor<32x256xbf16, fp8>
  return
}

// -----

// qmm.reshape 1: the scheme
func.func @f(%x: !qmm.tensor<64x256xbf16, mxfp8>) {
  // expected-error @below {{'qmm.reshape' op the result is '!qmm.tensor<2x32x256xbf16, fp8>', expected '!qmm.tensor<64x256xbf16, mxfp8>' with the shape 2x32x256}}
  %0 = qmm.reshape %x : !qmm.tensor<64x256xbf16, mxfp8> -> !qmm.tensor<2x32x256xbf16, fp8>
  return
}

// -----

// qmm.reshape 1: K
func.func @f(%x: !qmm.tensor<64x256xbf16, mxfp8>) {
  // expected-error @below {{'qmm.reshape' op the result is '!qmm.tensor<32x512xbf16, mxfp8>', expected the last extent, K, of '!qmm.tensor<64x256xbf16, mxfp8>'}}
  %0 = qmm.reshape %x : !qmm.tensor<64x256xbf16, mxfp8> -> !qmm.tensor<32x512xbf16, mxfp8>
  return
}

// -----

// qmm.reshape 1: the layout is plain
func.func @f(%x: !qmm.tensor<64x256xbf16, mxfp8, scales = tiled_128x4>) {
  // expected-error @below {{'qmm.reshape' op operates on '!qmm.tensor<64x256xbf16, mxfp8, scales = tiled_128x4>', expected linear scales and no padding}}
  %0 = qmm.reshape %x : !qmm.tensor<64x256xbf16, mxfp8, scales = tiled_128x4> -> !qmm.tensor<2x32x256xbf16, mxfp8, scales = tiled_128x4>
  return
}

// -----

// qmm.reshape 1: the number of elements
func.func @f(%x: !qmm.tensor<64x256xbf16, mxfp8>) {
  // expected-error @below {{'qmm.reshape' op reshapes '!qmm.tensor<64x256xbf16, mxfp8>' to '!qmm.tensor<2x64x256xbf16, mxfp8>', expected the same number of elements, and a dynamic dimension on both sides or none}}
  %0 = qmm.reshape %x : !qmm.tensor<64x256xbf16, mxfp8> -> !qmm.tensor<2x64x256xbf16, mxfp8>
  return
}

// -----

// qmm.reshape 1: static to dynamic
func.func @f(%x: !qmm.tensor<64x256xbf16, mxfp8>) {
  // expected-error @below {{'qmm.reshape' op reshapes '!qmm.tensor<64x256xbf16, mxfp8>' to '!qmm.tensor<?x32x256xbf16, mxfp8>', expected the same number of elements, and a dynamic dimension on both sides or none}}
  %0 = qmm.reshape %x : !qmm.tensor<64x256xbf16, mxfp8> -> !qmm.tensor<?x32x256xbf16, mxfp8>
  return
}

// -----

// qmm.reshape 1: two dynamic dimensions
func.func @f(%x: !qmm.tensor<?x256xbf16, mxfp8>) {
  // expected-error @below {{'qmm.reshape' op reshapes '!qmm.tensor<?x256xbf16, mxfp8>' to '!qmm.tensor<?x?x256xbf16, mxfp8>', expected at most one dynamic dimension each}}
  %0 = qmm.reshape %x : !qmm.tensor<?x256xbf16, mxfp8> -> !qmm.tensor<?x?x256xbf16, mxfp8>
  return
}

// -----

// qmm.reshape 2: blocks of several rows
func.func @f(%x: !qmm.tensor<256x256xbf16, fp8_128x128>) {
  // expected-error @below {{'qmm.reshape' op the result is '!qmm.tensor<2x128x256xbf16, fp8_128x128>', expected the last two dimensions of '!qmm.tensor<256x256xbf16, fp8_128x128>': blocks of scheme fp8_128x128 cover several rows}}
  %0 = qmm.reshape %x : !qmm.tensor<256x256xbf16, fp8_128x128> -> !qmm.tensor<2x128x256xbf16, fp8_128x128>
  return
}

// -----

// qmm.reshape 2: blocks of all rows
func.func @f(%x: !qmm.tensor<64x256xbf16, f8E4M3FN block = [*, 32] scale = f32>) {
  // expected-error @below {{'qmm.reshape' op the result is '!qmm.tensor<2x32x256xbf16, f8E4M3FN block = [*, 32] scale = f32>', expected the last two dimensions of '!qmm.tensor<64x256xbf16, f8E4M3FN block = [*, 32] scale = f32>': blocks of scheme f8E4M3FN block = [*, 32] scale = f32 cover several rows}}
  %0 = qmm.reshape %x : !qmm.tensor<64x256xbf16, f8E4M3FN block = [*, 32] scale = f32> -> !qmm.tensor<2x32x256xbf16, f8E4M3FN block = [*, 32] scale = f32>
  return
}

// -----

// qmm.reshape 2: blocks of a dynamic number of rows
func.func @f(%x: !qmm.tensor<?x256xbf16, fp8_128x128>) {
  // expected-error @below {{'qmm.reshape' op the result is '!qmm.tensor<2x?x256xbf16, fp8_128x128>', expected the last two dimensions of '!qmm.tensor<?x256xbf16, fp8_128x128>': blocks of scheme fp8_128x128 cover several rows}}
  %0 = qmm.reshape %x : !qmm.tensor<?x256xbf16, fp8_128x128> -> !qmm.tensor<2x?x256xbf16, fp8_128x128>
  return
}

// -----

// qmm.transpose 1: a permutation
func.func @f(%x: !qmm.tensor<8x256xbf16, fp8>) {
  // expected-error @below {{'qmm.transpose' op permutation is [1, 1], expected each of 0 to 1 once}}
  %0 = qmm.transpose %x [1, 1] : !qmm.tensor<8x256xbf16, fp8> -> !qmm.tensor<256x8xbf16, fp8>
  return
}

// -----

// qmm.transpose 1: of every dimension
func.func @f(%x: !qmm.tensor<8x256xbf16, fp8>) {
  // expected-error @below {{'qmm.transpose' op has 1 permutation entries, expected 2, one a dimension of '!qmm.tensor<8x256xbf16, fp8>'}}
  %0 = qmm.transpose %x [0] : !qmm.tensor<8x256xbf16, fp8> -> !qmm.tensor<8x256xbf16, fp8>
  return
}

// -----

// qmm.transpose 2: K of a scheme of several scales
func.func @f(%x: !qmm.tensor<64x256xbf16, mxfp8>) {
  // expected-error @below {{'qmm.transpose' op permutation [1, 0] moves the last two dimensions of '!qmm.tensor<64x256xbf16, mxfp8>', expected a scheme of one scale and 8-bit elements}}
  %0 = qmm.transpose %x [1, 0] : !qmm.tensor<64x256xbf16, mxfp8> -> !qmm.tensor<256x64xbf16, mxfp8>
  return
}

// -----

// qmm.transpose 2: K of 4-bit elements
func.func @f(%x: !qmm.tensor<64x256xbf16, f4E2M1FN block = [*, *] scale = f32, nibbles = hi_first>) {
  // expected-error @below {{'qmm.transpose' op permutation [1, 0] moves the last two dimensions of '!qmm.tensor<64x256xbf16, f4E2M1FN block = [*, *] scale = f32, nibbles = hi_first>', expected a scheme of one scale and 8-bit elements}}
  %0 = qmm.transpose %x [1, 0] : !qmm.tensor<64x256xbf16, f4E2M1FN block = [*, *] scale = f32, nibbles = hi_first> -> !qmm.tensor<256x64xbf16, f4E2M1FN block = [*, *] scale = f32, nibbles = hi_first>
  return
}

// -----

// qmm.transpose 3: the layout is plain
func.func @f(%x: !qmm.tensor<8x250xbf16, fp8, pad = [1, 16]>) {
  // expected-error @below {{'qmm.transpose' op operates on '!qmm.tensor<8x250xbf16, fp8, pad = [1, 16]>', expected linear scales and no padding}}
  %0 = qmm.transpose %x [1, 0] : !qmm.tensor<8x250xbf16, fp8, pad = [1, 16]> -> !qmm.tensor<250x8xbf16, fp8, pad = [1, 16]>
  return
}

// -----

// qmm.transpose 3: the result's shape
func.func @f(%x: !qmm.tensor<8x256xbf16, fp8>) {
  // expected-error @below {{'qmm.transpose' op the result is '!qmm.tensor<8x256xbf16, fp8>', expected '!qmm.tensor<8x256xbf16, fp8>' with the shape 256x8}}
  %0 = qmm.transpose %x [1, 0] : !qmm.tensor<8x256xbf16, fp8> -> !qmm.tensor<8x256xbf16, fp8>
  return
}

// -----

// qmm.pad 1: the number of amounts
func.func @f(%x: !qmm.tensor<8x256xbf16, fp8>) {
  // expected-error @below {{'qmm.pad' op has 1 amounts, expected 2, one a dimension of '!qmm.tensor<8x256xbf16, fp8>'}}
  %0 = qmm.pad %x [1] : !qmm.tensor<8x256xbf16, fp8> -> !qmm.tensor<8x256xbf16, fp8>
  return
}

// -----

// qmm.pad 1: a negative amount
func.func @f(%x: !qmm.tensor<8x256xbf16, fp8>) {
  // expected-error @below {{'qmm.pad' op pads dimension 0 by -1, expected at least 0}}
  %0 = qmm.pad %x [-1, 0] : !qmm.tensor<8x256xbf16, fp8> -> !qmm.tensor<7x256xbf16, fp8>
  return
}

// -----

// qmm.pad 1: a dynamic dimension
func.func @f(%x: !qmm.tensor<?x256xbf16, fp8>) {
  // expected-error @below {{'qmm.pad' op pads dimension 0 of '!qmm.tensor<?x256xbf16, fp8>', expected a static extent}}
  %0 = qmm.pad %x [1, 0] : !qmm.tensor<?x256xbf16, fp8> -> !qmm.tensor<?x256xbf16, fp8>
  return
}

// -----

// qmm.pad 2: the layout is plain
func.func @f(%x: !qmm.tensor<64x256xbf16, mxfp8, scales = tiled_128x4>) {
  // expected-error @below {{'qmm.pad' op operates on '!qmm.tensor<64x256xbf16, mxfp8, scales = tiled_128x4>', expected linear scales and no padding}}
  %0 = qmm.pad %x [64, 0] : !qmm.tensor<64x256xbf16, mxfp8, scales = tiled_128x4> -> !qmm.tensor<128x256xbf16, mxfp8, scales = tiled_128x4>
  return
}

// -----

// qmm.pad 2: part of a block before
func.func @f(%x: !qmm.tensor<130x96xbf16, fp8_128x128>) {
  // expected-error @below {{'qmm.pad' op pads dimension 0 of '!qmm.tensor<130x96xbf16, fp8_128x128>' to 256, expected multiples of 128 before and after}}
  %0 = qmm.pad %x [126, 0] : !qmm.tensor<130x96xbf16, fp8_128x128> -> !qmm.tensor<256x96xbf16, fp8_128x128>
  return
}

// -----

// qmm.pad 2: part of a block after
func.func @f(%x: !qmm.tensor<64x256xbf16, mxfp8>) {
  // expected-error @below {{'qmm.pad' op pads dimension 1 of '!qmm.tensor<64x256xbf16, mxfp8>' to 272, expected multiples of 32 before and after}}
  %0 = qmm.pad %x [0, 16] : !qmm.tensor<64x256xbf16, mxfp8> -> !qmm.tensor<64x272xbf16, mxfp8, pad = [1, 32]>
  return
}

// -----

// qmm.pad 3: the result's shape
func.func @f(%x: !qmm.tensor<8x256xbf16, fp8>) {
  // expected-error @below {{'qmm.pad' op the result is '!qmm.tensor<8x256xbf16, fp8>', expected '!qmm.tensor<8x256xbf16, fp8>' with the shape 16x256}}
  %0 = qmm.pad %x [8, 0] : !qmm.tensor<8x256xbf16, fp8> -> !qmm.tensor<8x256xbf16, fp8>
  return
}
