//===- LLVMIR.cpp - Programs as LLVM IR ----------------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Descriptors are filled by byte offset from the C headers themselves, so that
// their layout is stated once.
//
//===----------------------------------------------------------------------===//

#include "qmm/Target/LLVMIR.h"

#include "qmm/Conversion/PhysicalToProgram.h"
#include "qmm/IR/QMM.h"
#include "qmm/Kernels/Host/Codegen.h"
#include "qmm/Kernels/Host/Passes.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"

using namespace mlir;
using namespace mlir::qmm;
namespace program = ::qmmrt::program;
using llvm::ConstantInt;

static std::string getCName(StringRef name) {
  std::string result = "qmm_entry_";
  for (char c : name)
    result += llvm::isAlnum(c) ? c : '_';
  return result;
}

namespace {

/// Emits one of the two functions of an entry.
class FunctionEmitter {
public:
  FunctionEmitter(llvm::Module &module, const program::Module &program,
                  const program::Entry &entry)
      : module(module), program(program), entry(entry), b(module.getContext()) {
  }

  void emitQuery();
  void emitRun();

private:
  void begin(StringRef name, ArrayRef<llvm::Type *> parameters);
  void checkInputs();
  llvm::Value *evaluate(const program::Expr &expr);
  llvm::Value *at(llvm::Value *base, uint64_t offset) {
    return b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), base, offset);
  }
  /// Zeroed memory of the frame, as large as a descriptor.
  llvm::Value *frame(uint64_t bytes);
  void store(llvm::Value *base, uint64_t offset, llvm::Value *value) {
    b.CreateStore(value, at(base, offset));
  }
  llvm::Value *slot(int32_t index);
  llvm::Value *tensor(const program::TensorRef &ref, bool pointers);
  llvm::Value *matmulArguments(const program::Command &command, bool pointers);
  void call(StringRef name, ArrayRef<llvm::Value *> arguments);
  void check(llvm::Value *status);
  void emit(const program::Command &command);

  llvm::Module &module;
  const program::Module &program;
  const program::Entry &entry;
  llvm::IRBuilder<> b;
  llvm::Function *function = nullptr;
  llvm::BasicBlock *fail = nullptr;
  llvm::PHINode *failStatus = nullptr;
  llvm::Value *context = nullptr, *inputs = nullptr, *outputs = nullptr,
              *parameters = nullptr, *arena = nullptr, *arenaBytes = nullptr;
  std::vector<llvm::Value *> dims;
};

} // namespace

void FunctionEmitter::begin(StringRef name,
                            ArrayRef<llvm::Type *> parameterTypes) {
  auto *type = llvm::FunctionType::get(b.getInt32Ty(), parameterTypes, false);
  function = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage,
                                    name, module);
  llvm::LLVMContext &llvmContext = module.getContext();
  auto *start = llvm::BasicBlock::Create(llvmContext, "entry", function);
  fail = llvm::BasicBlock::Create(llvmContext, "fail", function);
  b.SetInsertPoint(fail);
  failStatus = b.CreatePHI(b.getInt32Ty(), 1, "status");
  b.CreateRet(failStatus);
  b.SetInsertPoint(start);
  context = function->getArg(0);
  inputs = function->getArg(1);
}

void FunctionEmitter::check(llvm::Value *status) {
  auto *next = llvm::BasicBlock::Create(module.getContext(), "ok", function);
  b.CreateCondBr(b.CreateIsNull(status), next, fail);
  failStatus->addIncoming(status, b.GetInsertBlock());
  b.SetInsertPoint(next);
}

void FunctionEmitter::call(StringRef name, ArrayRef<llvm::Value *> arguments) {
  SmallVector<llvm::Type *> types;
  for (llvm::Value *argument : arguments)
    types.push_back(argument->getType());
  auto callee = module.getOrInsertFunction(
      name, llvm::FunctionType::get(b.getInt32Ty(), types, false));
  check(b.CreateCall(callee, arguments));
}

