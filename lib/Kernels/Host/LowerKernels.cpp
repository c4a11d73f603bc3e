//===- LowerKernels.cpp - Host kernels to the LLVM dialect ----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Upstream's passes in an order that leaves no call to a function that the
// process which loads the object may lack: small floats and bf16 in f32, math
// by polynomials or libm, no allocation.
//
//===----------------------------------------------------------------------===//

#include "LowerKernels.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "qmm/Kernels/Host/Codegen.h"
#include "qmm/Kernels/Host/Passes.h"

using namespace mlir;
using namespace mlir::qmm;

void mlir::qmm::registerHostCodegenDialects(DialectRegistry &registry) {
  registry
      .insert<LLVM::LLVMDialect, affine::AffineDialect, arith::ArithDialect,
              cf::ControlFlowDialect, func::FuncDialect, index::IndexDialect,
              linalg::LinalgDialect, math::MathDialect, memref::MemRefDialect,
              scf::SCFDialect, ub::UBDialect, vector::VectorDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

namespace {

/// What a wrapper passes on.
struct Signature {
  std::string name;
  SmallVector<MemRefType> buffers;
  unsigned numIntegers; // without begin and end
};

constexpr llvm::StringLiteral kBodySuffix = ".body";

/// What an allocation on a kernel's stack may have.
constexpr int64_t kMaxStackBytes = 65536;

} // namespace

/// Reads the kernels' signatures and renames the functions, whose names the
/// wrappers take.
static FailureOr<SmallVector<Signature>> takeSignatures(ModuleOp module) {
  SmallVector<Signature> signatures;
  for (auto func : llvm::to_vector(module.getOps<func::FuncOp>())) {
    if (func.isPrivate())
      continue;
    Signature signature;
    signature.name = func.getName().str();
    ArrayRef<Type> types = func.getArgumentTypes();
    while (!types.empty() && isa<MemRefType>(types.front())) {
      auto type = cast<MemRefType>(types.front());
      if (!type.getLayout().isIdentity())
        return func.emitOpError("isn't a host kernel: argument ")
               << signature.buffers.size() << " has a strided layout: " << type;
      signature.buffers.push_back(type);
      types = types.drop_front();
    }
    if (types.size() < 2 || func.getNumResults() ||
        !llvm::all_of(types, [](Type type) { return type.isIndex(); }))
      return func.emitOpError("isn't a host kernel: expected memrefs, indices, "
                              "and the indices begin and end as arguments, and "
                              "no results, but its type is ")
             << func.getFunctionType();
    signature.numIntegers = types.size() - 2;
    std::string body = signature.name + kBodySuffix.str();
    if (failed(SymbolTable::replaceAllSymbolUses(
            func, StringAttr::get(module.getContext(), body), module)))
      return failure();
    func.setSymName(body);
    func.setPrivate();
    signatures.push_back(std::move(signature));
  }
  return signatures;
}

/// Does the value or a view of it leave the block by its terminator?
static bool escapes(Value value) {
  return llvm::any_of(value.getUsers(), [](Operation *user) {
    return user->hasTrait<OpTrait::IsTerminator>() ||
           (isa<ViewLikeOpInterface>(user) &&
            llvm::any_of(user->getResults(), escapes));
  });
}

/// Allocations of small static size go to the stack of the function, once,
/// whatever loop they are in.  A kernel allocates nothing.
static LogicalResult moveAllocationsToStack(func::FuncOp func) {
  WalkResult walk = func.walk([&](memref::AllocOp op) {
    MemRefType type = op.getType();
    Type element = type.getElementType();
    int64_t bits =
        element.isIntOrFloat() ? element.getIntOrFloatBitWidth() : 64;
    if (!type.hasStaticShape() || !type.getLayout().isIdentity() ||
        type.getNumElements() > kMaxStackBytes * 8 / bits || escapes(op)) {
      op.emitOpError("of ") << type
                            << " can't be in a host kernel: only buffers of at "
                               "most 64 KiB and static size that stay in their "
                               "block, on the stack, can";
      return WalkResult::interrupt();
    }
    OpBuilder builder = OpBuilder::atBlockBegin(&func.getBody().front());
    auto local =
        memref::AllocaOp::create(builder, op.getLoc(), type, ValueRange(),
                                 builder.getI64IntegerAttr(64));
    for (Operation *user : llvm::make_early_inc_range(op->getUsers()))
      if (isa<memref::DeallocOp>(user))
        user->erase();
    op.replaceAllUsesWith(local.getMemref());
    op.erase();
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

/// Checks and rewrites what the passes below would get wrong.
static LogicalResult prepare(ModuleOp module) {
  for (auto func : module.getOps<func::FuncOp>()) {
    if (func.isExternal())
      return func.emitOpError("is declared only: a host kernel calls nothing");
    if (failed(moveAllocationsToStack(func)))
      return failure();
  }
  WalkResult walk = module.walk([](Operation *op) {
    auto checkTypes = [&](TypeRange types) {
      for (Type type : types) {
        auto memref = dyn_cast<MemRefType>(type);
        if (!memref)
          continue;
        Type element = memref.getElementType();
        if (element.isIntOrFloat() && element.getIntOrFloatBitWidth() < 8 &&
            !element.isInteger(1)) {
          op->emitOpError("has a buffer of ")
              << type << ": elements of less than a byte are stored packed, as "
              << "i8";
          return failure();
        }
      }
      return success();
    };
    bool ok = succeeded(checkTypes(op->getResultTypes()));
    for (Region &region : op->getRegions())
      for (Block &block : region)
        ok = ok && succeeded(checkTypes(block.getArgumentTypes()));
    if (!ok)
      return WalkResult::interrupt();

    if (auto copy = dyn_cast<memref::CopyOp>(op)) {
      auto isIdentity = [](Value value) {
        auto type = dyn_cast<MemRefType>(value.getType());
        return type && type.getLayout().isIdentity();
      };
      if (isIdentity(copy.getSource()) && isIdentity(copy.getTarget()))
        return WalkResult::advance();
      OpBuilder builder(copy);
      linalg::CopyOp::create(builder, copy.getLoc(), copy.getSource(),
                             copy.getTarget());
      copy.erase();
      return WalkResult::skip();
    }
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

/// f32 math as polynomials that loops vectorize with.  sin and cos aren't among
/// them: upstream's reduce large arguments in one step and are off by far.
static bool isApproximated(StringRef name) {
  return llvm::is_contained({"math.erf", "math.exp", "math.expm1", "math.log",
                             "math.log1p", "math.log2", "math.tanh"},
                            name);
}

static LogicalResult approximateMath(ModuleOp module, bool hasFMA) {
  // The program's own fused operations stay fused; the polynomials' need not
  // be, where that would be a call.
  IRRewriter rewriter(module.getContext());
  module.walk([&](math::FmaOp op) {
    rewriter.setInsertionPoint(op);
    rewriter.replaceOpWithNewOp<LLVM::FMAOp>(op, op.getType(),
                                             op->getOperands());
  });
  RewritePatternSet patterns(module.getContext());
  populateMathPolynomialApproximationPatterns(patterns, isApproximated);
  if (failed(applyPatternsGreedily(
          module, std::move(patterns),
          GreedyRewriteConfig().enableFolding(false).enableConstantCSE(false))))
    return module.emitError("the approximations of math don't converge");
  if (hasFMA)
    return success();
  module.walk([&](math::FmaOp op) {
    rewriter.setInsertionPoint(op);
    Value product =
        arith::MulFOp::create(rewriter, op.getLoc(), op.getA(), op.getB());
    rewriter.replaceOpWithNewOp<arith::AddFOp>(op, product, op.getC());
  });
  return success();
}

/// Emulation marks the conversions that it adds as contractible, and folders
/// would drop the rounding between two operations.
static void keepRoundings(Operation *module) {
  module->walk([](Operation *op) {
    if (auto extend = dyn_cast<arith::ExtFOp>(op))
      extend.setFastmath(arith::FastMathFlags::none);
    else if (auto truncate = dyn_cast<arith::TruncFOp>(op))
      truncate.setFastmath(arith::FastMathFlags::none);
  });
}

/// arith.scaling_extf as two extensions and a product, which the emulation of
/// narrow floats knows.
static LogicalResult expandScaledExtensions(Operation *module) {
  SmallVector<arith::ScalingExtFOp> ops;
  module->walk([&](arith::ScalingExtFOp op) { ops.push_back(op); });
  for (arith::ScalingExtFOp op : ops) {
    Type scale = getElementTypeOrSelf(op.getScale().getType());
    if (!isa<Float8E8M0FNUType, Float8E4M3FNType>(scale))
      return op.emitOpError("has a scale of type ")
             << scale
             << ", which it truncates to f8E8M0FNU; expected f8E8M0FNU or "
                "f8E4M3FN";
    ImplicitLocOpBuilder b(op.getLoc(), op);
    Type type = op.getType();
    Value product =
        arith::MulFOp::create(b, arith::ExtFOp::create(b, type, op.getIn()),
                              arith::ExtFOp::create(b, type, op.getScale()));
    op.replaceAllUsesWith(product);
    op.erase();
  }
  return success();
}

static void addLoopPasses(OpPassManager &manager) {
  manager.addPass(createConvertLinalgToLoopsPass());
  math::MathExtendToSupportedTypesOptions extend;
  extend.targetTypeStr = "f32";
  manager.addPass(math::createMathExtendToSupportedTypes(extend));
  arith::ArithEmulateUnsupportedFloatsOptions emulate;
  emulate.sourceTypeStrs = {"bf16",   "f16",       "f8E4M3FN",
                            "f8E5M2", "f8E8M0FNU", "f4E2M1FN"};
  emulate.targetTypeStr = "f32";
  manager.addPass(arith::createArithEmulateUnsupportedFloats(emulate));
}

void mlir::qmm::addControlFlowPasses(OpPassManager &manager) {
  manager.addPass(memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
  manager.addPass(createCSEPass());
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(arith::createArithExpandOpsPass());
}

static void addLLVMPasses(OpPassManager &manager) {
  manager.addPass(createConvertMathToFuncs());
  manager.addPass(createConvertMathToLLVMPass());
  manager.addPass(createConvertMathToLibmPass());
  manager.addPass(createConvertVectorToLLVMPass());
  manager.addPass(createConvertIndexToLLVMPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createFinalizeMemRefToLLVMConversionPass());
  manager.addPass(createUBToLLVMConversionPass());
  manager.addPass(createConvertFuncToLLVMPass());
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
}

LogicalResult mlir::qmm::runPasses(Operation *module,
                                   void (*addPasses)(OpPassManager &)) {
  PassManager manager(module->getContext(), module->getName().getStringRef());
  addPasses(manager);
  return manager.run(module);
}

LogicalResult
mlir::qmm::verifyLowered(ModuleOp module, StringRef target,
                         llvm::function_ref<bool(Operation *)> isLowered) {
  Operation *left = nullptr;
  module.walk([&](Operation *op) {
    if (op == module || isLowered(op))
      return;
    if (!left || isa<UnrealizedConversionCastOp>(left))
      left = op;
  });
  if (!left)
    return success();
  InFlightDiagnostic diag = left->emitOpError("can't be compiled for ")
                            << target << ": nothing lowers it";
  if (left->getNumOperands())
    diag << " (operands: " << left->getOperandTypes() << ")";
  return failure();
}

void mlir::qmm::loadDialects(MLIRContext *context,
                             void (*registerDialects)(DialectRegistry &)) {
  DialectRegistry registry;
  registerDialects(registry);
  context->appendDialectRegistry(registry);
  for (StringRef name : registry.getDialectNames())
    context->getOrLoadDialect(name);
}

/// bf16 is moved as its bits.  Nothing computes in it any more, and targets
/// without it go through f32 to move it, by functions of a compiler's library
/// and at the cost of a NaN's bits.
static void moveBF16AsBits(ModuleOp module) {
  Type bits = IntegerType::get(module.getContext(), 16);
  AttrTypeReplacer replacer;
  replacer.addReplacement([&](BFloat16Type) { return bits; });
  replacer.addReplacement(
      [&](FloatAttr value) -> std::optional<std::pair<Attribute, WalkResult>> {
        if (!value.getType().isBF16())
          return std::nullopt;
        return std::pair<Attribute, WalkResult>(
            IntegerAttr::get(bits, value.getValue().bitcastToAPInt()),
            WalkResult::skip());
      });
  replacer.addReplacement(
      [&](DenseFPElementsAttr values)
          -> std::optional<std::pair<Attribute, WalkResult>> {
        if (!values.getElementType().isBF16())
          return std::nullopt;
        return std::pair<Attribute, WalkResult>(
            values.mapValues(
                bits,
                [](const APFloat &value) { return value.bitcastToAPInt(); }),
            WalkResult::skip());
      });
  replacer.recursivelyReplaceElementsIn(module, /*replaceAttrs=*/true,
                                        /*replaceLocs=*/false,
                                        /*replaceTypes=*/true);
}

/// The exported function of one kernel: builds the memrefs and calls the body,
/// which is inlined.
static void addWrapper(ModuleOp module, const Signature &signature) {
  auto body =
      module.lookupSymbol<LLVM::LLVMFuncOp>(signature.name + kBodySuffix.str());
  ImplicitLocOpBuilder b(body.getLoc(), module.getContext());
  b.setInsertionPointToEnd(module.getBody());
  auto pointer = LLVM::LLVMPointerType::get(module.getContext());
  Type i64 = b.getI64Type();
  auto type =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(module.getContext()),
                                  {pointer, pointer, i64, i64});
  auto wrapper = LLVM::LLVMFuncOp::create(b, signature.name, type);
  Block *entry = wrapper.addEntryBlock(b);
  b.setInsertionPointToStart(entry);
  Value buffers = entry->getArgument(0), integers = entry->getArgument(1);

  auto constant = [&](int64_t value) -> Value {
    return LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(value));
  };
  auto load = [&](Type type, Value base, unsigned index) -> Value {
    Value address = LLVM::GEPOp::create(
        b, pointer, type, base,
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(index)});
    return LLVM::LoadOp::create(b, type, address);
  };
  SmallVector<Value> arguments;
  unsigned nextInteger = 0;
  for (auto [index, memref] : llvm::enumerate(signature.buffers)) {
    Value address = load(pointer, buffers, index);
    SmallVector<Value> sizes, strides(memref.getRank());
    for (int64_t extent : memref.getShape())
      sizes.push_back(ShapedType::isDynamic(extent)
                          ? load(i64, integers, nextInteger++)
                          : constant(extent));
    Value stride = constant(1);
    for (int64_t i = memref.getRank() - 1; i >= 0; --i) {
      strides[i] = stride;
      stride = LLVM::MulOp::create(b, stride, sizes[i]);
    }
    arguments.append({address, address, constant(0)});
    arguments.append(sizes);
    arguments.append(strides);
  }
  for (unsigned i = 0; i < signature.numIntegers; ++i)
    arguments.push_back(load(i64, integers, nextInteger++));
  arguments.append({entry->getArgument(2), entry->getArgument(3)});
  LLVM::CallOp::create(b, body, arguments);
  LLVM::ReturnOp::create(b, ValueRange());
  body.setAlwaysInline(true);
}

LogicalResult mlir::qmm::lowerLoopsAndFloats(Operation *module) {
  if (failed(expandScaledExtensions(module)) ||
      failed(runPasses(module, addLoopPasses)))
    return failure();
  keepRoundings(module);
  return success();
}

FailureOr<OwningOpRef<ModuleOp>>
mlir::qmm::lowerHostKernels(ModuleOp kernels, HostFeatures features) {
  MLIRContext *context = kernels.getContext();
  loadDialects(context, registerHostCodegenDialects);
  OwningOpRef<ModuleOp> module = kernels.clone();
  FailureOr<SmallVector<Signature>> signatures = takeSignatures(*module);
  if (failed(signatures) || failed(prepare(*module)) ||
      failed(lowerLoopsAndFloats(*module)) ||
      failed(approximateMath(*module, features.hasFMA)) ||
      failed(runPasses(*module, addControlFlowPasses)))
    return failure();

  SmallFloatOptions options;
  options.expandF16 = !features.convertsF16;
  options.expandBF16 = true;
  RewritePatternSet patterns(context);
  populateExpandSmallFloatsPatterns(patterns, options);
  walkAndApplyPatterns(*module, std::move(patterns));

  if (failed(runPasses(*module, addLLVMPasses)) ||
      failed(verifyLowered(*module, "the host", [](Operation *op) {
        return isa<LLVM::LLVMDialect>(op->getDialect());
      })))
    return failure();
  moveBF16AsBits(*module);
  module->walk([](Operation *op) {
    if (auto func = dyn_cast<LLVM::LLVMFuncOp>(op)) {
      if (!func.isExternal())
        func.setLinkage(LLVM::Linkage::Internal);
    } else if (auto global = dyn_cast<LLVM::GlobalOp>(op)) {
      global.setLinkage(LLVM::Linkage::Internal);
    }
  });
  for (const Signature &signature : *signatures)
    addWrapper(*module, signature);
  return module;
}
