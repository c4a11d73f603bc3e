//===- Passes.td - Passes on logical and physical ops -----*- tablegen -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declares the passes between recognition and lowering.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_TRANSFORMS_PASSES_TD
#define QMM_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def SpillConstants : Pass<"qmm-spill-constants", "::mlir::ModuleOp"> {
  let summary = "Large constants to parameters";
  let description = [{
    A tensor constant of more than `threshold` bytes becomes a `qmm.parameter` of
    the scope `const`; its elements move to the module's `qmm.constants`.  Splats
    stay: they have no bytes to speak of.

    Before:
    ```mlir
    func.func @f() -> tensor<2xf32> {
      %0 = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
      return %0 : tensor<2xf32>
    }
    ```
    After, with `threshold=4`:
    ```mlir
    module attributes {qmm.constants = {c0 = dense<[1.0, 2.0]> : tensor<2xf32>}} {
      func.func @f() -> tensor<2xf32> {
        %0 = qmm.parameter "const::c0" : tensor<2xf32>
        return %0 : tensor<2xf32>
      }
    }
    ```
  }];
  let options = [
    Option<"threshold", "threshold", "int64_t", /*default=*/"1024",
           "Largest constant, in bytes, that stays inline">];
  let dependentDialects = ["::mlir::qmm::QMMDialect"];
}

def HoistConstants : Pass<"qmm-hoist-constants", "::mlir::ModuleOp"> {
  let summary = "What depends on parameters only runs once";
  let description = [{
    Quantizations, relayouts, transposes and arithmetic whose operands are all
    parameters or constants move to the function `@qmm.init`, which a program
    runs when it is loaded; the rest reads their results as parameters of the
    scope `packed`.  Equal computations become one.

    A value that takes more memory than the parameters it is made of, and more
    than 4 KiB, is computed where it was: a dequantized weight isn't worth the
    memory.

    Error: another symbol has the name `qmm.init`.  Running it again changes
    nothing.

    Before:
    ```mlir
    func.func @f(%x: tensor<?x32xbf16>) -> tensor<?x16xbf16> {
      %w = qmm.parameter "model::w" : tensor<16x32xbf16>
      %q = qmm.quantize %w : tensor<16x32xbf16> -> !qmm.tensor<16x32xbf16, fp8>
      %y = qmm.scaled_matmul %x, %q
        : tensor<?x32xbf16>, !qmm.tensor<16x32xbf16, fp8> -> tensor<?x16xbf16>
      return %y : tensor<?x16xbf16>
    }
    ```
    After:
    ```mlir
    func.func @qmm.init() -> (tensor<16x32xf8E4M3FN>, tensor<f32>) {
      %w = qmm.parameter "model::w" : tensor<16x32xbf16>
      %q = qmm.quantize %w : tensor<16x32xbf16> -> !qmm.tensor<16x32xbf16, fp8>
      %data, %scale = qmm.disassemble %q
        : !qmm.tensor<16x32xbf16, fp8> -> tensor<16x32xf8E4M3FN>, tensor<f32>
      return %data, %scale : tensor<16x32xf8E4M3FN>, tensor<f32>
    }
    func.func @f(%x: tensor<?x32xbf16>) -> tensor<?x16xbf16> {
      %data = qmm.parameter "packed::0" : tensor<16x32xf8E4M3FN>
      %scale = qmm.parameter "packed::1" : tensor<f32>
      %q = qmm.assemble %data, %scale
        : tensor<16x32xf8E4M3FN>, tensor<f32> -> !qmm.tensor<16x32xbf16, fp8>
      %y = qmm.scaled_matmul %x, %q
        : tensor<?x32xbf16>, !qmm.tensor<16x32xbf16, fp8> -> tensor<?x16xbf16>
      return %y : tensor<?x16xbf16>
    }
    ```
  }];
  let dependentDialects = ["::mlir::qmm::QMMDialect",
                           "::mlir::func::FuncDialect"];
}

