//===- numerics/Statistics.cpp - What quantizing costs --------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows are summed apart and then in order: a thread's share of the rows never
// shows in a result.
//
//===----------------------------------------------------------------------===//
#include "numerics/Statistics.h"

#include "numerics/Convert.h"
#include "numerics/QuantizeView.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace qmmrt {
namespace {

using namespace detail;

/// piece(row, first element, length, values) for all of a tensor.
template <typename Piece>
void forEachPiece(Executor &executor, const View &view, Piece piece) {
  int64_t outer = view.extents.outer, k = view.extents.k;
  executor.parallelFor(view.extents.batch * outer, getGrain(k),
                       [&](int64_t begin, int64_t end, unsigned) {
                         float values[kPiece];
                         for (int64_t i = begin; i < end; ++i)
                           for (int64_t first = 0; first < k; first += kPiece) {
                             int64_t length = std::min(kPiece, k - first);
                             loadValues(view, i / outer, i % outer, first,
                                        length, values);
                             piece(i, first, length, values);
                           }
                       });
}

Result<View> getWideView(const qmm_tensor &tensor, const char *what) {
  Result<View> view = getView(tensor, what);
  if (view.ok() && (view->isQuantized() || !isWide(view->element())))
    return invalid(std::string(what) + ": scheme is " +
                   describeScheme(tensor.scheme) +
                   ", expected f32, bf16 or f16");
  return view;
}

} // namespace

double ErrorSums::getSqnr() const {
  if (noise == 0)
    return std::numeric_limits<double>::infinity();
  return 10 * std::log10(signal / noise);
}

Result<ErrorSums> measureError(Executor &executor, const qmm_tensor &wide,
                               const qmm_tensor &approximation) {
  Result<View> exact = getWideView(wide, "wide");
  if (!exact.ok())
    return exact.getStatus();
  Result<View> other = getView(approximation, "approximation");
  if (!other.ok())
    return other.getStatus();
  if (Status status = verifySameShape(wide, approximation); !status.ok())
    return status;
  int64_t outer = exact->extents.outer;
  std::vector<ErrorSums> rows(size_t(exact->extents.batch * outer));
  forEachPiece(
      executor, *exact,
      [&](int64_t row, int64_t first, int64_t length, const float *values) {
        float approximate[kPiece];
        loadValues(*other, row / outer, row % outer, first, length,
                   approximate);
        ErrorSums sums = rows[size_t(row)];
        for (int64_t i = 0; i < length; ++i) {
          double x = values[i], error = x - approximate[i];
          sums.signal += x * x;
          sums.noise += error * error;
        }
        rows[size_t(row)] = sums;
      });
  ErrorSums total;
  for (const ErrorSums &row : rows) {
    total.signal += row.signal;
    total.noise += row.noise;
  }
  return total;
}

Result<NonfiniteCount> countNonfinite(Executor &executor,
                                      const qmm_tensor &wide) {
  Result<View> view = getWideView(wide, "wide");
  if (!view.ok())
    return view.getStatus();
  std::vector<NonfiniteCount> rows(
      size_t(view->extents.batch * view->extents.outer));
  forEachPiece(executor, *view,
               [&](int64_t row, int64_t, int64_t length, const float *values) {
                 for (int64_t i = 0; i < length; ++i) {
                   rows[size_t(row)].nans += std::isnan(values[i]);
                   rows[size_t(row)].infinities += std::isinf(values[i]);
                 }
               });
  NonfiniteCount total;
  for (const NonfiniteCount &row : rows) {
    total.nans += row.nans;
    total.infinities += row.infinities;
  }
  return total;
}

Status replaceNonfinite(Executor &executor, const qmm_tensor &src,
                        const qmm_tensor &dst) {
  Result<View> from = getWideView(src, "src");
  if (!from.ok())
    return from.getStatus();
  Result<View> to = getWideView(dst, "dst");
  if (!to.ok())
    return to.getStatus();
  if (to->element() != QMM_DTYPE_F32)
    return invalid("dst: scheme is " + describeScheme(dst.scheme) +
                   ", expected f32");
  if (Status status = verifySameShape(src, dst); !status.ok())
    return status;
  if (Status status = verifyDisjoint(*from, *to); !status.ok())
    return status;
  int64_t outer = from->extents.outer;
  std::vector<float> rows(size_t(from->extents.batch * outer), 0.0f);
  forEachPiece(executor, *from,
               [&](int64_t row, int64_t, int64_t length, const float *values) {
                 for (int64_t i = 0; i < length; ++i)
                   if (std::isfinite(values[i]))
                     rows[size_t(row)] =
                         std::max(rows[size_t(row)], std::fabs(values[i]));
               });
  float largest = 0;
  for (float row : rows)
    largest = std::max(largest, row);
  forEachPiece(executor, *from,
               [&](int64_t row, int64_t first, int64_t length, float *values) {
                 for (int64_t i = 0; i < length; ++i)
                   values[i] = std::isnan(values[i]) ? 0.0f
                               : std::isinf(values[i])
                                   ? std::copysign(largest, values[i])
                                   : values[i];
                 encodeRow(QMM_DTYPE_F32, QMM_NIBBLES_NONE, values, first,
                           length, to->row(row / outer, row % outer));
               });
  return Status();
}

} // namespace qmmrt
