//===- Chunk.h - What one thread handles at a time -------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A chunk is 32 bytes of wide elements next to each other in a row: two 16-byte
// accesses where the row permits, else one access an element.  Either way it is
// the same registers afterwards.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_LIB_KERNELS_DEVICE_CHUNK_H
#define QMM_LIB_KERNELS_DEVICE_CHUNK_H

#include "KernelLibrary.h"

namespace mlir::qmm {

constexpr int64_t kChunkBytes = 32;
constexpr uint32_t kF32Inf = 0x7F800000u;
constexpr uint32_t kF32NaN = 0x7FC00000u;

inline int64_t getWideBytes(Type wide) {
  return wide.getIntOrFloatBitWidth() / 8;
}
inline int64_t getChunkSize(Type wide) {
  return kChunkBytes / getWideBytes(wide);
}

/// Where a chunk is in its row, and what of it exists.
struct Span {
  Value first;     // element of the row
  Value end;       // elements from here on don't exist
  Value storedEnd; // nor does storage
  Value real;      // i1: the row exists (null: it does)
  Value stored;    // i1: the row has storage (null: it has)
  bool vector;     // a whole chunk may be accessed 16 bytes at a time
  bool whole;      // the chunk is known to be whole, or behind the end
};

/// Two registers of 16 bytes.
using Raw = SmallVector<Value>;

/// The chunk of the row that starts at element `row` of `buffer`; what doesn't
/// exist is 0.
Raw loadChunk(KernelBody &e, Value buffer, Value row, const Span &span);

/// Elements of a chunk as vector<?xf32>, exactly.
Value widen(Emitter &e, Type wide, ArrayRef<Value> raw);

/// vector<?xi32> with the elements' signs on top, those of NaNs too.
Value widenSigns(Emitter &e, Type wide, ArrayRef<Value> raw);

/// Bits of the largest |element|, as f32; NaN, as 0x7FC00000, if one is NaN.
Value getMagnitude(Emitter &e, Type wide, ArrayRef<Value> raw);
/// From the largest bits of elements with the signs cleared.
Value widenMagnitude(Emitter &e, Type wide, Value bits);

/// The larger magnitude of `lanes` neighbours (a power of 2, up to 32), or of
/// the whole block of threads.  All threads take part.
Value maxOverLanes(Emitter &e, Value bits, int64_t lanes);
Value maxOverBlock(KernelBody &e, Value bits);

/// The codes of a chunk (words of i32) to the row that starts at byte `row`;
/// zeros to storage that is no element's.
void storeCodes(KernelBody &e, Value codes, Value buffer, Value row,
                const Span &span, int64_t codesPerByte);

/// A chunk of codes as vector<?xi8>; what doesn't exist is 0.
Value loadCodes(KernelBody &e, Value buffer, Value row, const Span &span,
                int64_t count, int64_t codesPerByte);

/// A chunk of f32 rounded to the buffer's type.
void storeWide(KernelBody &e, Value values, Value buffer, Value row,
               const Span &span);

} // namespace mlir::qmm

#endif // QMM_LIB_KERNELS_DEVICE_CHUNK_H
