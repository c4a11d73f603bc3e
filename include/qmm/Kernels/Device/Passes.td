//===- Passes.td - Passes that make device kernels --------*- tablegen -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declares the passes between the physical ops and device code.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_KERNELS_DEVICE_PASSES_TD
#define QMM_KERNELS_DEVICE_PASSES_TD

include "mlir/Pass/PassBase.td"

def BuildDeviceKernels : Pass<"qmm-build-device-kernels", "::mlir::ModuleOp"> {
  let summary = "Quantize, dequantize, relayout and amax become device kernels";
  let description = [{
    Replaces each `qmm.phys.quantize`, `dequantize`, `relayout` and `amax` by
    kernels of the `gpu.module @qmm.device` and `qmm.launch`es of them.  Equal
    kernels are one: a kernel's constants are K, the scheme, the layout and the
    types; rows and batch reach it as integers.  Kernels are the same for every
    chip.

    - Scales that are given, or one for the whole tensor: 32 bytes of input a
      thread.
    - Blocks of one row that a warp's neighbours hold: the same, and the amax
      through shuffles.
    - Any other block: a block of threads each, which holds the elements in
      registers where they fit and reads them twice where not.

    Scales go to the places that the layout gives them, with zeros to its pads;
    so do codes.  An extent of 0 is launched where a scale has to be written all
    the same.

    The amax of a whole tensor, for its scale or tensor scale, is computed by
    every block for itself up to 256 KiB; beyond, a kernel before leaves partial
    results in a buffer, and the second pass goes backwards through what is still
    in L2.  Where the size depends on dynamic extents there are launches for
    both, one of which has the extent 0.

    A relayout that moves nothing is a `memref.copy`.  A buffer with a layout of
    its own (a view) is copied to or from one without.

    Errors, at the op: it works on tensors.  Running it again changes nothing.

    Before:
    ```mlir
    func.func @main(%x: memref<?x256xbf16>, %q: memref<?x256xf8E4M3FN>,
                    %s: memref<?x1xf32>) {
      qmm.phys.quantize ins(%x : memref<?x256xbf16>)
        outs(%q, %s : memref<?x256xf8E4M3FN>, memref<?x1xf32>)
        {input_types = [tensor<?x256xbf16>],
         output_types = [!qmm.tensor<?x256xbf16, fp8_row>]}
      return
    }
    ```
    After, with the kernel's body left out:
    ```mlir
    module attributes {gpu.container_module} {
      func.func @main(%x: memref<?x256xbf16>, %q: memref<?x256xf8E4M3FN>,
                      %s: memref<?x1xf32>) {
        %c0 = arith.constant 0 : index
        %m = memref.dim %x, %c0 : memref<?x256xbf16>
        %0 = memref.collapse_shape %x [[0, 1]] : memref<?x256xbf16> into memref<?xbf16>
        %1 = memref.collapse_shape %q [[0, 1]] : memref<?x256xf8E4M3FN> into memref<?xf8E4M3FN>
        %2 = memref.collapse_shape %s [[0, 1]] : memref<?x1xf32> into memref<?xf32>
        qmm.launch @qmm.device::@quantize_block(%0, %1, %2
            : memref<?xbf16>, memref<?xf8E4M3FN>, memref<?xf32>)
          integers(%m) extent(%m)
        return
      }
      gpu.module @qmm.device {
        gpu.func @quantize_block(%x: memref<?xbf16>, %q: memref<?xf8E4M3FN>, %s: memref<?xf32>,
                                 %m: index, %extent: index) kernel
            attributes {qmm.launch = {threads = 256 : i64, items_per_block = 1 : i64,
                                      shared_bytes = 0 : i64, blocks_per_sm = 0 : i64,
                                      cooperative = false}} {
          gpu.return
        }
      }
    }
    ```
  }];
  let dependentDialects = [
    "::mlir::qmm::QMMDialect", "::mlir::arith::ArithDialect",
    "::mlir::gpu::GPUDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::NVVM::NVVMDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def LowerConversions : Pass<"qmm-lower-conversions"> {
  let summary = "Codes to and from f32, by instructions or arithmetic";
  let description = [{
    Lowers `qmm.encode`, `qmm.decode` and `qmm.encode_scale` for one chip, and
    what converts 4- and 8-bit floats otherwise (`--qmm-expand-small-floats`).

    | | instruction | elsewhere |
    |---|---|---|
    | f32 to E4M3, E5M2 | `cvt.rn.satfinite` of two, from sm_89 on | integer arithmetic |
    | E4M3, E5M2 to f32 | `cvt.rn.f16x2` of two, from sm_89 on | places of f32 times a power of two; E5M2: the upper half of an f16 |
    | f32 to E2M1 | `cvt.rn.satfinite` of two: sm_100a, 100f, 101a, 103a, 110a, 120a, 121a and their like | integer arithmetic |
    | E2M1, E8M0, i8 to f32; i8; E8M0 scales | | arithmetic everywhere: the instructions aren't fewer |

    Both give what the runtime's quantization gives, bit for bit; a NaN code's
    sign and a decoded NaN's payload are the chip's.

    Before:
    ```mlir
    func.func @f(%v: vector<2xf32>) -> vector<2xi8> {
      %c = qmm.encode %v {element = f8E4M3FN} : vector<2xf32> -> vector<2xi8>
      return %c : vector<2xi8>
    }
    ```
    After, for sm_90:
    ```mlir
    func.func @f(%v: vector<2xf32>) -> vector<2xi8> {
      %a = vector.extract %v[0] : f32 from vector<2xf32>
      %b = vector.extract %v[1] : f32 from vector<2xf32>
      %0 = nvvm.convert.f32x2.to.f8x2 %b, %a
        {rnd = #nvvm.fp_rnd_mode<rn>, sat = #nvvm.sat_mode<satfinite>} : i16(f8E4M3FN)
      %1 = vector.from_elements %0 : vector<1xi16>
      %c = vector.bitcast %1 : vector<1xi16> to vector<2xi8>
      return %c : vector<2xi8>
    }
    ```
  }];
  let options = [
    Option<"chip", "chip", "std::string", /*default=*/"",
           "The chip, as sm_90; none: no instructions">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::NVVM::NVVMDialect", "::mlir::vector::VectorDialect"];
}

def DeviceToPTX : Pass<"qmm-device-to-ptx", "::mlir::ModuleOp"> {
  let summary = "Writes the code of the device kernels to files";
  let description = [{
    Compiles the kernels of `@qmm.device` for every chip of `chips` and writes
    `directory`/CHIP.ptx or, with `format=cubin` and ptxas, CHIP.cubin and
    CHIP.txt: what ptxas says of registers and spills.  The module stays as it
    is.  `docs/device-kernels.md` has the signature of the code.

    Errors: a chip or a format that isn't known; an op that nothing lowers; ptxas
    missing or failing; a file that can't be written.
  }];
  let options = [
    ListOption<"chips", "chips", "std::string", "The chips, as sm_90">,
    Option<"format", "format", "std::string", /*default=*/"\"ptx\"",
           "ptx or cubin">,
    Option<"directory", "directory", "std::string", /*default=*/"\".\"",
           "Where the files go">,
    Option<"ptxas", "ptxas", "std::string", /*default=*/"",
           "The program; none: on PATH, or in bin of CUDA_PATH or CUDA_HOME">];
}

def KernelsToDevice : Pass<"qmm-kernels-to-device", "::mlir::ModuleOp"> {
  let summary = "Outlined kernels become GPU kernels, a thread a point";
  let description = [{
    Moves every function of `@qmm.kernels`, which `--qmm-outline-kernels{points}`
    has made, to the `gpu.module @qmm.device`: the range [begin, end) becomes the
    thread's number and the next, guarded by the extent.  Blocks have 256
    threads.  Constant globals and launches follow.

    Running it again changes nothing.

    Before:
    ```mlir
    module {
      func.func @main(%x: memref<?xf32>, %n: index) {
        qmm.launch @qmm.kernels::@clear(%x : memref<?xf32>) integers() extent(%n)
        return
      }
      module @qmm.kernels {
        func.func @clear(%x: memref<?xf32>, %begin: index, %end: index) {
          %zero = arith.constant 0.0 : f32
          %c1 = arith.constant 1 : index
          scf.for %i = %begin to %end step %c1 {
            memref.store %zero, %x[%i] : memref<?xf32>
          }
          return
        }
      }
    }
    ```
    After:
    ```mlir
    module attributes {gpu.container_module} {
      func.func @main(%x: memref<?xf32>, %n: index) {
        qmm.launch @qmm.device::@clear(%x : memref<?xf32>) integers() extent(%n)
        return
      }
      gpu.module @qmm.device {
        gpu.func @clear(%x: memref<?xf32>, %extent: index) kernel
            attributes {qmm.launch = {threads = 256 : i64, items_per_block = 256 : i64,
                                      shared_bytes = 0 : i64, blocks_per_sm = 0 : i64,
                                      cooperative = false}} {
          %zero = arith.constant 0.0 : f32
          %c1 = arith.constant 1 : index
          %c256 = arith.constant 256 : index
          %block = gpu.block_id x
          %thread = gpu.thread_id x
          %first = arith.muli %block, %c256 : index
          %begin = arith.addi %first, %thread : index
          %end = arith.addi %begin, %c1 : index
          %inside = arith.cmpi ult, %begin, %extent : index
          scf.if %inside {
            scf.for %i = %begin to %end step %c1 {
              memref.store %zero, %x[%i] : memref<?xf32>
            }
          }
          gpu.return
        }
      }
    }
    ```
  }];
  let dependentDialects = [
    "::mlir::qmm::QMMDialect", "::mlir::arith::ArithDialect",
    "::mlir::gpu::GPUDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect"];
}

#endif // QMM_KERNELS_DEVICE_PASSES_TD
