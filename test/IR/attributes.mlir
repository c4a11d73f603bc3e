// RUN: quant-opt %s | FileCheck %s
// RUN: quant-opt %s --emit-bytecode | quant-opt | FileCheck %s

// CHECK: module attributes {qmm.targets = [#qmm.target<"cpu">, #qmm.target<"sm_90a">]}
module attributes {qmm.targets = [#qmm.target<"cpu">, #qmm.target<"sm_90a">]} {
  // CHECK-LABEL: func private @schemes() attributes {
  // CHECK-SAME: test.a = #qmm.scheme<nvfp4>, test.b = #qmm.scheme<f8E4M3FN block = [64, 64] scale = f32>, test.c = #qmm.scheme<mxfp4>
  func.func private @schemes() attributes {
    test.a = #qmm.scheme<nvfp4>,
    test.b = #qmm.scheme<f8E4M3FN block = [64, 64] scale = f32>,
    test.c = #qmm.scheme<f4E2M1FN block = [1, 32] scale = f8E8M0FNU>}

  // CHECK-LABEL: func private @layouts() attributes {
  // CHECK-SAME: test.a = #qmm.layout<>, test.b = #qmm.layout<scales = tiled_128x4, nibbles = hi_first, pad = [16, 16]>, test.c = #qmm.layout<scales = outer_major, scale_pad = 4>
  func.func private @layouts() attributes {
    test.a = #qmm.layout<>,
    test.b = #qmm.layout<scales = tiled_128x4, nibbles = hi_first, pad = [16, 16]>,
    test.c = #qmm.layout<scale_pad = 4, scales = outer_major>}

  // CHECK-LABEL: func private @enums() attributes {
  // CHECK-SAME: test.a = #qmm.activation<gelu_erf>, test.b = #qmm.e8m0_rounding<even>
  func.func private @enums() attributes {
    test.a = #qmm.activation<gelu_erf>, test.b = #qmm.e8m0_rounding<even>}

  // CHECK-LABEL: func private @routes() attributes {
  // CHECK-SAME: qmm.routes = [#qmm.route<library on "sm_90", m = [129, *], "fast\22 enough">, #qmm.route<host on "cpu", m = [0, 128], "">]
  func.func private @routes() attributes {
    qmm.routes = [#qmm.route<library on "sm_90", m = [129, *], "fast\22 enough">,
                  #qmm.route<host on "cpu", m = [0, 128], "">]}
}