def InsertObservers : Pass<"qmm-insert-observers", "::mlir::ModuleOp"> {
  let summary = "Inputs of layers as results, to be measured";
  let description = [{
    The wide input of every layer (`--qmm-quantize-layers` says what one is and
    how it is named), after its `pre_quant_scale`, becomes one more result of its
    function, `qmm.name` LAYER:input; LAYER:input#2 and so on when a weight is
    used again.  `quant-run --calibrate` measures such results.

    Warning: a layer inside of control flow, or in a function that others call,
    isn't observed.

    Before:
    ```mlir
    func.func @f(%x: tensor<?x256xbf16>) -> tensor<?x64xbf16> {
      %w = qmm.parameter "model::fc1.weight" : tensor<64x256xbf16>
      %y = qmm.linear %x, %w : tensor<?x256xbf16>, tensor<64x256xbf16> -> tensor<?x64xbf16>
      return %y : tensor<?x64xbf16>
    }
    ```
    After:
    ```mlir
    func.func @f(%x: tensor<?x256xbf16>)
        -> (tensor<?x64xbf16>, tensor<?x256xbf16> {qmm.name = "fc1:input"}) {
      %w = qmm.parameter "model::fc1.weight" : tensor<64x256xbf16>
      %y = qmm.linear %x, %w : tensor<?x256xbf16>, tensor<64x256xbf16> -> tensor<?x64xbf16>
      return %y, %x : tensor<?x64xbf16>, tensor<?x256xbf16>
    }
    ```
  }];
  let dependentDialects = ["::mlir::qmm::QMMDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def QuantizeLayers : Pass<"qmm-quantize-layers", "::mlir::ModuleOp"> {
  let summary = "Wide constant weights to a scheme, inputs by calibrated scales";
  let description = [{
    A `qmm.linear` or `qmm.scaled_matmul` whose second operand is wide and depends
    on parameters and constants only gets it quantized.  What the input becomes
    is decided by `activations`, for `qmm.linear` later
    (`--qmm-quantize-activations`); with `calibration`, FP8 and NVFP4 inputs take
    the scale of the largest magnitude that the file has for the layer.

    Layers are named by their weight's key without `.weight`, or, where that isn't
    one tensor of a file, `FUNCTION.I` for the I-th product of a function.
    Selecting is as in quant-convert: `exclude` keeps layers, else the first rule
    of `policy` decides, else `scheme` is for those that `include` names, or for
    all but those outside of numbered blocks.  `qmm.notes` says what became of
    each layer.

    Errors: an unknown scheme, a pattern that matches no layer, a calibrated layer
    that isn't there, a file that can't be read.  Running it again changes
    nothing but notes.

    Before:
    ```mlir
    func.func @f(%x: tensor<?x256xbf16>) -> tensor<?x64xbf16> {
      %w = qmm.parameter "model::fc1.weight" : tensor<64x256xbf16>
      %y = qmm.linear %x, %w : tensor<?x256xbf16>, tensor<64x256xbf16> -> tensor<?x64xbf16>
      return %y : tensor<?x64xbf16>
    }
    ```
    After, with `scheme=mxfp8`:
    ```mlir
    func.func @f(%x: tensor<?x256xbf16>) -> tensor<?x64xbf16> {
      %w = qmm.parameter "model::fc1.weight" : tensor<64x256xbf16>
      %q = qmm.quantize %w : tensor<64x256xbf16> -> !qmm.tensor<64x256xbf16, mxfp8>
      %y = qmm.linear %x, %q {qmm.notes = ["weight: quantized to mxfp8 when loaded"]}
        : tensor<?x256xbf16>, !qmm.tensor<64x256xbf16, mxfp8> -> tensor<?x64xbf16>
      return %y : tensor<?x64xbf16>
    }
    ```
  }];
  let options = [
    Option<"scheme", "scheme", "std::string", /*default=*/"",
           "What weights become that no rule is for">,
    Option<"include", "include", "std::string", /*default=*/"",
           "Only layers in whose name this regular expression is found">,
    Option<"exclude", "exclude", "std::string", /*default=*/"",
           "Keep such layers">,
    Option<"policy", "policy", "std::string", /*default=*/"",
           "A JSON file of rules">,
    Option<"calibration", "calibration", "std::string", /*default=*/"",
           "A JSON file of the inputs' largest magnitudes">,
    Option<"percentile", "percentile", "std::string", /*default=*/"",
           "Of the magnitudes, instead of the largest: 99.9">,
    Option<"firstAndLast", "first-and-last", "bool", /*default=*/"false",
           "Layers outside of numbered blocks too">,
    Option<"activations", "activations", "::mlir::qmm::ActivationPolicy",
           /*default=*/"::mlir::qmm::ActivationPolicy::Auto",
           "What becomes of the layers' inputs",
           "::mlir::qmm::getActivationPolicyValues()">];
  let dependentDialects = ["::mlir::qmm::QMMDialect",
                           "::mlir::arith::ArithDialect"];
}

def RecordExtents
    : InterfacePass<"qmm-record-extents", "FunctionOpInterface"> {
  let summary = "Which extents of a function's arguments must be equal";
  let description = [{
    Two dynamic extents that one loop of an op walks have to be equal, or the
    program would read past a buffer.  This pass finds such extents of tensor
    arguments and gives the arguments `qmm.extents`: a number for each dimension,
    equal for extents that must be equal; -1 is free, and -2 - N means the extent
    must be N.  Programs check them before they run.

    Before:
    ```mlir
    func.func @f(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>, %e: tensor<?x4xf32>) -> tensor<?x4xf32> {
      %z = linalg.add ins(%x, %y : tensor<?x4xf32>, tensor<?x4xf32>)
        outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
      return %z : tensor<?x4xf32>
    }
    ```
    After:
    ```mlir
    func.func @f(%x: tensor<?x4xf32> {qmm.extents = array<i64: 0, -1>},
                 %y: tensor<?x4xf32> {qmm.extents = array<i64: 0, -1>},
                 %e: tensor<?x4xf32> {qmm.extents = array<i64: 0, -1>}) -> tensor<?x4xf32> {
      %z = linalg.add ins(%x, %y : tensor<?x4xf32>, tensor<?x4xf32>)
        outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
      return %z : tensor<?x4xf32>
    }
    ```
  }];
}

def LegalizeMatmuls
    : InterfacePass<"qmm-legalize-matmuls", "FunctionOpInterface"> {
  let summary = "Products as their first route takes them";
  let description = [{
    Rewrites every `qmm.scaled_matmul` that has `qmm.routes` so that cuBLASLt can
    run it, by the first route that the targets have; the host's are left alone.

    - Multiplied natively: scales move to the layout of the library's mode
      (`qmm.relayout`, or the quantize writes them there); a tensor scale becomes
      a factor of `alpha`.
    - Codes multiplied natively (FP8 with a scale a row, int8): the operands are
      raw codes, the product f32, or i32 for int8, and the scales a loop over it.
    - Widened: operands are dequantized to the type of the wide one, as far as
      that is exact: block scales in E4M3 and E8M0 are, other scales become
      `alpha` or a loop over the product.  f32 scales inside of K round.
    - Bias, residual, activation, output quantization and amax that the library's
      epilogue doesn't do are a loop over the product in f32, then `qmm.quantize`
      and `qmm.amax`.

    Error: targets whose routes differ.  Running it again changes nothing.

    Before:
    ```mlir
    module attributes {qmm.targets = [#qmm.target<"sm_90">]} {
      func.func @f(%x: tensor<8x32xbf16>, %w: !qmm.tensor<16x32xbf16, fp8>) -> tensor<8x16xbf16> {
        %y = qmm.scaled_matmul %x, %w
          {qmm.routes = [#qmm.route<widen on "sm_90", m = [0, *], "no mode">]}
          : tensor<8x32xbf16>, !qmm.tensor<16x32xbf16, fp8> -> tensor<8x16xbf16>
        return %y : tensor<8x16xbf16>
      }
    }
    ```
    After:
    ```mlir
    module attributes {qmm.targets = [#qmm.target<"sm_90">]} {
      func.func @f(%x: tensor<8x32xbf16>, %w: !qmm.tensor<16x32xbf16, fp8>) -> tensor<8x16xbf16> {
        %data, %scale = qmm.disassemble %w
          : !qmm.tensor<16x32xbf16, fp8> -> tensor<16x32xf8E4M3FN>, tensor<f32>
        %one = arith.constant dense<1.0> : tensor<f32>
        %codes = qmm.assemble %data, %one
          : tensor<16x32xf8E4M3FN>, tensor<f32> -> !qmm.tensor<16x32xbf16, fp8>
        %v = qmm.dequantize %codes : !qmm.tensor<16x32xbf16, fp8> -> tensor<16x32xbf16>
        %y = qmm.scaled_matmul %x, %v alpha(%scale : tensor<f32>)
          {qmm.routes = [#qmm.route<library on "sm_90", m = [0, *], "no mode">]}
          : tensor<8x32xbf16>, tensor<16x32xbf16> -> tensor<8x16xbf16>
        return %y : tensor<8x16xbf16>
      }
    }
    ```
  }];
  let dependentDialects = ["::mlir::qmm::QMMDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
}

def QuantizeActivations
    : InterfacePass<"qmm-quantize-activations", "FunctionOpInterface"> {
  let summary = "Decide what the input of each qmm.linear becomes";
  let description = [{
    Rewrites every `qmm.linear` into a `qmm.scaled_matmul`, with its input left
    wide or quantized as `activations` says:

    - `auto`: quantized where every target multiplies the two schemes natively,
      else wide;
    - `wide`: never;
    - `dynamic`: always, with computed scales;
    - `checkpoint`: by the file's activation scale where it has one, else dynamic;
    - `comfy`: as ComfyUI: the file's scale, or 1.0, for FP8; dynamic otherwise.

    The input's scheme follows the weight's: `fp8` (and `fp8_e5m2`) gives `fp8`,
    `fp8_row` itself, `fp8_1x128` itself, `mxfp8` and `nvfp4` themselves, any int8
    `int8_row`.  Two-dimensional blocks, MXFP4 and `full_precision` layers keep a
    wide input, as their reference implementations do.

    Before:
    ```mlir
    func.func @f(%x: tensor<?x256xbf16>, %w: !qmm.tensor<64x256xbf16, fp8>,
                 %s: tensor<f32>) -> tensor<?x64xbf16> {
      %y = qmm.linear %x, %w input_scale(%s : tensor<f32>)
        : tensor<?x256xbf16>, !qmm.tensor<64x256xbf16, fp8> -> tensor<?x64xbf16>
      return %y : tensor<?x64xbf16>
    }
    ```
    After, with `activations=checkpoint`:
    ```mlir
    func.func @f(%x: tensor<?x256xbf16>, %w: !qmm.tensor<64x256xbf16, fp8>,
                 %s: tensor<f32>) -> tensor<?x64xbf16> {
      %q = qmm.quantize %x scale(%s : tensor<f32>)
        : tensor<?x256xbf16> -> !qmm.tensor<?x256xbf16, fp8>
      %y = qmm.scaled_matmul %q, %w {qmm.notes = ["activation: fp8, static"]}
        : !qmm.tensor<?x256xbf16, fp8>, !qmm.tensor<64x256xbf16, fp8> -> tensor<?x64xbf16>
      return %y : tensor<?x64xbf16>
    }
    ```
  }];
  let options = [
    Option<"activations", "activations", "::mlir::qmm::ActivationPolicy",
           /*default=*/"::mlir::qmm::ActivationPolicy::Auto",
           "What becomes of a linear layer's input",
           "::mlir::qmm::getActivationPolicyValues()">];
  let dependentDialects = ["::mlir::qmm::QMMDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def PlaceBuffers : Pass<"qmm-place-buffers", "::mlir::ModuleOp"> {
  let summary = "One arena for all buffers; results become output arguments";
  let description = [{
    In every public function: results become trailing memref arguments that the
    program writes (a returned input or parameter is copied there), and every
    other allocation becomes a view of one arena, the last argument
    (`memref<?xi8>`), at an offset that is an expression of the dynamic extents.
    Buffers whose lives don't overlap share a place when their sizes are equal.
    What the function returns now are the outputs' dynamic extents, in order, and
    the bytes of the arena.

    Before:
    ```mlir
    func.func @f(%x: memref<4xf32>) -> memref<4xf32> {
      %a = memref.alloc() : memref<4xf32>
      memref.copy %x, %a : memref<4xf32> to memref<4xf32>
      return %a : memref<4xf32>
    }
    ```
    After:
    ```mlir
    func.func @f(%x: memref<4xf32>, %out: memref<4xf32>, %arena: memref<?xi8>)
        -> index attributes {qmm.num_outputs = 1 : i64} {
      %c0 = arith.constant 0 : index
      memref.copy %x, %out : memref<4xf32> to memref<4xf32>
      return %c0 : index
    }
    ```
  }];
  let dependentDialects = ["::mlir::qmm::QMMDialect",
                           "::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect"];
}

#endif // QMM_TRANSFORMS_PASSES_TD