/// Compares dtype, rank and extents with the entry's, and reads the dynamic
/// extents.
void FunctionEmitter::checkInputs() {
  dims.assign(entry.numDims, nullptr);
  llvm::Value *ok = b.getTrue();
  auto load = [&](llvm::Type *type, uint64_t offset) {
    return b.CreateLoad(type, at(inputs, offset));
  };
  for (auto [i, input] : llvm::enumerate(entry.inputs)) {
    uint64_t base = i * sizeof(qmm_tensor);
    ok = b.CreateAnd(ok,
                     b.CreateICmpEQ(load(b.getInt32Ty(),
                                         base + offsetof(qmm_tensor, scheme) +
                                             offsetof(qmm_scheme, element)),
                                    b.getInt32(input.dtype)));
    ok = b.CreateAnd(ok, b.CreateICmpEQ(load(b.getInt32Ty(),
                                             base + offsetof(qmm_tensor, rank)),
                                        b.getInt32(input.shape.size())));
    for (auto [axis, expr] : llvm::enumerate(input.shape)) {
      llvm::Value *extent =
          load(b.getInt64Ty(),
               base + offsetof(qmm_tensor, shape) + axis * sizeof(int64_t));
      const program::Expr::Term &term = expr.terms.front();
      llvm::Value *expected = nullptr;
      if (term.op == program::Expr::Op::Constant) {
        expected = b.getInt64(term.value);
      } else if (!dims[term.value]) {
        dims[term.value] = extent;
        ok = b.CreateAnd(ok, b.CreateICmpSGE(extent, b.getInt64(0)));
        continue;
      } else {
        expected = dims[term.value];
      }
      ok = b.CreateAnd(ok, b.CreateICmpEQ(extent, expected));
    }
  }
  for (const program::Check &condition : entry.checks)
    ok = b.CreateAnd(
        ok, b.CreateICmpEQ(evaluate(condition.lhs), evaluate(condition.rhs)));
  check(b.CreateSelect(ok, b.getInt32(QMM_STATUS_OK),
                       b.getInt32(QMM_STATUS_INVALID_ARGUMENT)));
}

llvm::Value *FunctionEmitter::evaluate(const program::Expr &expr) {
  SmallVector<llvm::Value *> stack;
  using Op = program::Expr::Op;
  for (const program::Expr::Term &term : expr.terms) {
    if (term.op == Op::Constant) {
      stack.push_back(b.getInt64(term.value));
      continue;
    }
    if (term.op == Op::Dim) {
      stack.push_back(dims[term.value]);
      continue;
    }
    llvm::Value *rhs = stack.pop_back_val(), *lhs = stack.pop_back_val();
    // Extents aren't negative: truncation is the floor.
    switch (term.op) {
    case Op::Add:
      stack.push_back(b.CreateAdd(lhs, rhs));
      break;
    case Op::Sub:
      stack.push_back(b.CreateSub(lhs, rhs));
      break;
    case Op::Mul:
      stack.push_back(b.CreateMul(lhs, rhs));
      break;
    case Op::FloorDiv:
      stack.push_back(b.CreateSDiv(lhs, rhs));
      break;
    case Op::CeilDiv:
      stack.push_back(
          b.CreateSDiv(b.CreateSub(b.CreateAdd(lhs, rhs), b.getInt64(1)), rhs));
      break;
    case Op::Mod:
      stack.push_back(b.CreateSRem(lhs, rhs));
      break;
    case Op::Max:
      stack.push_back(b.CreateBinaryIntrinsic(llvm::Intrinsic::smax, lhs, rhs));
      break;
    case Op::Min:
      stack.push_back(b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, lhs, rhs));
      break;
    default:
      llvm_unreachable("leaves are handled above");
    }
  }
  return stack.front();
}

llvm::Value *FunctionEmitter::frame(uint64_t bytes) {
  llvm::IRBuilder<> start(&function->getEntryBlock(),
                          function->getEntryBlock().begin());
  llvm::AllocaInst *memory = start.CreateAlloca(
      llvm::ArrayType::get(b.getInt64Ty(), llvm::divideCeil(bytes, 8)));
  b.CreateMemSet(memory, b.getInt8(0), bytes, llvm::Align(8));
  return memory;
}

