//===- test/convert/PolicyTest.cpp - Which layer becomes what -------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The order in which exclusion, rules, inclusion and defaults decide.
//
//===----------------------------------------------------------------------===//
#include "convert/Policy.h"

#include <gtest/gtest.h>

using namespace qmmrt;

namespace {

PolicyRule rule(const std::string &glob, const char *scheme) {
  PolicyRule result;
  result.source = "p.json: rules[0]";
  result.pattern = *NamePattern::fromGlob(glob);
  if (scheme)
    result.target = *parseTarget(scheme, 0);
  return result;
}

/// "fp8" or "-" for each layer.
std::string decide(const std::vector<std::string> &layers,
                   const Selection &selection) {
  Result<std::vector<Decision>> decisions = select(layers, selection);
  if (!decisions.ok())
    return decisions.getStatus().getMessage();
  std::string text;
  for (const Decision &decision : *decisions) {
    text +=
        (text.empty() ? "" : " ") + (decision.choose   ? "?"
                                     : decision.target ? decision.target->name
                                                       : "-");
    EXPECT_TRUE(decision.target || decision.choose || !decision.reason.empty());
  }
  return text;
}

} // namespace

TEST(NamePattern, Matches) {
  NamePattern regex = *NamePattern::fromRegex("fc[12]$");
  EXPECT_TRUE(regex.matches("a.fc1"));
  EXPECT_FALSE(regex.matches("a.fc1.b"));
  NamePattern glob = *NamePattern::fromGlob("a.*.f?[1]");
  EXPECT_TRUE(glob.matches("a.b.c.fx[1]"));
  EXPECT_FALSE(glob.matches("aXb.fx[1]"));
  EXPECT_FALSE(glob.matches("xa.b.fx[1]"));
  EXPECT_FALSE(glob.matches("a.b.fx1"));
  EXPECT_FALSE(NamePattern::fromRegex("a[").ok());
}

TEST(Select, FirstAndLastLayersAreOutsideOfNumberedBlocks) {
  std::vector<std::string> layers = {"img_in", "blocks.0.fc", "blocks.10.fc",
                                     "out1"};
  Selection selection;
  selection.target = *parseTarget("fp8", 0);
  EXPECT_EQ(decide(layers, selection), "- fp8 fp8 -");
  selection.firstAndLast = true;
  EXPECT_EQ(decide(layers, selection), "fp8 fp8 fp8 fp8");
  selection.firstAndLast = false;
  EXPECT_EQ(decide({"fc1", "fc2"}, selection), "fp8 fp8");
  // What is quantized becomes wide wherever it is.
  selection.target = *parseTarget("bf16", 0);
  EXPECT_EQ(decide(layers, selection), "bf16 bf16 bf16 bf16");
}

TEST(Select, ExclusionThenRulesThenInclusion) {
  std::vector<std::string> layers = {"b.0.q", "b.0.k", "b.1.q", "b.1.k",
                                     "head"};
  Selection selection;
  selection.target = *parseTarget("fp8", 0);
  selection.rules = {rule("b.1.*", nullptr), rule("*.k", "nvfp4"),
                     rule("head", "mxfp8")};
  EXPECT_EQ(decide(layers, selection), "fp8 nvfp4 - - mxfp8");
  selection.exclude = *NamePattern::fromRegex("k$");
  EXPECT_EQ(decide(layers, selection), "fp8 - - - mxfp8");
  selection.include = *NamePattern::fromRegex("0.k|1.q");
  EXPECT_EQ(decide(layers, selection), "- - - - mxfp8");
  selection = {};
  selection.choosesScheme = true;
  EXPECT_EQ(decide(layers, selection), "? ? ? ? -");
}

TEST(Select, PatternsThatDecideNothingAreErrors) {
  std::vector<std::string> layers = {"b.0.q", "b.1.q"};
  Selection selection;
  selection.rules = {rule("c.*", "fp8")};
  EXPECT_EQ(decide(layers, selection),
            "p.json: rules[0]: the pattern 'c.*' matches no layer");
  selection.rules = {rule("*", "fp8"), rule("b.1.*", "nvfp4")};
  EXPECT_EQ(decide(layers, selection),
            "p.json: rules[0]: earlier rules take every layer that 'b.1.*' "
            "matches");
  selection.rules.clear();
  selection.include = *NamePattern::fromRegex("z");
  EXPECT_EQ(decide(layers, selection),
            "--include: the pattern 'z' matches no layer");
}
