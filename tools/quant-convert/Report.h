//===- Report.h - What a conversion did ------------------------*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For people while it runs and after, and for programs.
//
//===----------------------------------------------------------------------===//

#ifndef QMM_TOOLS_QUANT_CONVERT_REPORT_H
#define QMM_TOOLS_QUANT_CONVERT_REPORT_H

#include "convert/Conversion.h"

#include "llvm/Support/raw_ostream.h"

#include <chrono>

namespace mlir::qmm {

void printTable(llvm::raw_ostream &os, const ::qmmrt::Conversion &conversion);

/// {"input", "files", "bytes_in", "bytes_out", "seconds", "layers": [{"name",
/// "n", "k", "from", "to", "converted", "bytes_in", "bytes_out", "sqnr_db",
/// "reason", "done_before", "nan", "infinite"}], "skipped": [{"key",
/// "reason"}]}; sqnr_db is null where it wasn't measured or nothing is lost.
void printReport(llvm::raw_ostream &os, llvm::StringRef input, double seconds,
                 const ::qmmrt::Conversion &conversion);

/// One line of a terminal, written over and over.
class ProgressBar {
public:
  explicit ProgressBar(bool shown) : shown(shown) {}
  void show(const ::qmmrt::Progress &progress);
  void clear();

private:
  using Clock = std::chrono::steady_clock;
  bool shown;
  Clock::time_point start = Clock::now(), last = {};
};

} // namespace mlir::qmm

#endif // QMM_TOOLS_QUANT_CONVERT_REPORT_H