llvm::Value *FunctionEmitter::slot(int32_t index) {
  const program::Slot &slot = entry.slots[index];
  llvm::Value *base = nullptr;
  auto data = [&](llvm::Value *tensors) {
    return b.CreateLoad(b.getPtrTy(),
                        at(tensors, slot.index * sizeof(qmm_tensor) +
                                        offsetof(qmm_tensor, data)));
  };
  switch (slot.kind) {
  case program::Slot::Kind::Input:
    base = data(inputs);
    break;
  case program::Slot::Kind::Output:
    base = data(outputs);
    break;
  case program::Slot::Kind::Arena:
    base = arena;
    break;
  case program::Slot::Kind::Packed: // refused
  case program::Slot::Kind::Parameter:
    base =
        b.CreateLoad(b.getPtrTy(), at(parameters, slot.index * sizeof(void *)));
    break;
  }
  return b.CreateGEP(b.getInt8Ty(), base, evaluate(slot.offset));
}

llvm::Value *FunctionEmitter::tensor(const program::TensorRef &ref,
                                     bool pointers) {
  llvm::Value *t = frame(sizeof(qmm_tensor));
  store(t, offsetof(qmm_tensor, struct_size), b.getInt32(sizeof(qmm_tensor)));
  store(t, offsetof(qmm_tensor, rank), b.getInt32(ref.shape.size()));
  for (auto [axis, extent] : llvm::enumerate(ref.shape))
    store(t, offsetof(qmm_tensor, shape) + axis * sizeof(int64_t),
          evaluate(extent));
  uint64_t scheme = offsetof(qmm_tensor, scheme);
  store(t, scheme + offsetof(qmm_scheme, element),
        b.getInt32(ref.scheme.element));
  store(t, scheme + offsetof(qmm_scheme, scale), b.getInt32(ref.scheme.scale));
  store(t, scheme + offsetof(qmm_scheme, block_outer),
        b.getInt64(ref.scheme.block_outer));
  store(t, scheme + offsetof(qmm_scheme, block_k),
        b.getInt64(ref.scheme.block_k));
  store(t, scheme + offsetof(qmm_scheme, has_tensor_scale),
        b.getInt32(ref.scheme.has_tensor_scale));
  uint64_t layout = offsetof(qmm_tensor, layout);
  store(t, layout + offsetof(qmm_layout, scales),
        b.getInt32(ref.layout.scales));
  store(t, layout + offsetof(qmm_layout, nibbles),
        b.getInt32(ref.layout.nibbles));
  store(t, layout + offsetof(qmm_layout, pad_outer),
        b.getInt64(ref.layout.pad_outer));
  store(t, layout + offsetof(qmm_layout, pad_k), b.getInt64(ref.layout.pad_k));
  store(t, layout + offsetof(qmm_layout, scale_pad),
        b.getInt64(ref.layout.scale_pad));
  auto pointer = [&](uint64_t offset, int32_t index) {
    if (pointers && index != program::kNoSlot)
      store(t, offset, slot(index));
  };
  pointer(offsetof(qmm_tensor, data), ref.data);
  pointer(offsetof(qmm_tensor, scale), ref.scale);
  pointer(offsetof(qmm_tensor, tensor_scale), ref.tensorScale);
  return t;
}

llvm::Value *FunctionEmitter::matmulArguments(const program::Command &command,
                                              bool pointers) {
  using Args = qmm_scaled_matmul_args;
  llvm::Value *args = frame(sizeof(Args));
  store(args, offsetof(Args, struct_size), b.getInt32(sizeof(Args)));
  store(args, offsetof(Args, activation), b.getInt32(command.activation));
  store(args, offsetof(Args, a_precision), b.getInt32(command.aPrecision));
  store(args, offsetof(Args, b_precision), b.getInt32(command.bPrecision));
  SmallVector<uint64_t> fields = {offsetof(Args, a), offsetof(Args, b),
                                  offsetof(Args, d)};
  if (command.hasBias)
    fields.push_back(offsetof(Args, bias));
  if (command.hasResidual)
    fields.push_back(offsetof(Args, residual));
  for (auto [field, ref] : llvm::zip_equal(fields, command.tensors))
    store(args, field, tensor(ref, pointers));
  if (pointers && command.amax != program::kNoSlot)
    store(args, offsetof(Args, amax), slot(command.amax));
  return args;
}

