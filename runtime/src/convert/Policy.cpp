//===- convert/Policy.cpp - Which layer becomes what -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See Policy.h.
//
//===----------------------------------------------------------------------===//
#include "convert/Policy.h"
#include "checkpoint/Json.h"
#include "numerics/Layouts.h"

#include <algorithm>
#include <regex.h>

using namespace qmmrt;

static Status invalid(const std::string &text) {
  return Status(QMM_STATUS_INVALID_ARGUMENT, text);
}

struct NamePattern::Compiled {
  regex_t expression;
  bool compiled = false;
  ~Compiled() {
    if (compiled)
      ::regfree(&expression);
  }
};

Result<NamePattern> NamePattern::fromRegex(const std::string &text) {
  auto result = std::make_shared<Compiled>();
  int error =
      ::regcomp(&result->expression, text.c_str(), REG_EXTENDED | REG_NOSUB);
  if (error != 0) {
    char message[256];
    ::regerror(error, &result->expression, message, sizeof(message));
    return invalid("the pattern " + quoteName(text) +
                   " isn't a regular expression: " + message);
  }
  result->compiled = true;
  NamePattern pattern;
  pattern.compiled = std::move(result);
  pattern.text = text;
  return pattern;
}

Result<NamePattern> NamePattern::fromGlob(const std::string &text) {
  std::string expression = "^";
  for (char c : text) {
    if (c == '*')
      expression += ".*";
    else if (c == '?')
      expression += '.';
    else if (std::string(".[]()\\^$+{}|").find(c) != std::string::npos)
      expression += std::string("\\") + c;
    else
      expression += c;
  }
  Result<NamePattern> pattern = fromRegex(expression + "$");
  if (pattern.ok())
    pattern->text = text;
  return pattern;
}

bool NamePattern::matches(const std::string &name) const {
  return ::regexec(&compiled->expression, name.c_str(), 0, nullptr, 0) == 0;
}

static Status readRule(const JsonValue &object, PolicyRule &rule) {
  auto fail = [&](const std::string &text) {
    return invalid(rule.source + ": " + text);
  };
  if (object.kind != JsonValue::Kind::Object)
    return fail(std::string("is ") + getKindName(object.kind) +
                ", expected an object");
  const JsonValue *scheme = nullptr;
  int64_t groupSize = 0;
  bool keep = false;
  for (const JsonMember &member : object.members) {
    const JsonValue &value = member.value;
    auto wrongKind = [&](const char *expected) {
      return fail("the field " + quoteName(member.key) + " is " +
                  getKindName(value.kind) + ", expected " + expected);
    };
    if (member.key == "layers" || member.key == "glob") {
      if (value.kind != JsonValue::Kind::String)
        return wrongKind("a string");
      if (rule.pattern)
        return fail("has both 'layers' and 'glob', expected one of them");
      Result<NamePattern> pattern = member.key == "glob"
                                        ? NamePattern::fromGlob(value.string)
                                        : NamePattern::fromRegex(value.string);
      if (!pattern.ok())
        return fail(pattern.getStatus().getMessage());
      rule.pattern = *pattern;
    } else if (member.key == "scheme") {
      if (value.kind != JsonValue::Kind::String)
        return wrongKind("a string");
      scheme = &value;
    } else if (member.key == "keep") {
      if (value.kind != JsonValue::Kind::Bool || !value.boolean)
        return wrongKind("true");
      keep = true;
    } else if (member.key == "group_size") {
      if (value.kind != JsonValue::Kind::Integer || value.integer < 2)
        return wrongKind("an integer above 1");
      groupSize = value.integer;
    } else {
      return fail("the field " + quoteName(member.key) +
                  " is unknown, expected layers, glob, scheme, group_size or "
                  "keep");
    }
  }
  if (!rule.pattern)
    return fail("has neither 'layers' nor 'glob': nothing says which layers it "
                "is for");
  if (keep == (scheme != nullptr))
    return fail(keep ? "has both 'scheme' and 'keep': they contradict"
                     : "has neither 'scheme' nor 'keep'");
  if (keep && groupSize)
    return fail("has 'group_size' beside 'keep'");
  if (scheme) {
    Result<Target> target = parseTarget(scheme->string, groupSize);
    if (!target.ok())
      return fail(target.getStatus().getMessage());
    rule.target = *target;
  }
  return {};
}

