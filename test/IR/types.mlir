// The type's spelling: what is printed is the shortest, whatever was written.
// RUN: quant-opt %s | FileCheck %s
// RUN: quant-opt %s --emit-bytecode | quant-opt | FileCheck %s

// CHECK-LABEL: func private @presets(
// CHECK-SAME: !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<8x256xf16, fp8_e5m2>, !qmm.tensor<8x256xf32, fp8_row>,
// CHECK-SAME: !qmm.tensor<8x200xbf16, fp8_1x128>, !qmm.tensor<8x200xbf16, fp8_128x128>,
// CHECK-SAME: !qmm.tensor<8x256xbf16, mxfp8>, !qmm.tensor<8x256xbf16, mxfp8_e5m2>,
// CHECK-SAME: !qmm.tensor<8x256xbf16, mxfp4, nibbles = lo_first>, !qmm.tensor<8x256xbf16, nvfp4, nibbles = hi_first>,
// CHECK-SAME: !qmm.tensor<2x3x?x?xbf16, int8>, !qmm.tensor<?x?xbf16, int8_row>, !qmm.tensor<?x256xbf16, int8_128x128>)
func.func private @presets(
  !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<8x256xf16, fp8_e5m2>,
  !qmm.tensor<8x256xf32, fp8_row>, !qmm.tensor<8x200xbf16, fp8_1x128>,
  !qmm.tensor<8x200xbf16, fp8_128x128>, !qmm.tensor<8x256xbf16, mxfp8>,
  !qmm.tensor<8x256xbf16, mxfp8_e5m2>, !qmm.tensor<8x256xbf16, mxfp4, nibbles = lo_first>,
  !qmm.tensor<8x256xbf16, nvfp4, nibbles = hi_first>, !qmm.tensor<2x3x?x?xbf16, int8>,
  !qmm.tensor<?x?xbf16, int8_row>, !qmm.tensor<?x256xbf16, int8_128x128>)

// A spelled-out scheme that has a preset's name gets it.
// CHECK-LABEL: func private @schemes(
// CHECK-SAME: !qmm.tensor<8x256xbf16, mxfp8>, !qmm.tensor<8x256xbf16, fp8>,
// CHECK-SAME: !qmm.tensor<130x96xbf16, f8E4M3FN block = [64, 64] scale = f32>,
// CHECK-SAME: !qmm.tensor<130x96xbf16, f8E5M2 block = [*, 32] scale = f8E8M0FNU>,
// CHECK-SAME: !qmm.tensor<8x64xbf16, f4E2M1FN block = [1, *] scale = f32 tensor_scale, nibbles = lo_first>)
func.func private @schemes(
  !qmm.tensor<8x256xbf16, f8E4M3FN block = [1, 32] scale = f8E8M0FNU>,
  !qmm.tensor<8x256xbf16, f8E4M3FN block = [*, *] scale = f32>,
  !qmm.tensor<130x96xbf16, f8E4M3FN block = [64, 64] scale = f32>,
  !qmm.tensor<130x96xbf16, f8E5M2 block = [*, 32] scale = f8E8M0FNU>,
  !qmm.tensor<8x64xbf16, f4E2M1FN block = [1, *] scale = f32 tensor_scale, nibbles = lo_first>)

// Layout fields in any order; defaults aren't printed.
// CHECK-LABEL: func private @layouts(
// CHECK-SAME: !qmm.tensor<1024x256xbf16, nvfp4, scales = tiled_128x4, nibbles = hi_first, pad = [16, 16]>,
// CHECK-SAME: !qmm.tensor<?x256xbf16, fp8_1x128, scales = outer_major, scale_pad = 4>,
// CHECK-SAME: !qmm.tensor<256x256xbf16, fp8_128x128, scales = blocks_128x128>,
// CHECK-SAME: !qmm.tensor<?x250xbf16, mxfp8, pad = [1, 32]>,
// CHECK-SAME: !qmm.tensor<8x256xbf16, fp8>)
func.func private @layouts(
  !qmm.tensor<1024x256xbf16, nvfp4, pad = [16, 16], nibbles = hi_first, scales = tiled_128x4>,
  !qmm.tensor<?x256xbf16, fp8_1x128, scales = outer_major, scale_pad = 4>,
  !qmm.tensor<256x256xbf16, fp8_128x128, scales = blocks_128x128, scale_pad = 1>,
  !qmm.tensor<?x250xbf16, mxfp8, pad = [1, 32]>,
  !qmm.tensor<8x256xbf16, fp8, scales = linear, nibbles = none, pad = [1, 1]>)

// Empty extents are legal.
// CHECK-LABEL: func private @empty(!qmm.tensor<0x256xbf16, fp8>, !qmm.tensor<8x0xbf16, mxfp8>)
func.func private @empty(!qmm.tensor<0x256xbf16, fp8>, !qmm.tensor<8x0xbf16, mxfp8>)