void FunctionEmitter::emit(const program::Command &command) {
  using Kind = program::Command::Kind;
  switch (command.kind) {
  case Kind::ScaledMatmul: {
    using Args = qmm_scaled_matmul_args;
    llvm::Value *args = matmulArguments(command, /*pointers=*/true);
    // The workspace lies behind the program's own arena.
    llvm::Value *used = evaluate(entry.arenaBytes);
    store(args, offsetof(Args, workspace),
          b.CreateGEP(b.getInt8Ty(), arena, used));
    store(args, offsetof(Args, workspace_bytes), b.CreateSub(arenaBytes, used));
    call("qmm_scaled_matmul", {context, args});
    return;
  }
  case Kind::Quantize: {
    using Params = qmm_quantize_params;
    llvm::Value *params = frame(sizeof(Params));
    store(params, offsetof(Params, struct_size), b.getInt32(sizeof(Params)));
    store(params, offsetof(Params, scale_source),
          b.getInt32(command.scaleSource));
    store(params, offsetof(Params, e8m0_rounding),
          b.getInt32(command.e8m0Rounding));
    store(params, offsetof(Params, divide_precision),
          b.getInt32(command.dividePrecision));
    store(params, offsetof(Params, scale_precision_input),
          b.getInt32(command.scalePrecisionInput));
    call("qmm_quantize", {context, tensor(command.tensors[0], true), params,
                          tensor(command.tensors[1], true)});
    return;
  }
  case Kind::Dequantize:
    call("qmm_dequantize", {context, tensor(command.tensors[0], true),
                            tensor(command.tensors[1], true)});
    return;
  case Kind::Relayout:
    call("qmm_relayout", {context, tensor(command.tensors[0], true),
                          tensor(command.tensors[1], true)});
    return;
  case Kind::Amax:
    call("qmm_amax",
         {context, tensor(command.tensors[0], true), slot(command.amax)});
    return;
  case Kind::Kernel: {
    llvm::Value *buffers = frame(command.slots.size() * sizeof(void *) + 8);
    for (auto [i, index] : llvm::enumerate(command.slots))
      store(buffers, i * sizeof(void *), slot(index));
    llvm::Value *integers =
        frame(command.integers.size() * sizeof(int64_t) + 8);
    for (auto [i, expr] : llvm::enumerate(command.integers))
      store(integers, i * sizeof(int64_t), evaluate(expr));
    llvm::Function *kernel =
        module.getFunction(program.kernels[command.kernel].name);
    b.CreateCall(kernel,
                 {buffers, integers, b.getInt64(0), evaluate(command.extent)});
    return;
  }
  case Kind::Copy:
    b.CreateMemCpy(slot(command.slots[1]), llvm::Align(1),
                   slot(command.slots[0]), llvm::Align(1),
                   evaluate(command.integers[0]));
    return;
  }
}

void FunctionEmitter::emitQuery() {
  llvm::Type *pointer = b.getPtrTy();
  begin(getCName(entry.name) + "_query", {pointer, pointer, pointer, pointer});
  checkInputs();
  unsigned next = 0;
  for (const program::Value &output : entry.outputs)
    for (const program::Expr &extent : output.shape)
      b.CreateStore(evaluate(extent),
                    at(function->getArg(2), next++ * sizeof(int64_t)));
  llvm::Value *most = b.getInt64(0);
  for (const program::Command &command : entry.commands) {
    if (command.kind != program::Command::Kind::ScaledMatmul)
      continue;
    llvm::Value *bytes = frame(sizeof(size_t));
    call("qmm_scaled_matmul_workspace",
         {context, matmulArguments(command, /*pointers=*/false), bytes});
    most = b.CreateBinaryIntrinsic(llvm::Intrinsic::umax, most,
                                   b.CreateLoad(b.getInt64Ty(), bytes));
  }
  b.CreateStore(b.CreateAdd(evaluate(entry.arenaBytes), most),
                function->getArg(3));
  b.CreateRet(b.getInt32(QMM_STATUS_OK));
}

