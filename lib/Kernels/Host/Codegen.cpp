//===- Codegen.cpp - Host kernels to native objects -----------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The LLVM half of code generation: translation, optimization, objects.
//
//===----------------------------------------------------------------------===//

#include "qmm/Kernels/Host/Codegen.h"

#include "HostISA.h"
#include "LLVMBackend.h"
#include "LowerKernels.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace mlir::qmm;

static constexpr HostISA kISAs[] = {
    {"x86-64-v3",
     "x86_64-unknown-linux-gnu",
     "x86-64-v3",
     "elf_x86_64",
     {/*convertsF16=*/true, /*hasFMA=*/true}},
    {"x86-64-v4",
     "x86_64-unknown-linux-gnu",
     "x86-64-v4",
     "elf_x86_64",
     {/*convertsF16=*/true, /*hasFMA=*/true}},
    {"x86-64",
     "x86_64-unknown-linux-gnu",
     "x86-64",
     "elf_x86_64",
     {/*convertsF16=*/false, /*hasFMA=*/false}},
    {"aarch64",
     "aarch64-unknown-linux-gnu",
     "generic",
     "aarch64linux",
     {/*convertsF16=*/true, /*hasFMA=*/true}},
};

ArrayRef<StringRef> mlir::qmm::getHostISAs() {
  static const SmallVector<StringRef> names = llvm::map_to_vector(
      kISAs, [](const HostISA &isa) -> StringRef { return isa.name; });
  return names;
}

const HostISA *mlir::qmm::lookupHostISA(StringRef name, Location loc) {
  for (const HostISA &isa : kISAs)
    if (isa.name == name)
      return &isa;
  emitError(loc) << "unknown instruction set \"" << name
                 << "\" for host kernels; known: "
                 << llvm::join(getHostISAs(), ", ");
  return nullptr;
}

static std::unique_ptr<llvm::TargetMachine>
createHostMachine(const HostISA &isa, Location loc) {
  return createTargetMachine({isa.name, isa.triple, isa.cpu, /*features=*/"",
                              llvm::Reloc::PIC_, llvm::CodeModel::Small},
                             loc);
}

static FailureOr<std::unique_ptr<llvm::Module>>
translate(ModuleOp lowered, llvm::LLVMContext &context) {
  std::unique_ptr<llvm::Module> module =
      translateModuleToLLVMIR(lowered, context, "qmm.kernels");
  if (!module)
    return lowered.emitError("can't be translated to LLVM IR");
  return module;
}

FailureOr<std::unique_ptr<llvm::Module>>
mlir::qmm::translateHostKernels(ModuleOp kernels, StringRef isa,
                                llvm::LLVMContext &context) {
  const HostISA *target = lookupHostISA(isa, kernels.getLoc());
  if (!target)
    return failure();
  FailureOr<OwningOpRef<ModuleOp>> lowered =
      lowerHostKernels(kernels, target->features);
  if (failed(lowered))
    return failure();
  return translate(**lowered, context);
}

LogicalResult mlir::qmm::optimizeHostModule(llvm::Module &module, StringRef isa,
                                            Location loc) {
  const HostISA *target = lookupHostISA(isa, loc);
  if (!target)
    return failure();
  std::unique_ptr<llvm::TargetMachine> machine =
      createHostMachine(*target, loc);
  if (!machine)
    return failure();
  setTarget(module, *machine);
  optimize(module, *machine);
  return success();
}

/// May an object need this from the process that loads it?
static bool isKnownExternal(StringRef name) {
  if (llvm::is_contained({"memcpy", "memmove", "memset"}, name))
    return true;
  static constexpr StringRef kMath[] = {
      "acos",  "acosh",     "asin",      "asinh", "atan",  "atan2",
      "atanh", "cbrt",      "ceil",      "cos",   "cosh",  "erf",
      "erfc",  "exp",       "exp2",      "expm1", "fabs",  "floor",
      "fma",   "fmax",      "fmin",      "fmod",  "frexp", "hypot",
      "ldexp", "log",       "log10",     "log1p", "log2",  "modf",
      "pow",   "nearbyint", "remainder", "rint",  "round", "roundeven",
      "sin",   "sincos",    "sinh",      "sqrt",  "tan",   "tanh",
      "trunc", "exp10"};
  return llvm::is_contained(kMath, name) ||
         (name.consume_back("f") && llvm::is_contained(kMath, name));
}

