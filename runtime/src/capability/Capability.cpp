//===- Capability.cpp - What can execute a scaled matmul -----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows are pairs of schemes that cuBLASLt multiplies, columns chips; anything
// else is widened to bf16, or the host's.
//
//===----------------------------------------------------------------------===//

#include "capability/Capability.h"

#include "numerics/Layouts.h"

#include <algorithm>

using namespace qmmrt;

namespace {

/// Architectures without their suffixes, as bits of a row's chips.
enum Arch : unsigned {
  kSM80 = 1 << 0, // and sm_86
  kSM89 = 1 << 1,
  kSM90 = 1 << 2,
  kSM100 = 1 << 3, // and sm_103
  kSM120 = 1 << 4, // and sm_121
  kHost = 1 << 5
};

struct Chip {
  std::string_view name;
  Arch arch;
};

constexpr Chip kChips[] = {
    {"cpu", kHost},      {"sm_80", kSM80},    {"sm_86", kSM80},
    {"sm_89", kSM89},    {"sm_90", kSM90},    {"sm_90a", kSM90},
    {"sm_100", kSM100},  {"sm_100a", kSM100}, {"sm_100f", kSM100},
    {"sm_103", kSM100},  {"sm_103a", kSM100}, {"sm_120", kSM120},
    {"sm_120a", kSM120}, {"sm_120f", kSM120}, {"sm_121", kSM120},
    {"sm_121a", kSM120}};

// cublasLtMatmulMatrixScale_t.
enum Mode {
  kScalar = 0,
  kVec16 = 1,
  kVec32 = 2,
  kOuter = 3,
  kVec128 = 4,
  kBlock128 = 5
};

/// A pair of schemes that cuBLASLt multiplies in its own units.  A pair that
/// isn't here must never be asked for: an invalid pair of modes (OUTER_VEC by
/// BLK128x128) makes cuBLASLt 13.1 abort the process.
struct Row {
  const char *a, *b;
  int modeA, modeB;
  unsigned chips;
  unsigned sinceVersion;
  const char *constraint;
};

constexpr unsigned kFP8 = kSM89 | kSM90 | kSM100 | kSM120;
constexpr unsigned kBlackwell = kSM100 | kSM120;
constexpr unsigned kAnyGPU = kSM80 | kSM89 | kSM90 | kSM100 | kSM120;

constexpr char kAligned[] =
    "K and leading dimensions multiples of 16; TN only, but on sm_100";
constexpr char kRowwise[] =
    "K and leading dimensions multiples of 16; TN only; K below 12288";
constexpr char kNoFast[] =
    "K and leading dimensions multiples of 16; rows of a 1x128 operand "
    "multiples of 4; TN only; no fast accumulation";
constexpr char kMX[] = "TN only, but on sm_100 (sm_120 from cuBLAS 13.6, which "
                       "some shapes need)";
constexpr char kNV[] = "K a multiple of 32, N of 8; TN only; no bias with an "
                       "f16 result";
constexpr char kInt8[] =
    "i32 result: the scales and the cast are an epilogue of ours; TN only";
constexpr char kCodes[] = "the codes are multiplied, the scales are an "
                          "epilogue of ours; K and N multiples of 16; TN only";

constexpr Row kRows[] = {
    {"fp8", "fp8", kScalar, kScalar, kFP8, 120000, kAligned},
    {"fp8", "fp8_e5m2", kScalar, kScalar, kFP8, 120000, kAligned},
    {"fp8_row", "fp8_row", kOuter, kOuter, kSM90, 120900, kRowwise},
    {"fp8_row", "fp8_row", -1, -1, kFP8, 120000, kCodes},
    {"fp8", "fp8_row", -1, -1, kFP8, 120000, kCodes},
    {"fp8_1x128", "fp8_1x128", kVec128, kVec128, kSM90, 120900, kNoFast},
    {"fp8_1x128", "fp8_128x128", kVec128, kBlock128, kSM90, 120900, kNoFast},
    {"mxfp8", "mxfp8", kVec32, kVec32, kBlackwell, 120800, kMX},
    {"mxfp8", "mxfp8_e5m2", kVec32, kVec32, kBlackwell, 120800, kMX},
    {"nvfp4", "nvfp4", kVec16, kVec16, kBlackwell, 120800, kNV},
    {"int8", "int8", -1, -1, kAnyGPU, 110000, kInt8},
    {"int8", "int8_row", -1, -1, kAnyGPU, 110000, kInt8},
    {"int8_row", "int8_row", -1, -1, kAnyGPU, 110000, kInt8},
};

const Chip *findChip(std::string_view name) {
  const auto *it = std::find_if(std::begin(kChips), std::end(kChips),
                                [&](const Chip &c) { return c.name == name; });
  return it == std::end(kChips) ? nullptr : it;
}

std::string spellVersion(unsigned version) {
  return std::to_string(version / 10000) + "." +
         std::to_string(version / 100 % 100);
}

/// Why the library can't take the extents, "" where it can.
std::string refuseExtents(const RouteQuery &query) {
  constexpr int64_t kMultiple = 16;
  for (auto [extent, name] : {std::pair(query.k, "K"), std::pair(query.n, "N")})
    if (extent % kMultiple != 0)
      return std::string(name) + " is " + std::to_string(extent) +
             ", which isn't a multiple of " + std::to_string(kMultiple) +
             " as cuBLASLt wants it";
  return "";
}

/// From this K on, cuBLASLt 13.1 has no algorithm for row scales at M <= 128 (K
/// = 12288 and 28672 were tried; 8192 has one).  M isn't known here.
constexpr int64_t kRowwiseLimit = 12288;

/// And none for 1x128 scales of another number of rows.
constexpr int64_t kVec128Rows = 4;

/// The library's routes for the pair, in the table's order; where there is
/// none, `reason` says why.
std::vector<Route> findLibraryRoutes(const RouteQuery &query, const Chip &chip,
                                     std::string &reason) {
  std::string a = describeScheme(query.a), b = describeScheme(query.b);
  std::vector<Route> routes;
  reason = "cuBLASLt has no mode for " + a + " by " + b;
  for (const Row &row : kRows) {
    bool isSame = a == row.a && b == row.b;
    bool isSwapped = a == row.b && b == row.a;
    if (!isSame && !isSwapped)
      continue;
    std::string refusal = refuseExtents(query);
    if (!(row.chips & chip.arch))
      reason = "cuBLASLt doesn't multiply " + a + " by " + b + " on " +
               std::string(chip.name);
    else if (query.libraryVersion && query.libraryVersion < row.sinceVersion)
      reason = "needs cuBLAS " + spellVersion(row.sinceVersion) + ", found " +
               spellVersion(query.libraryVersion);
    else if (!refusal.empty())
      reason = refusal;
    else if (row.modeA == kVec128 && query.m % kVec128Rows != 0)
      reason =
          std::string("M ") +
          (query.m == RouteQuery::kDynamic ? "isn't known"
                                           : "is " + std::to_string(query.m)) +
          ", and cuBLASLt takes 1x128 scales of rows in fours only";
    else if (row.modeA == kOuter && query.k >= kRowwiseLimit)
      reason = "K is " + std::to_string(query.k) +
               ", for which cuBLASLt has no algorithm with row scales";
    else
      routes.push_back({RouteKind::Library, isSame ? row.modeA : row.modeB,
                        isSame ? row.modeB : row.modeA,
                        row.modeA < 0 ? "codes multiplied natively, scales in "
                                        "an epilogue"
                                      : "multiplied natively",
                        row.constraint});
  }
  return routes;
}

} // namespace

