//===- checkpoint/Pattern.cpp - Names by pattern -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiled to a nondeterministic automaton whose states advance together.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/Pattern.h"
#include "checkpoint/Json.h"

#include <optional>

using namespace qmmrt;

// A pattern of a config is some dozens of characters.
static constexpr size_t kMaxText = 4096;
static constexpr size_t kMaxSteps = 1 << 16;
static constexpr unsigned kMaxDepth = 64;

namespace qmmrt {
/// Recursive descent; the code of a piece is a run of steps whose targets are
/// relative to the run until the whole is built.
class PatternParser {
public:
  explicit PatternParser(std::string_view text) : text(text) {}

  Result<Pattern> run() {
    if (text.size() > kMaxText)
      fail(QMM_STATUS_UNSUPPORTED,
           "is longer than " + std::to_string(kMaxText) + " characters");
    Code code;
    if (!failed())
      code = parseAlternatives(0);
    if (!failed() && position < text.size())
      fail(QMM_STATUS_MALFORMED, "has a ')' too many");
    if (failed())
      return error;
    code.push_back({Step::Accept, {}, 0, 0});
    Pattern result;
    result.steps = std::move(code);
    return result;
  }

private:
  using Step = Pattern::Step;
  using Code = std::vector<Step>;

  bool failed() const { return !error.ok(); }
  void fail(qmm_status code, const std::string &what) {
    if (!failed())
      error = Status(code, "the pattern " + quoteName(text) + " " + what);
  }
  bool atEnd() const { return position >= text.size(); }
  bool take(char c) {
    if (atEnd() || text[position] != c)
      return false;
    ++position;
    return true;
  }
  void append(Code &code, const Code &more) {
    if (code.size() + more.size() > kMaxSteps)
      return fail(QMM_STATUS_UNSUPPORTED, "repeats too much");
    size_t base = code.size();
    for (Step step : more) {
      step.first += base;
      step.second += base;
      code.push_back(step);
    }
  }

  Code parseAlternatives(unsigned depth);
  Code parseSequence(unsigned depth);
  Code parseAtom(unsigned depth);
  std::bitset<256> parseEscape();
  std::bitset<256> parseClass();
  bool parseCounts(unsigned &least, std::optional<unsigned> &most);
  Code repeat(const Code &atom, unsigned least, std::optional<unsigned> most);

  std::string_view text;
  size_t position = 0;
  Status error;
};
} // namespace qmmrt

PatternParser::Code PatternParser::parseAlternatives(unsigned depth) {
  if (depth > kMaxDepth)
    fail(QMM_STATUS_UNSUPPORTED, "nests too deep");
  if (failed())
    return {};
  Code code = parseSequence(depth);
  while (!failed() && take('|')) {
    Code right = parseSequence(depth), both;
    // split L, R; L: left; jump end; R: right; end:
    both.push_back({Step::Split, {}, 1, code.size() + 2});
    append(both, code);
    size_t jump = both.size();
    both.push_back({Step::Jump, {}, jump + 1 + right.size(), 0});
    append(both, right);
    code = std::move(both);
  }
  return code;
}

PatternParser::Code PatternParser::parseSequence(unsigned depth) {
  Code code;
  while (!failed() && !atEnd() && text[position] != '|' &&
         text[position] != ')') {
    Code atom = parseAtom(depth);
    unsigned least = 1;
    std::optional<unsigned> most = 1;
    bool repeated = true;
    if (take('*'))
      least = 0, most = std::nullopt;
    else if (take('+'))
      most = std::nullopt;
    else if (take('?'))
      least = 0;
    else if (!parseCounts(least, most))
      repeated = false;
    if (repeated) {
      take('?'); // lazy or greedy: whether it matches is the same
      if (!atEnd() && std::string_view("*+?{").find(text[position]) !=
                          std::string_view::npos)
        fail(QMM_STATUS_UNSUPPORTED, "repeats a repetition");
      atom = repeat(atom, least, most);
    }
    append(code, atom);
  }
  return code;
}

PatternParser::Code PatternParser::repeat(const Code &atom, unsigned least,
                                          std::optional<unsigned> most) {
  Code code;
  for (unsigned i = 0; i < least && !failed(); ++i)
    append(code, atom);
  if (!most) {
    // L: split body, end; body; jump L; end:
    size_t loop = code.size();
    code.push_back({Step::Split, {}, loop + 1, loop + 2 + atom.size()});
    append(code, atom);
    code.push_back({Step::Jump, {}, loop, 0});
    return code;
  }
  for (unsigned i = least; i < *most && !failed(); ++i) {
    size_t split = code.size();
    code.push_back({Step::Split, {}, split + 1, split + 1 + atom.size()});
    append(code, atom);
  }
  return code;
}

/// `{m}`, `{m,}` or `{m,n}`; anything else in braces is literal.
bool PatternParser::parseCounts(unsigned &least,
                                std::optional<unsigned> &most) {
  size_t start = position;
  auto number = [&](unsigned &value) {
    size_t first = position;
    for (value = 0; !atEnd() && text[position] >= '0' && text[position] <= '9';
         ++position)
      value = std::min(value * 10 + unsigned(text[position] - '0'), 1u << 20);
    return position > first;
  };
  unsigned low = 0, high = 0;
  if (take('{') && number(low)) {
    if (take('}')) {
      least = low;
      most = low;
      return true;
    }
    if (take(',')) {
      bool bounded = number(high);
      if (take('}')) {
        if (bounded && high < low)
          fail(QMM_STATUS_MALFORMED, "has counts that fall");
        least = low;
        most = bounded ? std::optional<unsigned>(high) : std::nullopt;
        return true;
      }
    }
  }
  position = start;
  return false;
}