void FunctionEmitter::emitRun() {
  llvm::Type *pointer = b.getPtrTy();
  begin(getCName(entry.name),
        {pointer, pointer, pointer, pointer, pointer, b.getInt64Ty()});
  outputs = function->getArg(2);
  parameters = function->getArg(3);
  arena = function->getArg(4);
  arenaBytes = function->getArg(5);
  checkInputs();
  llvm::Value *fits = b.CreateICmpUGE(arenaBytes, evaluate(entry.arenaBytes));
  check(b.CreateSelect(fits, b.getInt32(QMM_STATUS_OK),
                       b.getInt32(QMM_STATUS_INVALID_ARGUMENT)));
  for (const program::Command &command : entry.commands)
    emit(command);
  b.CreateRet(b.getInt32(QMM_STATUS_OK));
}

/// The NULL-terminated table of parameter keys.
static void emitKeys(llvm::Module &module, const program::Module &program,
                     StringRef name) {
  llvm::IRBuilder<> b(module.getContext());
  auto *pointer = b.getPtrTy();
  SmallVector<llvm::Constant *> keys;
  for (const program::Parameter &parameter : program.parameters) {
    auto *text =
        llvm::ConstantDataArray::getString(module.getContext(), parameter.key);
    auto *global =
        new llvm::GlobalVariable(module, text->getType(), /*isConstant=*/true,
                                 llvm::GlobalValue::PrivateLinkage, text);
    keys.push_back(global);
  }
  keys.push_back(llvm::ConstantPointerNull::get(pointer));
  auto *type = llvm::ArrayType::get(pointer, keys.size());
  new llvm::GlobalVariable(module, type, /*isConstant=*/true,
                           llvm::GlobalValue::ExternalLinkage,
                           llvm::ConstantArray::get(type, keys), name);
}

FailureOr<std::unique_ptr<llvm::Module>>
mlir::qmm::translateToLLVMIR(ModuleOp module, StringRef isa,
                             llvm::LLVMContext &context) {
  FailureOr<program::Module> program = translateToProgram(module);
  if (failed(program))
    return failure();
  if (!program->packed.empty())
    return module.emitError(
        "computes values once, when it is loaded, and functions of LLVM IR "
        "aren't loaded: compile with --emit=llvm or --emit=object from the "
        "stage 'planned' or before");
  std::unique_ptr<llvm::Module> result;
  if (auto kernels = module.lookupSymbol<ModuleOp>(QMMDialect::kKernelsModule);
      kernels && !program->kernels.empty()) {
    auto translated = translateHostKernels(kernels, isa, context);
    if (failed(translated))
      return failure();
    result = std::move(*translated);
  } else {
    result = std::make_unique<llvm::Module>("qmm", context);
  }
  llvm::StringMap<std::string> names;
  for (const program::Entry &entry : program->entries) {
    std::string name = getCName(entry.name);
    auto [it, isNew] = names.try_emplace(name, entry.name);
    if (!isNew || result->getFunction(name))
      return module.emitError()
             << "entries '" << it->second << "' and '" << entry.name
             << "' have the same C name '" << name << "'";
    FunctionEmitter(*result, *program, entry).emitQuery();
    FunctionEmitter(*result, *program, entry).emitRun();
    emitKeys(*result, *program, name + "_parameters");
  }
  // The entries are all that an embedder links to.
  for (const program::Kernel &kernel : program->kernels)
    result->getFunction(kernel.name)
        ->setLinkage(llvm::GlobalValue::InternalLinkage);
  std::string error;
  llvm::raw_string_ostream stream(error);
  if (llvm::verifyModule(*result, &stream))
    return module.emitError("emitted invalid LLVM IR, a bug in QMM: ") << error;
  return std::move(result);
}
