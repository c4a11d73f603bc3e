//===- program/Program.h - A compiled program in memory ------- -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the compiler's emitters read and the interpreter runs: flat lists of
// commands over buffer slots, with integer expressions in the dynamic
// dimensions.  Artifact.h writes it to a `.qmm` file and reads it back.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_PROGRAM_PROGRAM_H
#define QMMRT_PROGRAM_PROGRAM_H

#include "qmm/ops.h"
#include "qmm/tensor.h"

#include <cstdint>
#include <string>
#include <vector>

namespace qmmrt::program {

/// An integer expression in postfix order over an entry's dynamic dimensions.
/// Overflow and division by zero are evaluation errors.
struct Expr {
  enum class Op : uint8_t {
    Constant, // push value
    Dim,      // push dynamic dimension number `value` of the entry
    Add,
    Sub,
    Mul,
    FloorDiv,
    CeilDiv,
    Mod,
    Max,
    Min
  };
  struct Term {
    Op op;
    int64_t value = 0; // Constant and Dim only
  };
  std::vector<Term> terms;

  static Expr constant(int64_t value) { return {{{Op::Constant, value}}}; }
  static Expr dim(int64_t index) { return {{{Op::Dim, index}}}; }
};

/// A range of bytes that commands name by its index in `slots`.
struct Slot {
  enum class Kind : uint8_t {
    Input,     // base: input `index` of the entry
    Output,    // base: output `index` of the entry
    Arena,     // base: the caller's arena
    Parameter, // base: the module's parameter `index`, read only
    Packed     // base: the module's packed buffer `index`; written by init only
  };
  Kind kind = Kind::Arena;
  uint32_t index = 0; // 0 for Arena
  Expr offset;        // bytes from the base
  Expr bytes;         // extent
};

constexpr int32_t kNoSlot = -1;

/// A qmm_tensor whose shape is expressions and whose pointers are slots.
struct TensorRef {
  qmm_scheme scheme = {};
  qmm_layout layout = {};
  std::vector<Expr> shape;
  int32_t data = kNoSlot;
  int32_t scale = kNoSlot;
  int32_t tensorScale = kNoSlot;
};

struct Command {
  enum class Kind : uint8_t {
    ScaledMatmul, // tensors: a, b, d, then bias and residual where flagged;
                  // alpha
    Quantize,     // tensors: src, dst
    Dequantize,   // tensors: src, dst
    Relayout,     // tensors: src, dst
    Amax,         // tensors: src; amax
    Kernel,       // kernel, slots, integers, extent
    Copy          // slots: src, dst; integers: bytes
  };
  Kind kind = Kind::Copy;
  std::vector<TensorRef> tensors;

  // ScaledMatmul
  qmm_activation activation = QMM_ACTIVATION_NONE;
  qmm_dtype aPrecision = QMM_DTYPE_F32, bPrecision = QMM_DTYPE_F32;
  bool hasBias = false;
  bool hasResidual = false;
  int32_t alpha = kNoSlot; // f32
  int32_t amax = kNoSlot;  // f32; also Amax's result
  // f32, 1 / d's scale: what cuBLASLt multiplies an FP8 result with.
  int32_t inverseOutScale = kNoSlot;

  // Quantize
  qmm_scale_source scaleSource = QMM_SCALES_COMPUTED;
  qmm_e8m0_rounding e8m0Rounding = QMM_E8M0_CEIL;
  qmm_dtype dividePrecision = QMM_DTYPE_F32;
  bool scalePrecisionInput = false;

  // Kernel: kernels[kernel](buffers of slots, values of integers, begin, end)
  // over ranges of [0, extent), in parallel; on a GPU one launch, which takes
  // the extent itself.
  uint32_t kernel = 0;
  std::vector<int32_t> slots;
  std::vector<Expr> integers;
  Expr extent;

  std::string location; // of the op in the source program, for messages
};

/// A host kernel's C signature.  Buffers are the slots' addresses.
using HostKernel = void (*)(void *const *buffers, const int64_t *integers,
                            int64_t begin, int64_t end);

struct Value {
  std::string name;
  qmm_dtype dtype = QMM_DTYPE_NONE; // E2M1: packed lo_first
  std::vector<Expr> shape;          // inputs: a Constant or a single Dim each
};

/// A condition on shapes that holds or makes query() fail with `message`.
struct Check {
  Expr lhs, rhs; // equal
  std::string message;
};

struct Entry {
  std::string name;
  std::vector<Value> inputs, outputs;
  uint32_t numDims = 0; // each is defined by the first input extent naming it
  std::vector<Check> checks;
  std::vector<Slot> slots;
  std::vector<Command> commands;
  Expr arenaBytes; // 64-byte aligned slots; matmul workspace is the runtime's
};

/// Bytes in a safetensors file (`file` >= 0, under `key`) or in the artefact.
struct Parameter {
  std::string key; // "scope::name", unique
  qmm_dtype dtype = QMM_DTYPE_NONE;
  std::vector<int64_t> shape; // E2M1: in bytes along the last dimension as U8
  int32_t file = -1;          // index in Module::files, or -1: embedded
  std::string fileKey;        // the tensor's name in that file
  uint64_t digest = 0;        // xxh3-64 of the bytes; 0: not recorded
  const void *data = nullptr; // embedded bytes: borrowed from a mapped file
  uint64_t bytes = 0;
};

/// The grid of a device kernel: ceil(extent / itemsPerBlock) blocks of
/// `threads`, at most blocksPerSM a multiprocessor unless that is 0.
struct LaunchShape {
  uint32_t threads = 0; // 0: a host kernel
  uint64_t itemsPerBlock = 0;
  uint32_t sharedBytes = 0; // dynamic
  uint32_t blocksPerSM = 0;
  bool cooperative = false;
};

struct Kernel {
  std::string name; // symbol
  LaunchShape launch = {};
};

/// Native code of every kernel by name: a shared ELF object, a cubin or PTX.
struct Object {
  // "x86-64", "x86-64-v3", "x86-64-v4", "aarch64"; "sm_90" is a cubin, and
  // "ptx:sm_90" PTX text.
  std::string isa;
  std::string bytes;
};

struct Module {
  std::string target;             // "cpu" or "cuda"
  std::vector<std::string> files; // paths as given when compiling, absolute
  std::vector<Parameter> parameters;
  std::vector<uint64_t> packed; // bytes of each packed buffer
  Entry init;                   // no inputs or outputs; runs once at load
  std::vector<Entry> entries;
  std::vector<Kernel> kernels;
  std::vector<Object> objects;
  std::string report; // JSON
};

} // namespace qmmrt::program

#endif // QMMRT_PROGRAM_PROGRAM_H
