//===- Capability.h - What can execute a scaled matmul ---------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one table of schemes, chips and library versions.  The compiler plans
// with it; the runtime checks plans against the library it finds, because what
// the library's heuristic answers is no gate.
//
//===----------------------------------------------------------------------===//

#ifndef QMMRT_CAPABILITY_CAPABILITY_H
#define QMMRT_CAPABILITY_CAPABILITY_H

#include "qmm/tensor.h"

#include <string>
#include <string_view>
#include <vector>

namespace qmmrt {

enum class RouteKind {
  Library, // cuBLASLt, in a scale mode of its own
  Kernel,  // a kernel that this project emits
  Widen,   // operands to bf16, then the library
  Host     // the CPU backend
};

struct Route {
  RouteKind kind;
  /// cuBLASLt's scale modes of the operands (cublasLtMatmulMatrixScale_t); -1
  /// where the route isn't the library's, operands are wide, or the library
  /// multiplies the codes alone and the scales follow in an epilogue of ours.
  int modeA = -1, modeB = -1;
  std::string reason; // why it stands where it does
  /// What the library demands or refuses beyond the pair (layouts, alignments,
  /// shapes); "" for other routes.
  std::string constraint = {};
};

struct RouteQuery {
  static constexpr int64_t kDynamic = -1;
  std::string_view chip;
  qmm_scheme a, b;
  /// 0: nothing is refused for them.  m of kDynamic is known at run time only.
  int64_t m = 0, n = 0, k = 0;
  /// major * 10000 + minor * 100 + patch of cuBLASLt; 0: the newest known.
  unsigned libraryVersion = 0;
  /// Elements times scales are rounded before they are multiplied.
  bool roundsOperands = false;
};

/// Chips of the table: "cpu", "sm_80", "sm_90a", "sm_100f", ...
const std::vector<std::string_view> &getKnownChips();
bool isKnownChip(std::string_view chip);
/// Have the chip's routes and kernels run on such a chip, not only been
/// assembled for it?
bool isMeasuredChip(std::string_view chip);

/// The routes for the pair, best first.  Empty when nothing executes it, with
/// the reason in *refusal (may be null).
std::vector<Route> queryRoutes(const RouteQuery &query,
                               std::string *refusal = nullptr);

} // namespace qmmrt

#endif // QMMRT_CAPABILITY_CAPABILITY_H
