//===- convert/Policy.h - Which layer becomes what -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every decision comes with its reason, and a pattern that decides nothing is
// an error: a misspelt name must not leave a layer as it was.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CONVERT_POLICY_H
#define QMMRT_CONVERT_POLICY_H

#include "convert/Target.h"

#include <memory>
#include <optional>
#include <vector>

namespace qmmrt {

/// A POSIX extended regular expression, found anywhere in a name.
class NamePattern {
public:
  /// INVALID_ARGUMENT with the pattern and what is wrong with it.
  static Result<NamePattern> fromRegex(const std::string &text);
  /// `*` any characters, `?` one; the whole name must match.
  static Result<NamePattern> fromGlob(const std::string &text);

  bool matches(const std::string &name) const;
  const std::string &getText() const { return text; }

private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled;
  std::string text;
};

/// What a policy file says of the layers that match; nothing: they are kept.
struct PolicyRule {
  std::string source; // "policy.json: rules[2]"
  std::optional<NamePattern> pattern;
  std::optional<Target> target;
};

/// {"rules": [{"layers": REGEX or "glob": GLOB, "scheme": NAME or "keep": true,
/// "group_size": G}, ...]}: the first rule that matches a layer decides.
Result<std::vector<PolicyRule>> readPolicy(const std::string &path);

struct Selection {
  std::optional<NamePattern> include, exclude;
  std::vector<PolicyRule> rules;
  std::optional<Target> target; // of layers that no rule matches
  bool choosesScheme = false;   // or one is chosen for each of them
  bool firstAndLast = false;    // layers outside of all numbered blocks too
};

struct Decision {
  std::optional<Target> target; // none: keep, unless `choose`
  bool choose = false;
  std::string reason;
};

/// One decision a layer, by its name.  INVALID_ARGUMENT for a pattern that
/// matches no layer, or a rule whose layers were all taken by earlier ones.
Result<std::vector<Decision>> select(const std::vector<std::string> &layers,
                                     const Selection &selection);

} // namespace qmmrt

#endif // QMMRT_CONVERT_POLICY_H
