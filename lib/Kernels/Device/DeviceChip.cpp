//===- DeviceChip.cpp - What a chip's code may contain --------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Names of chips to what decides about code.  PTX versions are the oldest that
// have the chip and its conversions, so that old drivers load the code.
//
//===----------------------------------------------------------------------===//

#include "qmm/Kernels/Device/Codegen.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::qmm;

namespace {

struct Architecture {
  unsigned number;
  unsigned ptx;         // of sm_NUMBER; 0: there is none
  unsigned ptxSpecific; // of sm_NUMBERa
  unsigned ptxFamily;   // of sm_NUMBERf
  bool specificConvertsFP4;
};

constexpr Architecture kArchitectures[] = {
    {80, 70, 0, 0, false},   {86, 71, 0, 0, false},   {87, 74, 0, 0, false},
    {89, 81, 0, 0, false},   {90, 78, 80, 0, false},  {100, 86, 86, 88, true},
    {101, 86, 86, 88, true}, {103, 88, 88, 88, true}, {120, 87, 87, 88, true},
    {121, 88, 88, 88, true}};

} // namespace

static std::string listChips() {
  SmallVector<std::string> names;
  for (const Architecture &architecture : kArchitectures) {
    std::string name = "sm_" + llvm::utostr(architecture.number);
    names.push_back(name);
    if (architecture.ptxSpecific)
      names.push_back(name + "a");
    if (architecture.ptxFamily)
      names.push_back(name + "f");
  }
  return llvm::join(names, ", ");
}

FailureOr<DeviceChip> mlir::qmm::lookupDeviceChip(StringRef name,
                                                  Location loc) {
  StringRef rest = name;
  bool isSM = rest.consume_front("sm_");
  bool isSpecific = rest.consume_back("a");
  bool isFamily = !isSpecific && rest.consume_back("f");
  unsigned number = 0;
  if (isSM && !rest.getAsInteger(10, number))
    for (const Architecture &architecture : kArchitectures) {
      unsigned ptx = isSpecific ? architecture.ptxSpecific
                     : isFamily ? architecture.ptxFamily
                                : architecture.ptx;
      if (architecture.number != number || !ptx)
        continue;
      bool convertsFP4 =
          (isSpecific || isFamily) && architecture.specificConvertsFP4;
      return DeviceChip{name.str(), "+ptx" + llvm::utostr(ptx), number >= 89,
                        convertsFP4};
    }
  return emitError(loc) << "unknown chip \"" << name
                        << "\" for device kernels; known: " << listChips();
}
