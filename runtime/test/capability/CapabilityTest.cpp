//===- CapabilityTest.cpp - The table, row by row -------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "capability/Capability.h"

#include <algorithm>
#include <gtest/gtest.h>

using namespace qmmrt;

namespace {

qmm_scheme getScheme(const char *name) {
  qmm_scheme scheme = {};
  EXPECT_EQ(qmm_scheme_from_name(name, &scheme), QMM_STATUS_OK) << name;
  return scheme;
}

std::vector<Route> query(const char *chip, const char *a, const char *b,
                         unsigned version = 0) {
  RouteQuery query;
  query.chip = chip;
  query.a = getScheme(a);
  query.b = getScheme(b);
  query.libraryVersion = version;
  return queryRoutes(query);
}

/// One row of the documented table: which chips multiply the pair natively.
struct Expected {
  const char *a, *b;
  int modeA, modeB;
  std::vector<std::string> chips;
};

TEST(Capability, TableRowByRow) {
  const std::vector<std::string> fp8 = {
      "sm_89",   "sm_90",  "sm_90a",  "sm_100",  "sm_100a", "sm_100f", "sm_103",
      "sm_103a", "sm_120", "sm_120a", "sm_120f", "sm_121",  "sm_121a"};
  const std::vector<std::string> hopper = {"sm_90", "sm_90a"};
  const std::vector<std::string> blackwell(fp8.begin() + 3, fp8.end());
  const Expected rows[] = {
      {"fp8", "fp8", 0, 0, fp8},
      {"fp8", "fp8_e5m2", 0, 0, fp8},
      {"fp8_e5m2", "fp8", 0, 0, fp8},
      {"fp8_e5m2", "fp8_e5m2", 0, 0, {}},
      {"fp8", "fp8_row", -1, -1, fp8},
      {"fp8_1x128", "fp8_1x128", 4, 4, hopper},
      {"fp8_1x128", "fp8_128x128", 4, 5, hopper},
      {"fp8_128x128", "fp8_1x128", 5, 4, hopper},
      {"fp8_128x128", "fp8_128x128", 5, 5, {}},
      {"fp8_row", "fp8_128x128", 3, 5, {}}, // aborts the library's process
      {"mxfp8", "mxfp8", 2, 2, blackwell},
      {"nvfp4", "nvfp4", 1, 1, blackwell},
      {"mxfp4", "mxfp4", 2, 2, {}},
      {"bf16", "nvfp4", -1, 1, {}},
  };
  for (const Expected &row : rows)
    for (std::string_view chip : getKnownChips()) {
      if (chip == "cpu")
        continue;
      std::string name(chip);
      auto routes = query(name.c_str(), row.a, row.b);
      bool isNative = std::find(row.chips.begin(), row.chips.end(), name) !=
                      row.chips.end();
      ASSERT_EQ(routes.size(), isNative ? 2u : 1u)
          << name << " " << row.a << " x " << row.b;
      EXPECT_EQ(routes.back().kind, RouteKind::Widen);
      EXPECT_FALSE(routes.back().reason.empty());
      if (isNative) {
        EXPECT_EQ(routes[0].kind, RouteKind::Library);
        EXPECT_EQ(routes[0].modeA, row.modeA);
        EXPECT_EQ(routes[0].modeB, row.modeB);
        EXPECT_FALSE(routes[0].constraint.empty());
      }
    }
}

TEST(Capability, RowScalesOrTheirEpilogue) {
  auto hopper = query("sm_90", "fp8_row", "fp8_row");
  ASSERT_EQ(hopper.size(), 3u);
  EXPECT_EQ(hopper[0].modeA, 3);
  EXPECT_EQ(hopper[1].modeA, -1);
  EXPECT_EQ(hopper[1].kind, RouteKind::Library);
  EXPECT_EQ(hopper[2].kind, RouteKind::Widen);
  EXPECT_EQ(query("sm_90", "fp8_row", "fp8_row", 120800).size(), 2u);
  auto ada = query("sm_89", "fp8_row", "fp8_row");
  ASSERT_EQ(ada.size(), 2u);
  EXPECT_EQ(ada[0].modeA, -1);
}

TEST(Capability, Extents) {
  RouteQuery query;
  query.chip = "sm_90";
  query.a = query.b = getScheme("fp8");
  query.k = 1024;
  query.n = 130;
  auto routes = queryRoutes(query);
  ASSERT_EQ(routes.size(), 1u);
  EXPECT_EQ(routes[0].kind, RouteKind::Widen);
  EXPECT_NE(routes[0].reason.find("N is 130"), std::string::npos);
  query.n = 144;
  EXPECT_EQ(queryRoutes(query)[0].kind, RouteKind::Library);
  query.a = query.b = getScheme("fp8_row");
  EXPECT_EQ(queryRoutes(query)[0].modeA, 3);
  query.k = 12288;
  EXPECT_EQ(queryRoutes(query)[0].modeA, -1);
  EXPECT_EQ(queryRoutes(query)[0].kind, RouteKind::Library);
}

TEST(Capability, BlockScalesOfRowsInFours) {
  RouteQuery query;
  query.chip = "sm_90";
  query.a = getScheme("fp8_1x128");
  query.b = getScheme("fp8_128x128");
  for (auto [m, isNative] : {std::pair<int64_t, bool>(0, true),
                             {64, true},
                             {37, false},
                             {RouteQuery::kDynamic, false}}) {
    query.m = m;
    EXPECT_EQ(queryRoutes(query)[0].kind == RouteKind::Library, isNative) << m;
  }
}

TEST(Capability, Chips) {
  for (const char *chip :
       {"cpu", "sm_80", "sm_86", "sm_89", "sm_90", "sm_90a", "sm_100",
        "sm_100f", "sm_103", "sm_120", "sm_120f", "sm_121"})
    EXPECT_TRUE(isKnownChip(chip)) << chip;
  EXPECT_FALSE(isKnownChip("sm_70"));
  std::string refusal;
  RouteQuery unknown;
  unknown.chip = "sm_70";
  unknown.a = unknown.b = getScheme("fp8");
  EXPECT_TRUE(queryRoutes(unknown, &refusal).empty());
  EXPECT_NE(refusal.find("sm_70"), std::string::npos);
}

TEST(Capability, HostTakesEverything) {
  for (const char *a : {"bf16", "fp8", "fp8_128x128", "mxfp4", "int8_row"})
    for (const char *b : {"f32", "nvfp4", "fp8_row"}) {
      auto routes = query("cpu", a, b);
      ASSERT_EQ(routes.size(), 1u);
      EXPECT_EQ(routes[0].kind, RouteKind::Host);
    }
}

TEST(Capability, LibraryVersions) {
  struct {
    const char *scheme, *chip;
    unsigned tooOld, newEnough;
  } rows[] = {{"fp8", "sm_89", 110800, 120000},
              {"mxfp8", "sm_100", 120700, 120800},
              {"nvfp4", "sm_120f", 120799, 130100},
              {"fp8_1x128", "sm_90a", 120803, 130100}};
  for (auto &row : rows) {
    auto old = query(row.chip, row.scheme, row.scheme, row.tooOld);
    ASSERT_EQ(old.size(), 1u) << row.scheme;
    EXPECT_EQ(old[0].kind, RouteKind::Widen);
    EXPECT_NE(old[0].reason.find("needs cuBLAS"), std::string::npos);
    EXPECT_EQ(query(row.chip, row.scheme, row.scheme, row.newEnough)[0].kind,
              RouteKind::Library);
  }
}

TEST(Capability, RoundedOperands) {
  RouteQuery query;
  query.a = query.b = getScheme("fp8");
  query.roundsOperands = true;
  query.chip = "sm_90";
  auto routes = queryRoutes(query);
  ASSERT_EQ(routes.size(), 1u);
  EXPECT_EQ(routes[0].kind, RouteKind::Widen);
  EXPECT_NE(routes[0].reason.find("rounded before"), std::string::npos);
  query.chip = "cpu";
  EXPECT_EQ(queryRoutes(query)[0].kind, RouteKind::Host);
}

TEST(Capability, WideAndInt8) {
  EXPECT_EQ(query("sm_80", "bf16", "bf16")[0].kind, RouteKind::Library);
  EXPECT_EQ(query("sm_80", "bf16", "f16")[0].kind, RouteKind::Widen);
  auto int8 = query("sm_80", "int8_row", "int8");
  EXPECT_EQ(int8[0].kind, RouteKind::Library);
  EXPECT_NE(int8[0].constraint.find("i32"), std::string::npos);
  EXPECT_EQ(query("sm_90", "int8_128x128", "int8")[0].kind, RouteKind::Widen);
}

} // namespace
