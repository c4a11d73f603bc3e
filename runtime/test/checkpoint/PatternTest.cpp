//===- checkpoint/PatternTest.cpp - Names by pattern -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The answers are those of Python's re.match and fnmatch.fnmatchcase.
//
//===----------------------------------------------------------------------===//
#include "FileBuilder.h"

#include "checkpoint/Pattern.h"

using namespace qmmrt;
using namespace qmmrt::test;

static bool matches(const char *regex, std::string_view name) {
  auto pattern = Pattern::parseRegex(regex);
  EXPECT_TRUE(pattern.ok()) << pattern.getStatus().getMessage();
  return pattern.ok() && pattern->matchesPrefix(name);
}

static bool globs(const char *glob, std::string_view name) {
  auto pattern = Pattern::parseGlob(glob);
  EXPECT_TRUE(pattern.ok()) << pattern.getStatus().getMessage();
  return pattern.ok() && pattern->matchesPrefix(name);
}

TEST(Pattern, MatchesAtTheBeginning) {
  EXPECT_TRUE(matches("model", "model.layers.0"));
  EXPECT_FALSE(matches("layers", "model.layers.0"));
  EXPECT_TRUE(matches(".*layers", "model.layers.0"));
  EXPECT_FALSE(matches("model$", "model.layers.0"));
  EXPECT_TRUE(matches("", "x"));
}

TEST(Pattern, OfRealConfigs) {
  const char *projections = ".*\\.(q|k|v)_proj$";
  EXPECT_TRUE(matches(projections, "model.layers.0.self_attn.q_proj"));
  EXPECT_FALSE(matches(projections, "model.layers.0.self_attn.o_proj"));
  EXPECT_FALSE(matches(projections, "model.layers.0.self_attn.q_proj.lora"));
  EXPECT_TRUE(
      matches("^model\\.layers\\.([0-9]|1[0-5])\\.", "model.layers.12.x"));
  EXPECT_FALSE(
      matches("^model\\.layers\\.([0-9]|1[0-5])\\.", "model.layers.16.x"));
  EXPECT_TRUE(matches(".*mlp.gate$", "model.layers.3.mlp.gate"));
  EXPECT_FALSE(matches(".*mlp.gate$", "model.layers.3.mlp.gate_proj"));
}

TEST(Pattern, Repetitions) {
  EXPECT_TRUE(matches("a{2,3}$", "aaa"));
  EXPECT_FALSE(matches("a{2,3}$", "aaaa"));
  EXPECT_TRUE(matches("a{2}$", "aa"));
  EXPECT_TRUE(matches("a{2,}$", "aaaaa"));
  EXPECT_FALSE(matches("a{2,}$", "a"));
  EXPECT_TRUE(matches("(?:ab)+?c?$", "ababc"));
  EXPECT_FALSE(matches("(ab)+$", "aba"));
  EXPECT_TRUE(matches("a{x}", "a{x}"));
}

TEST(Pattern, Classes) {
  EXPECT_TRUE(matches("[^.]+\\.\\d+$", "layers.17"));
  EXPECT_FALSE(matches("[^.]+\\.\\d+$", "a.b.17"));
  EXPECT_TRUE(matches("[]a]$", "]"));
  EXPECT_TRUE(matches("[\\w.-]+$", "a_b.c-9"));
  EXPECT_FALSE(matches("\\W", "a"));
}

TEST(Pattern, TimeIsLinear) {
  EXPECT_FALSE(matches("(a*)*b$", std::string(20000, 'a')));
  EXPECT_TRUE(matches("(a|a)*$", std::string(20000, 'a')));
}

TEST(Pattern, Globs) {
  EXPECT_TRUE(globs("lm_head", "lm_head"));
  EXPECT_FALSE(globs("lm_head", "lm_head.x"));
  EXPECT_TRUE(globs("model.layers.0*", "model.layers.0.mlp"));
  EXPECT_FALSE(globs("model.layers.0*", "modelXlayers.0"));
  EXPECT_TRUE(globs("*.layers.?.mlp", "model.layers.7.mlp"));
  EXPECT_TRUE(globs("l[!0-4]", "l5"));
  EXPECT_FALSE(globs("l[!0-4]", "l3"));
}

TEST(Pattern, Refusals) {
  expectError(Pattern::parseRegex("(?!x)y").getStatus(), QMM_STATUS_UNSUPPORTED,
              {"'(?!x)y'", "uses (?!"});
  expectError(Pattern::parseRegex("\\bx").getStatus(), QMM_STATUS_UNSUPPORTED,
              {"uses \\b"});
  for (const char *text : {"(", ")", "[a", "*a", "a\\", "[b-a]", "a{3,2}"})
    expectError(Pattern::parseRegex(text).getStatus(), QMM_STATUS_MALFORMED,
                {"the pattern "});
  expectError(Pattern::parseRegex("(a{1000000}){1000000}").getStatus(),
              QMM_STATUS_UNSUPPORTED, {"repeats too much"});
  expectError(Pattern::parseRegex(std::string(9999, '(')).getStatus(),
              QMM_STATUS_UNSUPPORTED, {"longer"});
  expectError(Pattern::parseRegex(std::string(999, '(')).getStatus(),
              QMM_STATUS_UNSUPPORTED, {"nests too deep"});
}