static std::bitset<256> makeRange(unsigned char first, unsigned char last) {
  std::bitset<256> set;
  for (unsigned c = first; c <= last; ++c)
    set.set(c);
  return set;
}

/// What follows a backslash.
std::bitset<256> PatternParser::parseEscape() {
  std::bitset<256> set;
  if (atEnd()) {
    fail(QMM_STATUS_MALFORMED, "ends in a backslash");
    return set;
  }
  char c = text[position++];
  std::bitset<256> digits = makeRange('0', '9');
  switch (c) {
  case 'd':
    return digits;
  case 'D':
    return ~digits;
  case 'w':
  case 'W':
    set = digits | makeRange('a', 'z') | makeRange('A', 'Z');
    set.set('_');
    return c == 'w' ? set : ~set;
  case 's':
  case 'S':
    for (char space : {' ', '\t', '\n', '\r', '\f', '\v'})
      set.set(static_cast<unsigned char>(space));
    return c == 's' ? set : ~set;
  default:
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
        (c >= 'A' && c <= 'Z'))
      fail(QMM_STATUS_UNSUPPORTED, std::string("uses \\") + c);
    set.set(static_cast<unsigned char>(c));
    return set;
  }
}

/// What follows a `[`.
std::bitset<256> PatternParser::parseClass() {
  std::bitset<256> set;
  bool negated = take('^');
  bool first = true;
  while (!failed()) {
    if (atEnd()) {
      fail(QMM_STATUS_MALFORMED, "has a '[' without its ']'");
      break;
    }
    char c = text[position++];
    if (c == ']' && !first)
      break;
    first = false;
    if (c == '\\') {
      set |= parseEscape();
      continue;
    }
    if (position + 1 < text.size() && text[position] == '-' &&
        text[position + 1] != ']') {
      char last = text[position + 1];
      position += 2;
      if (last == '\\' ||
          static_cast<unsigned char>(last) < static_cast<unsigned char>(c)) {
        fail(QMM_STATUS_MALFORMED, "has a range that falls");
        break;
      }
      set |= makeRange(static_cast<unsigned char>(c),
                       static_cast<unsigned char>(last));
    } else {
      set.set(static_cast<unsigned char>(c));
    }
  }
  return negated ? ~set : set;
}

PatternParser::Code PatternParser::parseAtom(unsigned depth) {
  char c = text[position++];
  std::bitset<256> set;
  switch (c) {
  case '(': {
    if (take('?') && !take(':')) {
      fail(QMM_STATUS_UNSUPPORTED,
           "uses (?" + std::string(text.substr(position, 1)));
      return {};
    }
    Code code = parseAlternatives(depth + 1);
    if (!failed() && !take(')'))
      fail(QMM_STATUS_MALFORMED, "has a '(' without its ')'");
    return code;
  }
  case '^':
    return {{Step::Begin, {}, 0, 0}};
  case '$':
    return {{Step::End, {}, 0, 0}};
  case '*':
  case '+':
  case '?':
    fail(QMM_STATUS_MALFORMED, "repeats nothing");
    return {};
  case '.':
    set.set();
    set.reset('\n');
    break;
  case '[':
    set = parseClass();
    break;
  case '\\':
    set = parseEscape();
    break;
  default:
    set.set(static_cast<unsigned char>(c));
  }
  return {{Step::Set, set, 0, 0}};
}

Result<Pattern> Pattern::parseRegex(std::string_view text) {
  return PatternParser(text).run();
}

Result<Pattern> Pattern::parseGlob(std::string_view text) {
  std::string regex;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    size_t close = text.find(']', i + 2);
    if (c == '*') {
      regex += "[^\n]*";
    } else if (c == '?') {
      regex += "[^\n]";
    } else if (c == '[' && close != std::string_view::npos) {
      std::string inside(text.substr(i + 1, close - i - 1));
      if (inside[0] == '!')
        inside[0] = '^';
      regex += "[" + inside + "]";
      i = close;
    } else {
      bool isWord = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                    (c >= 'A' && c <= 'Z') || c == '_';
      regex += (isWord ? "" : "\\") + std::string(1, c);
    }
  }
  return parseRegex(regex + "$");
}

void Pattern::addThread(size_t step, size_t position, size_t length,
                        std::vector<size_t> &threads,
                        std::vector<bool> &seen) const {
  std::vector<size_t> pending = {step};
  while (!pending.empty()) {
    size_t at = pending.back();
    pending.pop_back();
    if (seen[at])
      continue;
    seen[at] = true;
    const Step &current = steps[at];
    switch (current.kind) {
    case Step::Split:
      pending.push_back(current.first);
      pending.push_back(current.second);
      break;
    case Step::Jump:
      pending.push_back(current.first);
      break;
    case Step::Begin:
      if (position == 0)
        pending.push_back(at + 1);
      break;
    case Step::End:
      if (position == length)
        pending.push_back(at + 1);
      break;
    case Step::Set:
    case Step::Accept:
      threads.push_back(at);
      break;
    }
  }
}

bool Pattern::matchesPrefix(std::string_view name) const {
  std::vector<size_t> threads, next;
  std::vector<bool> seen(steps.size());
  addThread(0, 0, name.size(), threads, seen);
  for (size_t position = 0;; ++position) {
    next.clear();
    seen.assign(steps.size(), false);
    for (size_t thread : threads) {
      const Step &step = steps[thread];
      if (step.kind == Step::Accept)
        return true;
      if (position < name.size() &&
          step.set.test(static_cast<unsigned char>(name[position])))
        addThread(thread + 1, position + 1, name.size(), next, seen);
    }
    if (next.empty())
      return false;
    threads.swap(next);
  }
}
