//===- numerics/Layouts.h - Storage shapes and scale offsets -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From a logical shape, scheme and layout to the shapes of the buffers and the
// place of each scale.  The compiler derives its physical types from here.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_NUMERICS_LAYOUTS_H
#define QMMRT_NUMERICS_LAYOUTS_H

#include "qmm/tensor.h"
#include "support/Status.h"

#include <cstdint>
#include <string>

namespace qmmrt {

constexpr int64_t kDynamic = INT64_MIN; // as MLIR's ShapedType::kDynamic

/// nullptr for a scheme without a preset's name.
const char *getSchemeName(const qmm_scheme &scheme);
/// The preset's name, or a spelled-out description, for messages.
std::string describeScheme(const qmm_scheme &scheme);
bool operator==(const qmm_scheme &lhs, const qmm_scheme &rhs);
bool operator==(const qmm_layout &lhs, const qmm_layout &rhs);
inline bool isWide(const qmm_scheme &s) { return s.scale == QMM_DTYPE_NONE; }

/// Is the pair legal: element and scale types known, nibble order present
/// exactly for E2M1, a scale layout that this scheme can have (tiled_128x4
/// needs 1-row blocks and one-byte scales, blocks_128x128 f32 scales and 2-D
/// blocks, ...), pads positive?  The message names what was found and expected.
Status verifySchemeAndLayout(const qmm_scheme &scheme,
                             const qmm_layout &layout);

/// Storage extent of the outer (K) dimension: rounded up to its pad multiple.
/// kDynamic passes through.
int64_t getStorageOuter(const qmm_layout &layout, int64_t outer);
int64_t getStorageK(const qmm_layout &layout, int64_t k);
/// Bytes of one storage row of K elements (E2M1: rounded up).
int64_t getRowBytes(const qmm_scheme &scheme, const qmm_layout &layout,
                    int64_t k);

/// The logical scale matrix of one outer x K matrix: R x C, ceiling division;
/// 1 x 1 for whole-tensor schemes.  kDynamic passes through where the extent
/// depends on it.
struct ScaleExtents {
  int64_t rows, cols;
};
ScaleExtents getLogicalScales(const qmm_scheme &scheme, int64_t outer,
                              int64_t k);
/// The scale buffer of one matrix, row-major, pads included (outer_major: C x
/// padded R).
ScaleExtents getStorageScales(const qmm_scheme &scheme,
                              const qmm_layout &layout, int64_t outer,
                              int64_t k);
/// Element offset of logical scale (r, c) in that buffer, where `logical` is
/// getLogicalScales of the matrix.
int64_t getScaleOffset(const qmm_layout &layout, const ScaleExtents &logical,
                       int64_t r, int64_t c);

/// Everything that a descriptor's static shape, scheme and layout determine.
/// Ranks below 2 (wide tensors only) count as one row, and 0 as one element.
struct TensorExtents {
  int64_t batch;                  // matrices
  int64_t outer, k;               // logical, per matrix
  int64_t storageOuter, storageK; // pads included
  int64_t rowBytes, matrixBytes;  // data of one storage row, one matrix
  ScaleExtents logicalScales;     // 0 x 0 when wide
  ScaleExtents storageScales;     // 0 x 0 when wide
  int64_t scaleMatrices;          // batch, 1 for whole-tensor schemes, or 0
  int64_t scaleMatrixBytes;       // of one storage scale matrix
  int64_t dataBytes, scaleBytes, tensorScaleBytes; // the three buffers
};
/// Checks the descriptor but for its pointers (struct size, rank, extents,
/// scheme, layout, K against the block, sizes within int64).  `what` names it
/// in the message.
Result<TensorExtents> getTensorExtents(const qmm_tensor &tensor,
                                       const char *what);

} // namespace qmmrt

#endif // QMMRT_NUMERICS_LAYOUTS_H
