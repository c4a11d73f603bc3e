//===- HostProgram.cpp - Compiles and runs host kernels in tests ----------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See HostProgram.h.
//
//===----------------------------------------------------------------------===//

#include "HostProgram.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Parser/Parser.h"
#include "qmm/IR/QMM.h"
#include "qmm/Kernels/Host/Codegen.h"
#include "qmm/Kernels/Host/Passes.h"
#include "gtest/gtest.h"
#include <dlfcn.h>
#include <optional>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;
using namespace mlir::qmm;
using namespace mlir::qmm::test;

std::vector<StringRef> mlir::qmm::test::getRunnableISAs() {
#if defined(__x86_64__)
  std::vector<StringRef> isas = {"x86-64"};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("bmi2"))
    isas.push_back("x86-64-v3");
  return isas;
#elif defined(__aarch64__)
  return {"aarch64"};
#else
  return {};
#endif
}

HostLibrary::HostLibrary(const std::string &bytes) {
  int fd = memfd_create("kernels", MFD_CLOEXEC);
  EXPECT_GE(fd, 0);
  EXPECT_EQ(write(fd, bytes.data(), bytes.size()),
            static_cast<ssize_t>(bytes.size()));
  std::string path = "/proc/self/fd/" + std::to_string(fd);
  handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  EXPECT_NE(handle, nullptr) << dlerror();
  close(fd);
}

HostLibrary::~HostLibrary() {
  if (handle)
    dlclose(handle);
}

HostKernel HostLibrary::lookup(const std::string &name) const {
  void *address = handle ? dlsym(handle, name.c_str()) : nullptr;
  EXPECT_NE(address, nullptr) << name;
  return reinterpret_cast<HostKernel>(address);
}

HostCompiler::HostCompiler() {
  DialectRegistry registry;
  registerHostCodegenDialects(registry);
  registry.insert<QMMDialect>();
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
  context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
    diagnostics += diagnostic.str() + "\n";
  });
}

OwningOpRef<ModuleOp> HostCompiler::parse(StringRef source) {
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(source, &context);
  EXPECT_TRUE(module) << diagnostics;
  if (!module) // so that a test may go on
    module = ModuleOp::create(UnknownLoc::get(&context));
  return module;
}

std::string HostCompiler::compileKernels(StringRef source, StringRef isa) {
  OwningOpRef<ModuleOp> module = parse(source);
  FailureOr<SmallVector<HostObject>> objects =
      compileHostKernels(*module, {isa});
  if (failed(objects) || objects->size() != 1) {
    ADD_FAILURE() << isa.str() << ": " << diagnostics;
    return "";
  }
  return objects->front().bytes;
}

namespace {
/// What a program's values are.
struct Interpreter {
  llvm::DenseMap<Value, int64_t> integers;
  llvm::DenseMap<Value, Buffer> buffers;
  std::vector<std::unique_ptr<std::vector<char>>> allocations;

  int64_t getInteger(Value value) {
    auto known = integers.find(value);
    EXPECT_NE(known, integers.end()) << "an integer isn't computed";
    return known == integers.end() ? 0 : known->second;
  }
  void launch(LaunchOp op, const HostLibrary &library);
  bool execute(Operation &op, const HostLibrary &library);
};
} // namespace

void Interpreter::launch(LaunchOp op, const HostLibrary &library) {
  std::vector<void *> addresses;
  std::vector<int64_t> values;
  for (Value value : op.getBuffers()) {
    const Buffer &buffer = buffers[value];
    addresses.push_back(buffer.data);
    auto type = cast<MemRefType>(value.getType());
    for (int64_t i = 0; i < type.getRank(); ++i)
      if (type.isDynamicDim(i))
        values.push_back(buffer.shape[i]);
  }
  for (Value value : op.getIntegers())
    values.push_back(getInteger(value));
  HostKernel kernel = library.lookup(op.getKernel().getLeafReference().str());
  if (!kernel)
    return;
  int64_t extent = getInteger(op.getExtent());
  for (int64_t begin = 0, step = 1; begin < extent; begin += step, step += 2)
    kernel(addresses.data(), values.data(), begin,
           std::min(begin + step, extent));
}

bool Interpreter::execute(Operation &op, const HostLibrary &library) {
  if (auto launchOp = dyn_cast<LaunchOp>(op)) {
    launch(launchOp, library);
  } else if (auto constant = dyn_cast<arith::ConstantIndexOp>(op)) {
    integers[constant] = constant.value();
  } else if (auto dim = dyn_cast<memref::DimOp>(op)) {
    integers[dim] = buffers[dim.getSource()].shape[getInteger(dim.getIndex())];
  } else if (auto product = dyn_cast<arith::MulIOp>(op)) {
    integers[product] =
        getInteger(product.getLhs()) * getInteger(product.getRhs());
  } else if (auto alloc = dyn_cast<memref::AllocOp>(op)) {
    std::vector<int64_t> shape(alloc.getType().getShape());
    size_t bytes = alloc.getType().getNumElements() * 8;
    allocations.push_back(std::make_unique<std::vector<char>>(bytes));
    buffers[alloc] = {allocations.back()->data(), shape};
  } else {
    return llvm::isa<func::ReturnOp>(op);
  }
  return true;
}

unsigned HostCompiler::run(StringRef source, StringRef isa,
                           const std::vector<Buffer> &arguments) {
  OwningOpRef<ModuleOp> module = parse(source);
  if (failed(outlineKernels(*module, LoopSplit::First)) ||
      failed(module->verify())) {
    ADD_FAILURE() << diagnostics;
    return 0;
  }
  auto kernels = module->lookupSymbol<ModuleOp>(QMMDialect::kKernelsModule);
  auto main = module->lookupSymbol<func::FuncOp>("main");
  if (!kernels || !main) {
    ADD_FAILURE() << "no kernels, or no @main";
    return 0;
  }
  FailureOr<SmallVector<HostObject>> objects =
      compileHostKernels(kernels, {isa});
  if (failed(objects)) {
    ADD_FAILURE() << diagnostics;
    return 0;
  }
  HostLibrary library(objects->front().bytes);
  Interpreter interpreter;
  for (auto [value, buffer] : llvm::zip_equal(main.getArguments(), arguments))
    interpreter.buffers[value] = buffer;
  unsigned launches = 0;
  for (Operation &op : main.getBody().front()) {
    if (!interpreter.execute(op, library)) {
      ADD_FAILURE() << "not a command: " << op.getName().getStringRef().str();
      return 0;
    }
    launches += llvm::isa<LaunchOp>(op);
  }
  return launches;
}
