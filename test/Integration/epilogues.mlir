// Every epilogue, compiled and run, is within 1e-5 of numpy's float64 (codes:
// all but one in a hundred the same, since sums are f32).
// RUN: quant-compile %s -o %t.qmm --report=- | FileCheck %s
// RUN: %python %S/Inputs/epilogues.py quant-run %t.qmm %t | FileCheck %s --check-prefix=RAN

#id = affine_map<(i, j) -> (i, j)>
#col = affine_map<(i, j) -> (j)>
#none = affine_map<(i, j) -> ()>
#xs = affine_map<(i, j, k) -> (i, k)>
#ws = affine_map<(i, j, k) -> (j, k)>
#ys = affine_map<(i, j, k) -> (i, j)>
#product = {indexing_maps = [#xs, #ws, #ys], iterator_types = ["parallel", "parallel", "reduction"]}
#elementwise = {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}

func.func private @product(%x: tensor<7x64xf32>, %w: tensor<48x64xf32>) -> tensor<7x48xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<7x48xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<7x48xf32>) -> tensor<7x48xf32>
  %y = linalg.generic #product ins(%x, %w : tensor<7x64xf32>, tensor<48x64xf32>) outs(%z : tensor<7x48xf32>) {
  ^bb0(%p: f32, %q: f32, %acc: f32):
    %m = arith.mulf %p, %q : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<7x48xf32>
  return %y : tensor<7x48xf32>
}

// CHECK: bias_residual: 7 x 48 x 64 wide * wide -> f32, bias, residual
// RAN: bias_residual: ok
func.func @bias_residual(%x: tensor<7x64xf32> {qmm.name = "x"}, %w: tensor<48x64xf32> {qmm.name = "w"}, %b: tensor<48xf32> {qmm.name = "b"}, %r: tensor<7x48xf32> {qmm.name = "r"}) -> tensor<7x48xf32> {
  %y = call @product(%x, %w) : (tensor<7x64xf32>, tensor<48x64xf32>) -> tensor<7x48xf32>
  %e = tensor.empty() : tensor<7x48xf32>
  %c = linalg.broadcast ins(%b : tensor<48xf32>) outs(%e : tensor<7x48xf32>) dimensions = [0]
  %s = linalg.add ins(%y, %c : tensor<7x48xf32>, tensor<7x48xf32>) outs(%e : tensor<7x48xf32>) -> tensor<7x48xf32>
  %t = linalg.add ins(%r, %s : tensor<7x48xf32>, tensor<7x48xf32>) outs(%e : tensor<7x48xf32>) -> tensor<7x48xf32>
  return %t : tensor<7x48xf32>
}

// CHECK: relu: 7 x 48 x 64 wide * wide -> f32, relu
// RAN: relu: ok
func.func @relu(%x: tensor<7x64xf32> {qmm.name = "x"}, %w: tensor<48x64xf32> {qmm.name = "w"}) -> tensor<7x48xf32> {
  %zero = arith.constant 0.0 : f32
  %y = call @product(%x, %w) : (tensor<7x64xf32>, tensor<48x64xf32>) -> tensor<7x48xf32>
  %e = tensor.empty() : tensor<7x48xf32>
  %z = linalg.generic #elementwise ins(%y : tensor<7x48xf32>) outs(%e : tensor<7x48xf32>) {
  ^bb0(%p: f32, %o: f32):
    %m = arith.maximumf %p, %zero : f32
    linalg.yield %m : f32
  } -> tensor<7x48xf32>
  return %z : tensor<7x48xf32>
}

// CHECK: gelu_tanh: 7 x 48 x 64 wide * wide -> f32, gelu_tanh
// RAN: gelu_tanh: ok
func.func @gelu_tanh(%x: tensor<7x64xf32> {qmm.name = "x"}, %w: tensor<48x64xf32> {qmm.name = "w"}) -> tensor<7x48xf32> {
  %half = arith.constant 0.5 : f32
  %one = arith.constant 1.0 : f32
  %k = arith.constant 0.797884583 : f32
  %a = arith.constant 0.044715 : f32
  %y = call @product(%x, %w) : (tensor<7x64xf32>, tensor<48x64xf32>) -> tensor<7x48xf32>
  %e = tensor.empty() : tensor<7x48xf32>
  %z = linalg.generic #elementwise ins(%y : tensor<7x48xf32>) outs(%e : tensor<7x48xf32>) {
  ^bb0(%p: f32, %o: f32):
    %p2 = arith.mulf %p, %p : f32
    %p3 = arith.mulf %p2, %p : f32
    %m = arith.mulf %a, %p3 : f32
    %s = arith.addf %p, %m : f32
    %u = arith.mulf %k, %s : f32
    %t = math.tanh %u : f32
    %q = arith.addf %one, %t : f32
    %h = arith.mulf %half, %q : f32
    %g = arith.mulf %p, %h : f32
    linalg.yield %g : f32
  } -> tensor<7x48xf32>
  return %z : tensor<7x48xf32>
}

