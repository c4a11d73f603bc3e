//===- LocationText.cpp - Locations in artefacts and reports -------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// MLIR's own print, which every tool reads.
//
//===----------------------------------------------------------------------===//

#include "qmm/IR/LocationText.h"

#include "llvm/Support/raw_ostream.h"

using namespace mlir;

std::string mlir::qmm::getLocationText(Location loc) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  loc->print(stream);
  StringRef ref(text);
  ref.consume_front("loc(");
  ref.consume_back(")");
  return ref.str();
}
