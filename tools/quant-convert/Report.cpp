//===- Report.cpp - What a conversion did --------------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See Report.h.
//
//===----------------------------------------------------------------------===//

#include "Report.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"

#include <cmath>

using namespace mlir::qmm;
using namespace qmmrt;

static std::string formatBytes(uint64_t bytes) {
  const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = bytes;
  unsigned unit = 0;
  for (; value >= 1024 && unit < 4; ++unit)
    value /= 1024;
  char text[32];
  std::snprintf(text, sizeof(text), unit ? "%.1f %s" : "%.0f %s", value,
                units[unit]);
  return text;
}

static std::string formatSqnr(const LayerReport &report) {
  if (!report.sqnr)
    return "-";
  if (std::isinf(*report.sqnr))
    return "exact";
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f dB", *report.sqnr);
  return text;
}

void mlir::qmm::printTable(llvm::raw_ostream &os,
                           const Conversion &conversion) {
  size_t name = 5, from = 4, to = 2;
  for (const LayerReport &report : conversion.getReports()) {
    name = std::max(name, report.name.size());
    from = std::max(from, report.from.size());
    to = std::max(to, report.to.size());
  }
  auto pad = [](const std::string &text, size_t width) {
    return text + std::string(width - std::min(width, text.size()), ' ');
  };
  os << pad("layer", name) << "  " << pad("from", from) << "  " << pad("to", to)
     << "          N x K       bytes     SQNR  reason\n";
  size_t converted = 0;
  for (const LayerReport &report : conversion.getReports()) {
    converted += report.converted;
    std::string shape =
        std::to_string(report.n) + " x " + std::to_string(report.k);
    std::string line = pad(report.name, name) + "  " + pad(report.from, from) +
                       "  " + pad(report.converted ? report.to : "kept", to);
    os << line
       << llvm::format("  %13s  %10s  %7s  ", shape.c_str(),
                       formatBytes(report.bytesOut).c_str(),
                       formatSqnr(report).c_str())
       << (report.reason.empty() ? "-" : report.reason)
       << (report.doneBefore ? "; done by an earlier run" : "") << "\n";
    if (report.nonfinite.nans || report.nonfinite.infinities)
      os << "  warning: " << report.nonfinite.nans << " NaN made 0, "
         << report.nonfinite.infinities << " infinities made finite\n";
  }
  os << converted << " of " << conversion.getReports().size()
     << " layers converted, " << formatBytes(conversion.getBytesIn())
     << " of tensors to " << formatBytes(conversion.getBytesOut()) << "\n";
}

void mlir::qmm::printReport(llvm::raw_ostream &os, llvm::StringRef input,
                            double seconds, const Conversion &conversion) {
  llvm::json::OStream json(os, 2);
  json.object([&] {
    json.attribute("input", input);
    json.attributeArray("files", [&] {
      for (const std::string &file : conversion.getFiles())
        json.value(file);
    });
    json.attribute("bytes_in", int64_t(conversion.getBytesIn()));
    json.attribute("bytes_out", int64_t(conversion.getBytesOut()));
    json.attribute("seconds", seconds);
    json.attributeArray("layers", [&] {
      for (const LayerReport &report : conversion.getReports())
        json.object([&] {
          json.attribute("name", report.name);
          json.attribute("n", report.n);
          json.attribute("k", report.k);
          json.attribute("from", report.from);
          json.attribute("to", report.to);
          json.attribute("converted", report.converted);
          json.attribute("bytes_in", int64_t(report.bytesIn));
          json.attribute("bytes_out", int64_t(report.bytesOut));
          if (report.sqnr && std::isfinite(*report.sqnr))
            json.attribute("sqnr_db", *report.sqnr);
          else
            json.attribute("sqnr_db", nullptr);
          json.attribute("reason", report.reason);
          json.attribute("done_before", report.doneBefore);
          json.attribute("nan", report.nonfinite.nans);
          json.attribute("infinite", report.nonfinite.infinities);
        });
    });
    json.attributeArray("skipped", [&] {
      for (const SkippedWeight &weight : conversion.getSkipped())
        json.object([&] {
          json.attribute("key", weight.key);
          json.attribute("reason", weight.reason);
        });
    });
  });
  os << "\n";
}

void ProgressBar::show(const Progress &progress) {
  Clock::time_point now = Clock::now();
  if (!shown || now - last < std::chrono::milliseconds(100))
    return;
  last = now;
  double seconds = std::chrono::duration<double>(now - start).count();
  double rate = progress.bytesRead / std::max(seconds, 1e-3);
  double done =
      double(progress.bytesRead) / std::max<uint64_t>(progress.bytesTotal, 1);
  uint64_t left = uint64_t((progress.bytesTotal - progress.bytesRead) /
                           std::max(rate, 1.0));
  constexpr unsigned kWidth = 24;
  std::string bar(unsigned(done * kWidth), '#');
  bar.resize(kWidth, '.');
  llvm::errs() << llvm::format(
      "\r[%s] %3.0f %%  %s of %s  %s/s  %llu:%02llu left  ", bar.c_str(),
      100 * done, formatBytes(progress.bytesRead).c_str(),
      formatBytes(progress.bytesTotal).c_str(),
      formatBytes(uint64_t(rate)).c_str(), (unsigned long long)(left / 60),
      (unsigned long long)(left % 60));
  // To the end of the line: a shorter text leaves nothing of a longer one.
  llvm::errs() << progress.tensor.substr(0, 32) << "\033[K";
}

void ProgressBar::clear() {
  if (shown && last != Clock::time_point())
    llvm::errs() << "\r\033[K";
}