const std::vector<std::string_view> &qmmrt::getKnownChips() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> list;
    for (const Chip &chip : kChips)
      list.push_back(chip.name);
    return list;
  }();
  return names;
}

bool qmmrt::isKnownChip(std::string_view chip) { return findChip(chip); }

bool qmmrt::isMeasuredChip(std::string_view name) {
  const Chip *chip = findChip(name);
  return chip && (chip->arch == kHost || chip->arch == kSM90);
}

std::vector<Route> qmmrt::queryRoutes(const RouteQuery &query,
                                      std::string *refusal) {
  const Chip *chip = findChip(query.chip);
  if (!chip) {
    if (refusal)
      *refusal = "chip '" + std::string(query.chip) + "' isn't known";
    return {};
  }
  if (chip->arch == kHost)
    return {{RouteKind::Host, -1, -1, "the CPU decodes any scheme to f32"}};
  if (query.roundsOperands)
    return {{RouteKind::Widen, -1, -1,
             "elements times scales are rounded before they are multiplied, "
             "which cuBLASLt doesn't do"}};

  if (isWide(query.a) && isWide(query.b)) {
    if (query.a.element == query.b.element)
      return {{RouteKind::Library, -1, -1, "both operands are wide"}};
    return {{RouteKind::Widen, -1, -1,
             "cuBLASLt doesn't multiply " + describeScheme(query.a) + " by " +
                 describeScheme(query.b)}};
  }
  std::string reason;
  std::vector<Route> routes = findLibraryRoutes(query, *chip, reason);
  routes.push_back(
      {RouteKind::Widen, -1, -1, routes.empty() ? reason : "fallback"});
  return routes;
}
