// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-recognize-dynamic-quantization,canonicalize,cse))' --split-input-file | FileCheck %s
// Twice is as good as once.
// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(qmm-recognize-dynamic-quantization,qmm-recognize-dynamic-quantization,canonicalize,cse))' --split-input-file | FileCheck %s

#map = affine_map<(i, j) -> (i, j)>
#none = affine_map<(i, j) -> ()>

// In bf16, of a transposed read, from -inf.
// CHECK-LABEL: func.func @amax(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xbf16>)
// CHECK: %[[M:.*]] = qmm.amax %[[X]] : tensor<8x32xbf16> -> tensor<f32>
// CHECK: %[[N:.*]] = linalg.generic {{.*}} ins(%[[M]] :
// CHECK: arith.truncf
// CHECK: return %[[N]]
func.func @amax(%x: tensor<8x32xbf16>) -> tensor<bf16> {
  %low = arith.constant 0xFF80 : bf16
  %e = tensor.empty() : tensor<bf16>
  %z = linalg.fill ins(%low : bf16) outs(%e : tensor<bf16>) -> tensor<bf16>
  %ea = tensor.empty() : tensor<8x32xbf16>
  %abs = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<8x32xbf16>) outs(%ea : tensor<8x32xbf16>) {
  ^bb0(%v: bf16, %o: bf16):
    %a = math.absf %v : bf16
    linalg.yield %a : bf16
  } -> tensor<8x32xbf16>
  %m = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, #none], iterator_types = ["reduction", "reduction"]}
    ins(%abs : tensor<8x32xbf16>) outs(%z : tensor<bf16>) {
  ^bb0(%v: bf16, %o: bf16):
    %r = arith.maximumf %v, %o : bf16
    linalg.yield %r : bf16
  } -> tensor<bf16>
  return %m : tensor<bf16>
}

// -----

#none = affine_map<(i, j) -> ()>

// Not the largest magnitude: no absf, a start above 0, maxnumf (which drops
// NaN), a part of the tensor.  Nor one in a tensor of rank 1.
// CHECK-LABEL: func.func @others(
// CHECK-NOT: qmm.amax
// CHECK: return
func.func @others(%x: tensor<8x32xf32>) -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<1xf32>) {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<f32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %z1 = linalg.fill ins(%one : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %m0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, #none], iterator_types = ["reduction", "reduction"]}
    ins(%x : tensor<8x32xf32>) outs(%z : tensor<f32>) {
  ^bb0(%v: f32, %o: f32):
    %r = arith.maximumf %v, %o : f32
    linalg.yield %r : f32
  } -> tensor<f32>
  %m1 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, #none], iterator_types = ["reduction", "reduction"]}
    ins(%x : tensor<8x32xf32>) outs(%z1 : tensor<f32>) {
  ^bb0(%v: f32, %o: f32):
    %a = math.absf %v : f32
    %r = arith.maximumf %a, %o : f32
    linalg.yield %r : f32
  } -> tensor<f32>
  %m2 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, #none], iterator_types = ["reduction", "reduction"]}
    ins(%x : tensor<8x32xf32>) outs(%z : tensor<f32>) {
  ^bb0(%v: f32, %o: f32):
    %a = math.absf %v : f32
    %r = arith.maxnumf %a, %o : f32
    linalg.yield %r : f32
  } -> tensor<f32>
  %part = tensor.extract_slice %x[0, 0] [4, 32] [1, 1] : tensor<8x32xf32> to tensor<4x32xf32>
  %m3 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, #none], iterator_types = ["reduction", "reduction"]}
    ins(%part : tensor<4x32xf32>) outs(%z : tensor<f32>) {
  ^bb0(%v: f32, %o: f32):
    %a = math.absf %v : f32
    %r = arith.maximumf %a, %o : f32
    linalg.yield %r : f32
  } -> tensor<f32>
  %e1 = tensor.empty() : tensor<1xf32>
  %zv = linalg.fill ins(%zero : f32) outs(%e1 : tensor<1xf32>) -> tensor<1xf32>
  %m4 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (0)>], iterator_types = ["reduction", "reduction"]}
    ins(%x : tensor<8x32xf32>) outs(%zv : tensor<1xf32>) {
  ^bb0(%v: f32, %o: f32):
    %a = math.absf %v : f32
    %r = arith.maximumf %a, %o : f32
    linalg.yield %r : f32
  } -> tensor<1xf32>
  return %m0, %m1, %m2, %m3, %m4 : tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<1xf32>
}

// -----

#s = affine_map<() -> ()>

// The scheme's own rule: amax / 448, and 1 where that is 0.
// CHECK-LABEL: func.func @scheme_scale(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xf32>)
// CHECK-NEXT: %[[Q:.*]] = qmm.quantize %[[X]] : tensor<8x32xf32>
// CHECK-NEXT: return %[[Q]]
func.func @scheme_scale(%x: tensor<8x32xf32>) -> !qmm.tensor<8x32xf32, fp8> {
  %m = qmm.amax %x : tensor<8x32xf32> -> tensor<f32>
  %e = tensor.empty() : tensor<f32>
  %scale = linalg.generic {indexing_maps = [#s, #s], iterator_types = []} ins(%m : tensor<f32>) outs(%e : tensor<f32>) {
  ^bb0(%v: f32, %o: f32):
    %largest = arith.constant 448.0 : f32
    %one = arith.constant 1.0 : f32
    %zero = arith.constant 0.0 : f32
    %d = arith.divf %v, %largest : f32
    %c = arith.cmpf oeq, %d, %zero : f32
    %r = arith.select %c, %one, %d : f32
    linalg.yield %r : f32
  } -> tensor<f32>
  %q = qmm.quantize %x scale(%scale : tensor<f32>) : tensor<8x32xf32> -> !qmm.tensor<8x32xf32, fp8>
  return %q : !qmm.tensor<8x32xf32, fp8>
}

// -----

#s = affine_map<() -> ()>

// Without the guard, zeros give NaN; and so it stays.
// CHECK-LABEL: func.func @unguarded(
// CHECK-SAME: %[[X:.*]]: tensor<8x32xf32>)
// CHECK: %[[S:.*]] = linalg.generic
// CHECK: qmm.quantize %[[X]] scale(%[[S]] : tensor<f32>)
func.func @unguarded(%x: tensor<8x32xf32>) -> !qmm.tensor<8x32xf32, fp8> {
  %m = qmm.amax %x : tensor<8x32xf32> -> tensor<f32>
  %e = tensor.empty() : tensor<f32>
  %scale = linalg.generic {indexing_maps = [#s, #s], iterator_types = []} ins(%m : tensor<f32>) outs(%e : tensor<f32>) {
  ^bb0(%v: f32, %o: f32):
    %largest = arith.constant 448.0 : f32
    %d = arith.divf %v, %largest : f32
    linalg.yield %d : f32
  } -> tensor<f32>
  %q = qmm.quantize %x scale(%scale : tensor<f32>) : tensor<8x32xf32> -> !qmm.tensor<8x32xf32, fp8>
  return %q : !qmm.tensor<8x32xf32, fp8>
}
