// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-recognize-contractions{families=quantized}))' | FileCheck %s --check-prefixes=CHECK,QUANTIZED
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-recognize-contractions{families=weight-only,wide}))' | FileCheck %s --check-prefixes=CHECK,OTHERS
// RUN: not quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-recognize-contractions{families=fp8}))' 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: error: unknown family 'fp8'; there are quantized, weight-only and wide

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func.func @quantized(
// QUANTIZED: qmm.scaled_matmul
// OTHERS: qmm.reason = "it is a quantized product, and those aren't asked for"
func.func @quantized(%a: tensor<8x32xf8E4M3FN>, %b: tensor<16x32xf8E4M3FN>, %c: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = linalg.matmul indexing_maps = [#a, #b, #c] ins(%a, %b : tensor<8x32xf8E4M3FN>, tensor<16x32xf8E4M3FN>) outs(%c : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @weight_only(
// QUANTIZED: qmm.reason = "it is a weight-only product, and those aren't asked for"
// OTHERS: qmm.scaled_matmul
func.func @weight_only(%a: tensor<8x32xf32>, %b: tensor<16x32xf8E4M3FN>, %c: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = linalg.matmul indexing_maps = [#a, #b, #c] ins(%a, %b : tensor<8x32xf32>, tensor<16x32xf8E4M3FN>) outs(%c : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// CHECK-LABEL: func.func @wide(
// QUANTIZED: qmm.reason = "it is a wide product, and those aren't asked for"
// OTHERS: qmm.scaled_matmul
func.func @wide(%a: tensor<8x32xf32>, %b: tensor<16x32xf32>, %c: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = linalg.matmul indexing_maps = [#a, #b, #c] ins(%a, %b : tensor<8x32xf32>, tensor<16x32xf32>) outs(%c : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}