Result<std::vector<PolicyRule>> qmmrt::readPolicy(const std::string &path) {
  constexpr unsigned kMaxDepth = 8;
  Result<JsonValue> document = readJsonFile(path, kMaxDepth);
  if (!document.ok())
    return document.getStatus();
  const JsonValue *list = document->find("rules");
  if (!list || list->kind != JsonValue::Kind::Array ||
      document->members.size() != 1)
    return invalid(path + ": expected an object with one field 'rules', an "
                          "array");
  std::vector<PolicyRule> rules;
  for (const JsonValue &element : list->elements) {
    PolicyRule rule;
    rule.source = path + ": rules[" + std::to_string(rules.size()) + "]";
    if (Status status = readRule(element, rule); !status.ok())
      return status;
    rules.push_back(std::move(rule));
  }
  return rules;
}

/// Does the name have a number of its own: is it one of repeated blocks?
static bool isInNumberedBlock(const std::string &name) {
  for (size_t begin = 0; begin <= name.size();) {
    size_t end = std::min(name.find('.', begin), name.size());
    if (end > begin && std::all_of(name.begin() + begin, name.begin() + end,
                                   [](char c) { return c >= '0' && c <= '9'; }))
      return true;
    begin = end + 1;
  }
  return false;
}

Result<std::vector<Decision>>
qmmrt::select(const std::vector<std::string> &layers,
              const Selection &selection) {
  bool anyNumbered =
      std::any_of(layers.begin(), layers.end(), isInNumberedBlock);
  size_t included = 0, excluded = 0;
  std::vector<size_t> matched(selection.rules.size());
  std::vector<size_t> decided(selection.rules.size());
  std::vector<Decision> decisions;
  for (const std::string &layer : layers) {
    Decision &decision = decisions.emplace_back();
    bool isIncluded = selection.include && selection.include->matches(layer);
    bool isExcluded = selection.exclude && selection.exclude->matches(layer);
    included += isIncluded;
    excluded += isExcluded;
    size_t first = selection.rules.size();
    for (size_t i = selection.rules.size(); i-- > 0;)
      if (selection.rules[i].pattern->matches(layer)) {
        ++matched[i];
        first = i;
      }
    if (first < selection.rules.size())
      ++decided[first];

    if (isExcluded) {
      decision.reason = "excluded";
    } else if (first < selection.rules.size()) {
      decision.target = selection.rules[first].target;
      decision.reason = "rule " + std::to_string(first) + " of the policy";
    } else if (selection.include && !isIncluded) {
      decision.reason = "not included";
    } else if (!selection.target && !selection.choosesScheme) {
      decision.reason = "no rule is for it";
    } else if (!selection.include && !selection.firstAndLast && anyNumbered &&
               !isInNumberedBlock(layer) &&
               !(selection.target && isWide(selection.target->scheme))) {
      decision.reason = "outside of the numbered blocks: a first or last layer";
    } else {
      decision.target = selection.target;
      decision.choose = selection.choosesScheme;
    }
  }
  auto matchesNothing = [&](const char *option, const NamePattern &pattern) {
    return invalid(std::string(option) + ": the pattern " +
                   quoteName(pattern.getText()) + " matches no layer");
  };
  if (selection.include && included == 0)
    return matchesNothing("--include", *selection.include);
  if (selection.exclude && excluded == 0)
    return matchesNothing("--exclude", *selection.exclude);
  for (size_t i = 0; i < selection.rules.size(); ++i) {
    const PolicyRule &rule = selection.rules[i];
    std::string pattern = quoteName(rule.pattern->getText());
    if (matched[i] == 0)
      return invalid(rule.source + ": the pattern " + pattern +
                     " matches no layer");
    if (decided[i] == 0)
      return invalid(rule.source + ": earlier rules take every layer that " +
                     pattern + " matches");
  }
  return decisions;
}