// CHECK: gelu_erf: 7 x 48 x 64 wide * wide -> f32, gelu_erf
// RAN: gelu_erf: ok
func.func @gelu_erf(%x: tensor<7x64xf32> {qmm.name = "x"}, %w: tensor<48x64xf32> {qmm.name = "w"}) -> tensor<7x48xf32> {
  %half = arith.constant 0.5 : f32
  %one = arith.constant 1.0 : f32
  %k = arith.constant 0.707106769 : f32
  %y = call @product(%x, %w) : (tensor<7x64xf32>, tensor<48x64xf32>) -> tensor<7x48xf32>
  %e = tensor.empty() : tensor<7x48xf32>
  %z = linalg.generic #elementwise ins(%y : tensor<7x48xf32>) outs(%e : tensor<7x48xf32>) {
  ^bb0(%p: f32, %o: f32):
    %u = arith.mulf %p, %k : f32
    %t = math.erf %u : f32
    %q = arith.addf %one, %t : f32
    %h = arith.mulf %half, %q : f32
    %g = arith.mulf %p, %h : f32
    linalg.yield %g : f32
  } -> tensor<7x48xf32>
  return %z : tensor<7x48xf32>
}

// CHECK: silu: 7 x 48 x 64 wide * wide -> f32, silu
// RAN: silu: ok
func.func @silu(%x: tensor<7x64xf32> {qmm.name = "x"}, %w: tensor<48x64xf32> {qmm.name = "w"}) -> tensor<7x48xf32> {
  %one = arith.constant 1.0 : f32
  %y = call @product(%x, %w) : (tensor<7x64xf32>, tensor<48x64xf32>) -> tensor<7x48xf32>
  %e = tensor.empty() : tensor<7x48xf32>
  %z = linalg.generic #elementwise ins(%y : tensor<7x48xf32>) outs(%e : tensor<7x48xf32>) {
  ^bb0(%p: f32, %o: f32):
    %n = arith.negf %p : f32
    %t = math.exp %n : f32
    %q = arith.addf %one, %t : f32
    %g = arith.divf %p, %q : f32
    linalg.yield %g : f32
  } -> tensor<7x48xf32>
  return %z : tensor<7x48xf32>
}

// CHECK: scales: 7 x 48 x 64 fp8 * fp8_row -> f32, bias
// RAN: scales: ok
func.func @scales(%q: tensor<7x64xf8E4M3FN> {qmm.name = "q"}, %v: tensor<64x48xf8E4M3FN> {qmm.name = "v"}, %s: tensor<f32> {qmm.name = "s"}, %c: tensor<48xf32> {qmm.name = "c"}, %b: tensor<48xf32> {qmm.name = "b"}) -> tensor<7x48xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<7x48xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<7x48xf32>) -> tensor<7x48xf32>
  %y = linalg.matmul ins(%q, %v : tensor<7x64xf8E4M3FN>, tensor<64x48xf8E4M3FN>) outs(%z : tensor<7x48xf32>) -> tensor<7x48xf32>
  %r = linalg.generic {indexing_maps = [#id, #none, #col, #col, #id], iterator_types = ["parallel", "parallel"]}
    ins(%y, %s, %c, %b : tensor<7x48xf32>, tensor<f32>, tensor<48xf32>, tensor<48xf32>) outs(%e : tensor<7x48xf32>) {
  ^bb0(%p: f32, %f: f32, %g: f32, %d: f32, %o: f32):
    %m = arith.mulf %p, %f : f32
    %n = arith.mulf %m, %g : f32
    %t = arith.addf %n, %d : f32
    linalg.yield %t : f32
  } -> tensor<7x48xf32>
  return %r : tensor<7x48xf32>
}

// CHECK: requantized: 7 x 48 x 64 wide * wide -> fp8, relu, amax
// RAN: requantized: ok
func.func @requantized(%x: tensor<7x64xf32> {qmm.name = "x"}, %w: tensor<48x64xf32> {qmm.name = "w"}, %s: tensor<f32> {qmm.name = "s"}) -> (tensor<7x48xf8E4M3FN>, tensor<f32>) {
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %low = arith.constant -448.0 : f32
  %high = arith.constant 448.0 : f32
  %y = call @product(%x, %w) : (tensor<7x64xf32>, tensor<48x64xf32>) -> tensor<7x48xf32>
  %e = tensor.empty() : tensor<7x48xf32>
  %r = linalg.generic #elementwise ins(%y : tensor<7x48xf32>) outs(%e : tensor<7x48xf32>) {
  ^bb0(%p: f32, %o: f32):
    %m = arith.maximumf %p, %zero : f32
    linalg.yield %m : f32
  } -> tensor<7x48xf32>
  %a = linalg.abs ins(%r : tensor<7x48xf32>) outs(%e : tensor<7x48xf32>) -> tensor<7x48xf32>
  %e0 = tensor.empty() : tensor<f32>
  %i = linalg.fill ins(%least : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
  %m = linalg.reduce { arith.maximumf } ins(%a : tensor<7x48xf32>) outs(%i : tensor<f32>) dimensions = [0, 1]
  %e8 = tensor.empty() : tensor<7x48xf8E4M3FN>
  %q = linalg.generic {indexing_maps = [#id, #none, #id], iterator_types = ["parallel", "parallel"]}
    ins(%r, %s : tensor<7x48xf32>, tensor<f32>) outs(%e8 : tensor<7x48xf8E4M3FN>) {
  ^bb0(%p: f32, %f: f32, %o: f8E4M3FN):
    %d = arith.divf %p, %f : f32
    %l = arith.maximumf %d, %low : f32
    %h = arith.minimumf %l, %high : f32
    %t = arith.truncf %h : f32 to f8E4M3FN
    linalg.yield %t : f8E4M3FN
  } -> tensor<7x48xf8E4M3FN>
  return %q, %m : tensor<7x48xf8E4M3FN>, tensor<f32>
}
