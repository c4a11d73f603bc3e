// RUN: quant-compile %s --compile-to=planned --report=%t.json -o %t.mlir
// RUN: %python -c "import json; [print(m['function'], m['m'], m['n'], m['k'], m['batch'], m['scheme_a'], m['scheme_b'], m['precision_a'], m['precision_b'], m['epilogue'], m['output'], [r['kind'] for r in m['route']], m['reason']) for m in json.load(open(r'%t.json'))['matmuls']]" | FileCheck %s
// RUN: quant-compile %s --compile-to=planned --report=- -o %t.mlir | FileCheck %s --check-prefix=TABLE
// RUN: quant-compile %s --compile-to=planned -Rqmm -o %t.mlir 2>&1 | FileCheck %s --check-prefix=REMARK

// CHECK: f None 64 256 [2] fp8_row nvfp4 bf16 None ['bias', 'relu'] bf16 ['host'] None
// CHECK-NEXT: g 8 16 32 [2] None None None None [] f64 [] its result has element type f64
// TABLE: f: 2 x ? x 64 x 256  fp8_row * nvfp4 -> bf16, bias, relu
// TABLE-NEXT: route: host on cpu
// TABLE-NEXT: a: element times scale rounded to bf16, kept
// TABLE-NEXT: at
// TABLE: g: 2 x 8 x 16 x 32  wide * wide -> f64
// TABLE-NEXT: not rewritten: its result has element type f64
// TABLE: 2 matmuls
// REMARK: record-report.mlir:[[@LINE+8]]:{{.*}}: remark: matmul not rewritten: its result has element type f64

func.func @f(%x: !qmm.tensor<2x?x256xbf16, fp8_row>, %w: !qmm.tensor<64x256xbf16, nvfp4, nibbles = lo_first>, %b: tensor<64xbf16>) -> tensor<2x?x64xbf16> {
  %y = qmm.scaled_matmul %x, %w bias(%b : tensor<64xbf16>) {a_precision = bf16, activation = #qmm.activation<relu>}
    : !qmm.tensor<2x?x256xbf16, fp8_row>, !qmm.tensor<64x256xbf16, nvfp4, nibbles = lo_first> -> tensor<2x?x64xbf16>
  return %y : tensor<2x?x64xbf16>
}
func.func @g(%a: tensor<2x8x32xf64>, %b: tensor<2x32x16xf64>, %z: tensor<2x8x16xf64>) -> tensor<2x8x16xf64> {
  %y = linalg.batch_matmul ins(%a, %b : tensor<2x8x32xf64>, tensor<2x32x16xf64>) outs(%z : tensor<2x8x16xf64>) -> tensor<2x8x16xf64>
  return %y : tensor<2x8x16xf64>
}
