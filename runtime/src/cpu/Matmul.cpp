//===- cpu/Matmul.cpp - Scaled matmul on the CPU --------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two algorithms: few rows of A stream packed B once (see Gemv.h); many rows
// pack a block of A, and each worker decodes panels of B to f32 as it goes.
// Both end in the same epilogue.  Every sum has a fixed order.
//
//===----------------------------------------------------------------------===//
#include "cpu/Matmul.h"

#include "cpu/FixedDot.h"
#include "cpu/Gemv.h"
#include "cpu/MatmulBlocking.h"
#include "numerics/Convert.h"
#include "numerics/Quantize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace qmmrt::cpu {
namespace {

uint32_t toBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

class Run {
public:
  Run(Executor &executor, const MatmulPlan &plan, const MatmulBuffers &buffers,
      void *workspace)
      : executor(executor), plan(plan), kernels(*plan.kernels),
        buffers(buffers), base(static_cast<uint8_t *>(workspace)), d(plan.d) {
    d.data = static_cast<uint8_t *>(const_cast<void *>(buffers.d.data));
    d.scales = static_cast<uint8_t *>(const_cast<void *>(buffers.d.scale));
  }

  void run();

private:
  template <typename T> T *at(int64_t offset) const {
    return reinterpret_cast<T *>(base + offset);
  }
  uint8_t *scratch(unsigned worker) const {
    return base + plan.workersAt + worker * plan.workerBytes;
  }
  FixedRow *fixedRow(int64_t row) const {
    return FixedRow::at(base + plan.fixedAt +
                        row * FixedRow::getBytes(plan.paddedK));
  }
  uint32_t &amaxBits(unsigned worker) const {
    return *at<uint32_t>(plan.amaxAt + worker * kAlignment);
  }

  void runSmall();
  void unpackA();
  void dotColumns(int64_t matrix, int64_t n0, int64_t cols, uint8_t *scratch,
                  float *tile);
  void dotColumn(int64_t matrix, int64_t n, const float *scales, float *tile);
  void loadScales(int64_t matrix, int64_t n, float *scales);
  void dotFixedColumns(int64_t matrix, int64_t n0, int64_t cols,
                       uint8_t *scratch, float *tile);
  void gatherTiledScales(const uint8_t *first, int64_t stride, uint8_t *dst);

  void runLarge();
  void packA(int64_t matrix, int64_t m0, int64_t rows);
  void multiplyBlock(int64_t matrix, int64_t m0, int64_t rows, int64_t n0,
                     int64_t cols, unsigned worker);

  void finish(int64_t matrix, int64_t m0, int64_t rows, int64_t n0,
              int64_t cols, float *tile, int64_t stride, unsigned worker);
  void quantizeResult();

