//===- Passes.td - Passes that make host kernels ----------*- tablegen -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declares the passes between the physical ops and native host objects.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_KERNELS_HOST_PASSES_TD
#define QMM_KERNELS_HOST_PASSES_TD

include "mlir/Pass/PassBase.td"

def OutlineKernels : Pass<"qmm-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "Whatever isn't a command becomes a host kernel";
  let description = [{
    A program is a flat list of commands.  In every function outside
    `@qmm.kernels`, this pass moves what no command does to functions of the
    nested module `@qmm.kernels` and leaves `qmm.launch` in its place:

    - A linalg op is a kernel of its own.  It covers the part [begin, end) of its
      first parallel loop that isn't of extent 1, after leading parallel loops
      that all operands walk alike have been collapsed into one; the launch's
      extent is that loop's trip count.  With `points` it covers the points of
      all such loops, the last the fastest.  Without one the extent is 1.
    - Other ops (loads, stores, scf, scalars) form one kernel per maximal run,
      with extent 1.
    - A `memref.copy` from or to a strided buffer is a `linalg.copy`; between
      buffers of identity layout it is a command and stays.

    Kernels take the buffers themselves: views (subview, expand_shape,
    collapse_shape, reinterpret_cast, cast, transpose) are repeated in the kernel,
    and the index operands they need are its integers.  So are constants, constant
    globals, and scalars computed or loaded before the run, provided that nothing
    has written to the buffer since.  (A linalg op that may itself write there
    isn't split.)  A static allocation of at most 4 KiB that only one run uses
    moves to the kernel's stack.

    Run it before buffers are placed in one arena: a kernel may read a scalar's
    buffer later than the op that read it before.

    Errors, at the op: an op that contains a `qmm` op (control flow around
    quantized matmuls can't be flattened into a program); a scalar or an index
    that would have to cross from a kernel into the program; a linalg op on
    tensors or one without loops; a buffer with a strided layout of its own.

    Running it again changes nothing.

    Before:
    ```mlir
    func.func @main(%x: memref<?x64xf32>, %y: memref<?x64xf32>) {
      linalg.generic {
          indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
          iterator_types = ["parallel", "parallel"]}
        ins(%x : memref<?x64xf32>) outs(%y : memref<?x64xf32>) {
      ^bb0(%a: f32, %b: f32):
        %c = arith.negf %a : f32
        linalg.yield %c : f32
      }
      return
    }
    ```
    After:
    ```mlir
    module {
      func.func @main(%x: memref<?x64xf32>, %y: memref<?x64xf32>) {
        %c0 = arith.constant 0 : index
        %c64 = arith.constant 64 : index
        %m = memref.dim %x, %c0 : memref<?x64xf32>
        %n = arith.muli %m, %c64 : index
        qmm.launch @qmm.kernels::@main_kernel_0(%x, %y : memref<?x64xf32>, memref<?x64xf32>)
          integers() extent(%n)
        return
      }
      module @qmm.kernels {
        func.func @main_kernel_0(%x: memref<?x64xf32>, %y: memref<?x64xf32>,
                                 %begin: index, %end: index) {
          %s = memref.collapse_shape %x [[0, 1]] : memref<?x64xf32> into memref<?xf32>
          %t = memref.collapse_shape %y [[0, 1]] : memref<?x64xf32> into memref<?xf32>
          %n = arith.subi %end, %begin : index
          %u = memref.subview %s[%begin] [%n] [1]
            : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
          %v = memref.subview %t[%begin] [%n] [1]
            : memref<?xf32> to memref<?xf32, strided<[1], offset: ?>>
          linalg.generic {
              indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
              iterator_types = ["parallel"]}
            ins(%u : memref<?xf32, strided<[1], offset: ?>>)
            outs(%v : memref<?xf32, strided<[1], offset: ?>>) {
          ^bb0(%a: f32, %b: f32):
            %c = arith.negf %a : f32
            linalg.yield %c : f32
          }
          return
        }
      }
    }
    ```
  }];
  let options = [
    Option<"points", "points", "bool", /*default=*/"false",
           "Kernels over single points, as a GPU's threads want them">];
  let dependentDialects = ["::mlir::qmm::QMMDialect",
                           "::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect"];
}

def ExpandSmallFloats : Pass<"qmm-expand-small-floats"> {
  let summary = "Conversions of 4- and 8-bit floats in integer arithmetic";
  let description = [{
    Rewrites `arith.extf`, `arith.truncf` and `arith.constant` on f8E4M3FN,
    f8E5M2, f8E8M0FNU and f4E2M1FN (with `f16` and `bf16` on those too) between
    them and f32, f64, f16 and bf16, on scalars, vectors and static tensors.

    `extf` is exact (E8M0 0x00 is 2^-127, 0xFF NaN).  `truncf` rounds to nearest,
    ties to even, as MLIR, StableHLO and ml_dtypes define a *conversion* (a
    quantize saturates instead):

    | to | too large, infinity | NaN | notes |
    |---|---|---|---|
    | f8E4M3FN | NaN | NaN, its sign | |
    | f8E5M2, f16, bf16 | infinity | quiet NaN, its sign | |
    | f4E2M1FN | 6, the sign kept | zero, the sign flipped, as ml_dtypes | the type has no NaN |
    | f8E8M0FNU | NaN | NaN | the nearest power of two, ties up; zero and what is below 2^-127 give 2^-127, negative numbers NaN, as llvm::APFloat |

    A conversion between two of these types goes through f32 exactly and rounds
    once.  A `truncf` with another rounding mode is left alone.

    Before:
    ```mlir
    func.func @f(%x: f8E8M0FNU) -> f32 {
      %0 = arith.extf %x : f8E8M0FNU to f32
      return %0 : f32
    }
    ```
    After:
    ```mlir
    func.func @f(%x: f8E8M0FNU) -> f32 {
      %0 = arith.bitcast %x : f8E8M0FNU to i8
      %1 = arith.extui %0 : i8 to i32
      %c0 = arith.constant 0 : i32
      %c255 = arith.constant 255 : i32
      %c23 = arith.constant 23 : i32
      %least = arith.constant 4194304 : i32
      %nan = arith.constant 2143289344 : i32
      %2 = arith.shli %1, %c23 : i32
      %3 = arith.cmpi eq, %1, %c0 : i32
      %4 = arith.select %3, %least, %2 : i32
      %5 = arith.cmpi eq, %1, %c255 : i32
      %6 = arith.select %5, %nan, %4 : i32
      %7 = arith.bitcast %6 : i32 to f32
      return %7 : f32
    }
    ```
  }];
  let options = [
    Option<"f16", "f16", "bool", /*default=*/"false",
           "Also f16: for CPUs that can't convert it">,
    Option<"bf16", "bf16", "bool", /*default=*/"false",
           "Also bf16: for CPUs that can't convert it">];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

#endif // QMM_KERNELS_HOST_PASSES_TD
