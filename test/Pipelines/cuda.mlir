// RUN: quant-compile %s --target=cuda:sm_90 --compile-to=lowered | FileCheck %s
// RUN: not quant-compile %s --target=cuda:sm_70 2>&1 | FileCheck %s --check-prefix=CHIP
// RUN: not quant-compile %s --target=cuda:sm_90,cpu 2>&1 | FileCheck %s --check-prefix=MIXED
// RUN: not quant-compile %s --target=sm_90 2>&1 | FileCheck %s --check-prefix=PREFIX

// CHIP: --target: 'cuda:sm_70' isn't a target here; expected cpu alone, or cuda: and one or more of sm_80
// MIXED: --target: 'cpu' isn't a target here
// PREFIX: --target: 'sm_90' isn't a target here

// A static FP8 layer is one kernel and one call of the library.
// CHECK-LABEL: func.func @linear
// CHECK:         qmm.launch @qmm.device::@{{[a-z_]*}}(
// CHECK-NOT:     qmm.launch
// CHECK:         qmm.phys.scaled_matmul
// CHECK-SAME:      has_bias
// CHECK-NOT:     qmm.launch
// CHECK:         return
// CHECK:       gpu.module @qmm.device
func.func @linear(%x: tensor<?x256xbf16>, %w: tensor<64x256xf8E4M3FN>, %ws: tensor<f32>,
                  %xs: tensor<f32>, %b: tensor<64xbf16>) -> tensor<?x64xbf16> {
  %q = qmm.quantize %x scale(%xs : tensor<f32>)
    : tensor<?x256xbf16> -> !qmm.tensor<?x256xbf16, fp8>
  %v = qmm.assemble %w, %ws : tensor<64x256xf8E4M3FN>, tensor<f32>
    -> !qmm.tensor<64x256xbf16, fp8>
  %y = qmm.scaled_matmul %q, %v bias(%b : tensor<64xbf16>)
    : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<64x256xbf16, fp8> -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}