  Executor &executor;
  const MatmulPlan &plan;
  const KernelTable &kernels;
  const MatmulBuffers &buffers;
  uint8_t *base;
  detail::View d;
  float outputScale = 1.0f;
  float alpha = 1.0f;
};

/// An exact sum as an element of the tile: its value, or, for an i32 result,
/// its low 32 bits.
float toTile(const MatmulPlan &plan, int64_t sum) {
  if (plan.output != MatmulPlan::Output::Integer)
    return float(sum);
  const uint32_t bits = uint32_t(uint64_t(sum));
  float element;
  std::memcpy(&element, &bits, sizeof(element));
  return element;
}

void Run::run() {
  if (plan.biasType != QMM_DTYPE_NONE)
    decodeRow(plan.biasType, QMM_NIBBLES_NONE, buffers.bias, 0, plan.n,
              at<float>(plan.biasAt));
  if (plan.output == MatmulPlan::Output::Static)
    std::memcpy(&outputScale, buffers.d.scale, sizeof(outputScale));
  if (plan.hasAlpha)
    std::memcpy(&alpha, buffers.alpha, sizeof(alpha));
  for (unsigned worker = 0; worker < plan.workers; ++worker)
    amaxBits(worker) = 0;

  if (plan.batch > 0 && plan.m > 0 && plan.n > 0) {
    if (plan.isSmall)
      runSmall();
    else
      runLarge();
  }
  if (plan.output == MatmulPlan::Output::Computed)
    quantizeResult();
  else
    d.zeroPadRows();
  if (plan.wantsAmax) {
    uint32_t bits = 0;
    for (unsigned worker = 0; worker < plan.workers; ++worker)
      bits = std::max(bits, amaxBits(worker));
    std::memcpy(buffers.amax, &bits, sizeof(bits));
  }
}

//===----------------------------------------------------------------------===//
// Few rows of A
//===----------------------------------------------------------------------===//

void Run::runSmall() {
  unpackA();
  const int64_t blocks = detail::ceilDiv(plan.n, kSmallCols);
  const int64_t work = kSmallCols * std::max<int64_t>(plan.k, 1);
  executor.parallelFor(
      plan.batch * blocks, detail::getGrain(work),
      [&](int64_t begin, int64_t end, unsigned worker) {
        uint8_t *own = scratch(worker);
        float *tile =
            reinterpret_cast<float *>(own + SmallScratch(plan).tileAt);
        for (int64_t i = begin; i < end; ++i) {
          const int64_t matrix = i / blocks, n0 = i % blocks * kSmallCols;
          const int64_t cols = std::min(kSmallCols, plan.n - n0);
          dotColumns(matrix, n0, cols, own, tile);
          finish(matrix, 0, plan.m, n0, cols, tile, kSmallCols, worker);
        }
      });
}

/// A as rows of f32, in the order of elements that B's kernel wants.
void Run::unpackA() {
  float *dst = at<float>(plan.packedAt);
  const bool permutes =
      plan.isFused && !plan.isFixed && plan.b.element() == QMM_DTYPE_E2M1;
  constexpr int64_t kPiece = 512; // a multiple of kDotPad
  const int64_t pieces = detail::ceilDiv(plan.paddedK, kPiece);
  executor.parallelFor(
      plan.batch * plan.m * pieces, detail::getGrain(kPiece),
      [&](int64_t begin, int64_t end, unsigned) {
        alignas(64) float buffer[kPiece];
        for (int64_t i = begin; i < end; ++i) {
          const int64_t row = i / pieces, k = i % pieces * kPiece;
          const int64_t count = std::min(kPiece, plan.paddedK - k);
          const int64_t valid = std::min(count, plan.k - k);
          float *out = dst + row * plan.paddedK + k;
          float *decoded = permutes ? buffer : out;
          plan.a.decode(kernels, buffers.a, row / plan.m, row % plan.m, k,
                        valid, decoded);
          std::fill(decoded + valid, decoded + count, 0.0f);
          if (permutes)
            getDots().permuteForNibbles(plan.b.nibbles(), buffer, count, out);
        }
      });
  if (plan.isFixed)
    executor.parallelFor(plan.batch, detail::getGrain(plan.paddedK),
                         [&](int64_t begin, int64_t end, unsigned) {
                           for (int64_t row = begin; row < end; ++row)
                             getFixedDots().prepare(
                                 plan.b.nibbles(), dst + row * plan.paddedK,
                                 plan.paddedK, fixedRow(row));
                         });
}

void Run::dotColumns(int64_t matrix, int64_t n0, int64_t cols, uint8_t *scratch,
                     float *tile) {
  if (plan.isFixed && fixedRow(matrix)->isFinite) {
    dotFixedColumns(matrix, n0, cols, scratch, tile);
    return;
  }
  float *scales = nullptr;
  if (plan.isFused && !plan.isFixed && plan.b.hasBlocksInK)
    scales = reinterpret_cast<float *>(scratch + SmallScratch(plan).scalesAt);
  for (int64_t n = 0; n < cols; ++n) {
    if (scales)
      loadScales(matrix, n0 + n, scales);
    dotColumn(matrix, n0 + n, scales, tile + n);
  }
}

/// The block scales of a row of B, and zeros as far as kernels read.
void Run::loadScales(int64_t matrix, int64_t n, float *scales) {
  const int64_t blocks = plan.b.extents.logicalScales.cols;
  const int64_t readable = plan.paddedK / plan.b.scheme.block_k + 16;
  plan.b.loadBlockScales(buffers.b, matrix, n, 0, blocks, scales);
  std::fill(scales + blocks, scales + readable, 0.0f);
}

/// One row of A in fixed point.
void Run::dotFixedColumns(int64_t matrix, int64_t n0, int64_t cols,
                          uint8_t *scratch, float *tile) {
  const FixedDotTable &dots = getFixedDots();
  const FixedRow &x = *fixedRow(matrix);
  uint8_t *own = scratch + SmallScratch(plan).scalesAt;
  float *scales = reinterpret_cast<float *>(own);
  const bool isTiled = plan.b.layout.scales == QMM_SCALES_TILED_128X4;
  const int64_t stride = plan.paddedK / kFixedBlock;
  for (int64_t n = n0; n < n0 + cols; ++n, ++tile) {
    const uint8_t *row = plan.b.row(buffers.b, matrix, n);
    if (plan.takesScaleCodes) {
      const uint8_t *codes = plan.b.scaleBytes(buffers.b, matrix, n);
      const uint8_t *soon = codes + 2 * stride;
      if (isTiled) {
        // The next four rows' cache lines, of even and of odd tiles.
        soon = codes + 64 - n % 4 * 16 + n % 2 * 512;
        if (n % 4 == 0)
          gatherTiledScales(codes, stride, own);
        codes = own + n % 4 * stride;
      }
      *tile = dots.dotE4M3(row, plan.k, codes, soon, isTiled ? 1024 : 8, x);
    } else if (plan.b.hasBlocksInK) {
      loadScales(matrix, n, scales);
      *tile = dots.dot(row, plan.k, plan.b.scheme.block_k, scales, x);
    } else {
      *tile = dots.dot(row, plan.k, 0, nullptr, x);
    }
    // A NaN, or a factor out of range.
    if (!std::isfinite(*tile))
      dotColumn(matrix, n, nullptr, tile);
  }
}

/// The scales of four rows that share cache lines, `stride` apart: tiles are
/// 512 bytes apart, so that the lines of a row fall on few sets of a cache and
/// wouldn't stay in it.
void Run::gatherTiledScales(const uint8_t *first, int64_t stride,
                            uint8_t *dst) {
  const int64_t blocks = plan.b.extents.logicalScales.cols;
  for (int64_t c = 0; c < blocks; c += 4, first += 512)
    for (int64_t row = 0; row < 4; ++row)
      std::memcpy(dst + row * stride + c, first + row * 16, 4);
}

/// One row of B with all rows of A; results are kSmallCols apart.
void Run::dotColumn(int64_t matrix, int64_t n, const float *scales,
                    float *tile) {
  const float *x = at<float>(plan.packedAt) + matrix * plan.m * plan.paddedK;
  const DotTable &dots = getDots();
  const int64_t block = scales ? plan.b.scheme.block_k : 0;
  const uint8_t *row = plan.b.row(buffers.b, matrix, n);
  const int64_t depth = plan.isExactInt ? kExactDepth : plan.k;

  // Groups of about one size: E2M1's kernel takes no single row.
  const int64_t groups = detail::ceilDiv(plan.m, kMaxDotRows);
  int rows = 0;
  for (int64_t m = 0, group = 0; group < groups; m += rows, ++group) {
    rows = int((plan.m - m) / (groups - group));
    const float *xRows = x + m * plan.paddedK;
    double sums[kMaxDotRows] = {};
    bool isDone = plan.isFused && !plan.isFixed;
    for (int64_t k = 0; k < plan.k && isDone; k += depth) {
      float part[kMaxDotRows];
      // Only int8 is split, at one byte an element.
      isDone = dots.dot(plan.b.element(), row + k, std::min(depth, plan.k - k),
                        block, scales, xRows + k, plan.paddedK, rows, part);
      for (int i = 0; i < rows; ++i)
        sums[i] += part[i];
    }
    if (!isDone) {
      constexpr int64_t kPiece = 1024;
      static_assert(kPiece <= kExactDepth, "exact sums");
      alignas(64) float decoded[kPiece];
      std::fill(sums, sums + kMaxDotRows, 0.0);
      for (int64_t k = 0; k < plan.k; k += kPiece) {
        const int64_t count = std::min(kPiece, plan.k - k);
        plan.b.decode(kernels, buffers.b, matrix, n, k, count, decoded);
        for (int i = 0; i < rows; ++i)
          sums[i] += kernels.dot(decoded, xRows + i * plan.paddedK + k, count);
      }
    }
    for (int i = 0; i < rows; ++i)
      tile[(m + i) * kSmallCols] =
          plan.isExactInt ? toTile(plan, int64_t(sums[i])) : float(sums[i]);
  }
}

//===----------------------------------------------------------------------===//
// Many rows of A
//===----------------------------------------------------------------------===//

void Run::runLarge() {
  const int64_t blocks = detail::ceilDiv(plan.n, plan.blockCols);
  for (int64_t matrix = 0; matrix < plan.batch; ++matrix)
    for (int64_t m0 = 0; m0 < plan.m; m0 += plan.blockRows) {
      const int64_t rows = std::min(plan.blockRows, plan.m - m0);
      packA(matrix, m0, rows);
      executor.parallelFor(
          blocks, 1, [&](int64_t begin, int64_t end, unsigned worker) {
            for (int64_t i = begin; i < end; ++i) {
              const int64_t n0 = i * plan.blockCols;
              multiplyBlock(matrix, m0, rows, n0,
                            std::min(plan.blockCols, plan.n - n0), worker);
            }
          });
    }
}

/// Slices of kDepth, in each the panels of tileRows rows, column by column.
void Run::packA(int64_t matrix, int64_t m0, int64_t rows) {
  float *packed = at<float>(plan.packedAt);
  const int64_t tileRows = kernels.tileRows;
  const int64_t panels = detail::ceilDiv(rows, tileRows);
  const int64_t slices = detail::ceilDiv(plan.k, kDepth);
  executor.parallelFor(
      panels * slices, detail::getGrain(tileRows * kDepth),
      [&](int64_t begin, int64_t end, unsigned worker) {
        float *own =
            reinterpret_cast<float *>(scratch(worker)); // LargeScratch::rowsAt
        for (int64_t i = begin; i < end; ++i) {
          const int64_t k0 = i / panels * kDepth, panel = i % panels;
          const int64_t depth = std::min(kDepth, plan.k - k0);
          const int64_t first = panel * tileRows;
          const int64_t count = std::min(tileRows, rows - first);
          for (int64_t r = 0; r < count; ++r)
            plan.a.decode(kernels, buffers.a, matrix, m0 + first + r, k0, depth,
                          own + r * kDepth);
          kernels.transpose(own, kDepth, count, depth, tileRows,
                            packed + k0 * panels * tileRows +
                                panel * depth * tileRows);
        }
      });
}

void Run::multiplyBlock(int64_t matrix, int64_t m0, int64_t rows, int64_t n0,
                        int64_t cols, unsigned worker) {
  const LargeScratch parts(plan);
  uint8_t *own = scratch(worker);
  float *decoded = reinterpret_cast<float *>(own + parts.rowsAt);
  float *panelB = reinterpret_cast<float *>(own + parts.panelAt);
  float *tile = reinterpret_cast<float *>(own + parts.tileAt);
  int64_t *exact = reinterpret_cast<int64_t *>(own + parts.exactAt);
  const float *packed = at<float>(plan.packedAt);
  const int64_t tileRows = kernels.tileRows, tileCols = kernels.tileCols;
  const int64_t stride = plan.blockCols;
  const int64_t panels = detail::ceilDiv(rows, tileRows);

  std::fill(tile, tile + rows * stride, 0.0f);
  if (plan.isExactInt)
    std::fill(exact, exact + rows * stride, int64_t(0));
  for (int64_t k0 = 0; k0 < plan.k; k0 += kDepth) {
    const int64_t depth = std::min(kDepth, plan.k - k0);
    const float *slice = packed + k0 * panels * tileRows;
    for (int64_t j = 0; j < cols; j += tileCols) {
      const int64_t count = std::min(tileCols, cols - j);
      for (int64_t r = 0; r < count; ++r)
        plan.b.decode(kernels, buffers.b, matrix, n0 + j + r, k0, depth,
                      decoded + r * kDepth);
      kernels.transpose(decoded, kDepth, count, depth, tileCols, panelB);
      for (int64_t p = 0; p < panels; ++p)
        kernels.multiplyTile(int(std::min(tileRows, rows - p * tileRows)),
                             depth, slice + p * depth * tileRows, panelB,
                             tile + p * tileRows * stride + j, stride);
    }
    if (plan.isExactInt &&
        ((k0 + depth) % kExactDepth == 0 || k0 + depth == plan.k)) {
      for (int64_t i = 0; i < rows * stride; ++i) {
        exact[i] += int64_t(tile[i]);
        tile[i] = 0.0f;
      }
    }
  }
  if (plan.isExactInt)
    for (int64_t i = 0; i < rows * stride; ++i)
      tile[i] = toTile(plan, exact[i]);
  finish(matrix, m0, rows, n0, cols, tile, stride, worker);
}

//===----------------------------------------------------------------------===//
// Epilogue
//===----------------------------------------------------------------------===//

/// From sums to the result: row `r` of the tile is row m0 + r of the matrix.
void Run::finish(int64_t matrix, int64_t m0, int64_t rows, int64_t n0,
                 int64_t cols, float *tile, int64_t stride, unsigned worker) {
  if (plan.output == MatmulPlan::Output::Integer) {
    for (int64_t r = 0; r < rows; ++r) {
      uint8_t *row = d.row(matrix, m0 + r);
      std::memcpy(row + n0 * 4, tile + r * stride, size_t(cols) * 4);
      if (n0 + cols == plan.n)
        d.zeroRowTail(matrix, m0 + r);
    }
    return;
  }
  alignas(64) float colScales[kMaxBlockCols] = {};
  alignas(64) float residual[kMaxBlockCols];
  // Without products there is nothing for a scale to multiply.
  if (plan.k > 0)
    plan.b.loadRowScales(buffers.b, matrix, n0, cols, colScales);
  const float *bias =
      plan.biasType != QMM_DTYPE_NONE ? at<float>(plan.biasAt) + n0 : nullptr;
  const Buffers residualBuffers = {buffers.residual, nullptr, nullptr};

  for (int64_t r = 0; r < rows; ++r) {
    float *row = tile + r * stride;
    float rowScale = 0.0f;
    if (plan.k > 0)
      plan.a.loadRowScales(buffers.a, matrix, m0 + r, 1, &rowScale);
    rowScale *= alpha;
    if (plan.hasResidual)
      decodeRow(plan.residual.element(), QMM_NIBBLES_NONE,
                plan.residual.row(residualBuffers, matrix, m0 + r), n0, cols,
                residual);
    kernels.combine(row, cols, rowScale, colScales, bias,
                    plan.hasResidual ? residual : nullptr);
    kernels.activate(plan.activation, row, cols);
    if (plan.wantsAmax)
      amaxBits(worker) = std::max(amaxBits(worker), toBits(amaxRow(row, cols)));

    switch (plan.output) {
    case MatmulPlan::Output::Integer:
      break; // stored above
    case MatmulPlan::Output::Computed:
      std::memcpy(at<float>(plan.resultAt) +
                      (matrix * plan.m + m0 + r) * plan.n + n0,
                  row, size_t(cols) * sizeof(float));
      break;
    case MatmulPlan::Output::Static:
      // As numerics' quantize with a given scale.
      if (outputScale == 0)
        std::fill(row, row + cols, 0.0f);
      else
        kernels.divide(row, cols, outputScale);
      [[fallthrough]];
    case MatmulPlan::Output::Wide:
      encodeRow(d.element(), d.nibbles(), row, n0, cols, d.row(matrix, m0 + r));
      if (n0 + cols == plan.n)
        d.zeroRowTail(matrix, m0 + r);
      break;
    }
  }
}

void Run::quantizeResult() {
  qmm_tensor src = plan.quantizedResult;
  src.scheme = {};
  src.scheme.element = QMM_DTYPE_F32;
  src.layout = {};
  src.data = at<float>(plan.resultAt);
  src.scale = nullptr;
  src.tensor_scale = nullptr;
  qmm_tensor dst = plan.quantizedResult;
  dst.data = const_cast<void *>(buffers.d.data);
  dst.scale = const_cast<void *>(buffers.d.scale);
  dst.tensor_scale =
      static_cast<float *>(const_cast<void *>(buffers.d.tensorScale));
  qmm_quantize_params params = {};
  params.struct_size = sizeof(params);
  params.scale_source = dst.scheme.has_tensor_scale
                            ? QMM_SCALES_TENSOR_SCALE_GIVEN
                            : QMM_SCALES_COMPUTED;
  // Verified when planned.
  Status status = quantize(executor, src, params, dst);
  (void)status;
}

} // namespace

void runMatmul(Executor &executor, const MatmulPlan &plan,
               const MatmulBuffers &buffers, void *workspace) {
  Run(executor, plan, buffers, workspace).run();
}

} // namespace qmmrt::cpu
