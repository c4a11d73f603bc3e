// RUN: quant-opt %s --qmm-verify-stage=stage=recognized --split-input-file --verify-diagnostics -o /dev/null
// RUN: not quant-opt %s --qmm-verify-stage=stage=done --split-input-file 2>&1 | FileCheck %s
// CHECK: unknown stage 'done'; there are input, recognized, quantized, planned, laid_out, bufferized, lowered

func.func @contraction(%a: tensor<8x32xf32>, %b: tensor<32x16xf32>, %c: tensor<8x16xf32>) -> tensor<8x16xf32> {
  // expected-error@+1 {{is a contraction that is neither rewritten nor refused}}
  %y = linalg.matmul ins(%a, %b : tensor<8x32xf32>, tensor<32x16xf32>) outs(%c : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}