/// Names the first undefined symbol that a loader couldn't resolve.
static LogicalResult verifyUndefined(StringRef object, Location loc) {
  auto file = llvm::object::ObjectFile::createObjectFile(
      llvm::MemoryBufferRef(object, "host kernels"));
  if (!file)
    return emitError(loc) << "LLVM emitted a broken object: "
                          << llvm::toString(file.takeError());
  for (const llvm::object::SymbolRef &symbol : (*file)->symbols()) {
    llvm::Expected<uint32_t> flags = symbol.getFlags();
    llvm::Expected<StringRef> name = symbol.getName();
    if (!flags || !name)
      return emitError(loc) << "LLVM emitted a broken symbol table: "
                            << llvm::toString(llvm::joinErrors(
                                   flags.takeError(), name.takeError()));
    if ((*flags & llvm::object::SymbolRef::SF_Undefined) && !name->empty() &&
        !isKnownExternal(*name))
      return emitError(loc) << "a host kernel needs the function '" << *name
                            << "', which the runtime doesn't have";
  }
  return success();
}

FailureOr<std::string> mlir::qmm::emitHostObject(llvm::Module &module,
                                                 StringRef isa, Location loc) {
  const HostISA *target = lookupHostISA(isa, loc);
  if (!target)
    return failure();
  std::unique_ptr<llvm::TargetMachine> machine =
      createHostMachine(*target, loc);
  if (!machine)
    return failure();
  module.setTargetTriple(machine->getTargetTriple());
  module.setDataLayout(machine->createDataLayout());
  llvm::SmallString<0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr,
                                   llvm::CodeGenFileType::ObjectFile))
    return emitError(loc) << "this LLVM can't emit objects for " << isa;
  passes.run(module);
  return bytes.str().str();
}

/// The checked relocatable object of lowered kernels.
static FailureOr<std::string> compileLowered(ModuleOp lowered, StringRef isa) {
  llvm::LLVMContext context;
  FailureOr<std::unique_ptr<llvm::Module>> module = translate(lowered, context);
  if (failed(module) ||
      failed(optimizeHostModule(**module, isa, lowered.getLoc())))
    return failure();
  FailureOr<std::string> object =
      emitHostObject(**module, isa, lowered.getLoc());
  if (failed(object) || failed(verifyUndefined(*object, lowered.getLoc())))
    return failure();
  return object;
}

FailureOr<HostObject> mlir::qmm::compileHostObject(ModuleOp kernels,
                                                   StringRef isa) {
  const HostISA *target = lookupHostISA(isa, kernels.getLoc());
  if (!target)
    return failure();
  FailureOr<OwningOpRef<ModuleOp>> lowered =
      lowerHostKernels(kernels, target->features);
  if (failed(lowered))
    return failure();
  FailureOr<std::string> object = compileLowered(**lowered, isa);
  if (failed(object))
    return failure();
  return HostObject{isa.str(), std::move(*object)};
}

FailureOr<SmallVector<HostObject>>
mlir::qmm::compileHostKernels(ModuleOp kernels, ArrayRef<StringRef> isas) {
  SmallVector<HostObject> objects;
  if (kernels.getOps<func::FuncOp>().empty())
    return objects;
  // Instruction sets with the same features share the lowered kernels.
  SmallVector<std::pair<HostFeatures, OwningOpRef<ModuleOp>>> lowered;
  auto lower = [&](HostFeatures features) -> FailureOr<ModuleOp> {
    for (auto &[known, module] : lowered)
      if (known.convertsF16 == features.convertsF16 &&
          known.hasFMA == features.hasFMA)
        return *module;
    FailureOr<OwningOpRef<ModuleOp>> module =
        lowerHostKernels(kernels, features);
    if (failed(module))
      return failure();
    lowered.emplace_back(features, std::move(*module));
    return *lowered.back().second;
  };
  for (StringRef isa : isas.empty() ? getHostISAs() : isas) {
    const HostISA *target = lookupHostISA(isa, kernels.getLoc());
    if (!target)
      return failure();
    FailureOr<ModuleOp> module = lower(target->features);
    if (failed(module))
      return failure();
    FailureOr<std::string> object = compileLowered(*module, isa);
    if (failed(object))
      return failure();
    FailureOr<std::string> shared =
        linkHostObject(*object, isa, kernels.getLoc());
    if (failed(shared))
      return failure();
    objects.push_back({isa.str(), std::move(*shared)});
  }
  return objects;
}
