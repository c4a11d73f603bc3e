//===- QMMDialect.cpp - The qmm dialect -----------------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registration, and the small helpers that attributes, type and ops share.
//
//===----------------------------------------------------------------------===//
#include "qmm/IR/QMM.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/InliningUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::qmm;

#include "qmm/IR/QMMDialect.cpp.inc"

namespace {
/// Every op may be moved into another function: none depends on the one it is
/// in.
struct QMMInlinerInterface : DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;
  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final {
    return true;
  }
};
} // namespace

void QMMDialect::initialize() {
  registerAttributes();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "qmm/IR/QMMOps.cpp.inc"
      >();
  addInterfaces<QMMInlinerInterface>();
}

//===----------------------------------------------------------------------===//
// Discardable attributes
//===----------------------------------------------------------------------===//

template <typename AttrTy> static bool isArrayOf(Attribute value) {
  auto array = dyn_cast<ArrayAttr>(value);
  return array && llvm::all_of(array, llvm::IsaPred<AttrTy>);
}

template <typename AttrTy> static bool isDictionaryOf(Attribute value) {
  auto dictionary = dyn_cast<DictionaryAttr>(value);
  return dictionary && llvm::all_of(dictionary, [](NamedAttribute entry) {
           return isa<AttrTy>(entry.getValue());
         });
}

/// What the attribute `name` must be, where `value` isn't that; else nothing.
/// The value is never printed: it may be large.
static StringRef getViolatedKind(StringRef name, Attribute value) {
  if (name == QMMDialect::kTargetsAttr)
    return isArrayOf<TargetAttr>(value) ? "" : "an array of #qmm.target";
  if (name == QMMDialect::kRoutesAttr)
    return isArrayOf<RouteAttr>(value) ? "" : "an array of #qmm.route";
  if (name == QMMDialect::kNotesAttr)
    return isArrayOf<StringAttr>(value) ? "" : "an array of strings";
  if (name == QMMDialect::kParameterFilesAttr)
    return isDictionaryOf<StringAttr>(value) ? "" : "a dictionary of paths";
  if (name == QMMDialect::kConstantsAttr)
    return isDictionaryOf<ElementsAttr>(value) ? ""
                                               : "a dictionary of elements";
  if (name == QMMDialect::kLaunchAttr)
    return isa<DictionaryAttr>(value) ? ""
                                      : "a dictionary of launch parameters";
  if (name == QMMDialect::kElementAttr)
    return isa<TypeAttr>(value) ? "" : "a type";
  if (name == QMMDialect::kReasonAttr || name == QMMDialect::kStageAttr ||
      name == QMMDialect::kNameAttr)
    return isa<StringAttr>(value) ? "" : "a string";
  return "";
}

static LogicalResult verifyKind(Operation *op, NamedAttribute attribute) {
  StringRef expected =
      getViolatedKind(attribute.getName(), attribute.getValue());
  if (expected.empty())
    return success();
  return op->emitOpError()
         << "attribute '" << attribute.getName().getValue() << "' is a "
         << attribute.getValue().getAbstractAttribute().getName()
         << " attribute, expected " << expected;
}

/// The attribute `qmm.launch` has every parameter, in its range, and no other.
static LogicalResult verifyLaunchAttr(Operation *op, DictionaryAttr launch) {
  struct Parameter {
    StringRef name;
    int64_t least, most;
    StringRef expected;
  };
  static constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  static const Parameter kParameters[] = {
      {"threads", 1, 1024, "an i64 of 1 to 1024"},
      {"items_per_block", 1, kMost, "an i64 of at least 1"},
      {"shared_bytes", 0, kMost, "an i64 of at least 0"},
      {"blocks_per_sm", 0, kMost, "an i64 of at least 0"}};
  auto fail = [&](StringRef name, Attribute value,
                  StringRef expected) -> LogicalResult {
    InFlightDiagnostic diag = op->emitOpError()
                              << "attribute '" << QMMDialect::kLaunchAttr
                              << "' has ";
    if (value)
      diag << "'" << name << "' = " << value;
    else
      diag << "no '" << name << "'";
    diag << ", expected " << expected;
    return diag;
  };
  for (const Parameter &parameter : kParameters) {
    Attribute value = launch.get(parameter.name);
    auto integer = dyn_cast_or_null<IntegerAttr>(value);
    if (!integer || !integer.getType().isInteger(64) ||
        integer.getInt() < parameter.least || integer.getInt() > parameter.most)
      return fail(parameter.name, value, parameter.expected);
  }
  if (Attribute value = launch.get("cooperative");
      !isa_and_nonnull<BoolAttr>(value))
    return fail("cooperative", value, "true or false");
  for (NamedAttribute entry : launch)
    if (entry.getName() != "cooperative" &&
        llvm::none_of(kParameters, [&](const Parameter &parameter) {
          return parameter.name == entry.getName();
        }))
      return op->emitOpError()
             << "attribute '" << QMMDialect::kLaunchAttr << "' has '"
             << entry.getName().getValue()
             << "', expected 'threads', 'items_per_block', 'shared_bytes', "
                "'blocks_per_sm' and 'cooperative' only";
  return success();
}

LogicalResult QMMDialect::verifyOperationAttribute(Operation *op,
                                                   NamedAttribute attribute) {
  if (failed(verifyKind(op, attribute)))
    return failure();
  if (attribute.getName() == kLaunchAttr)
    return verifyLaunchAttr(op, cast<DictionaryAttr>(attribute.getValue()));
  return success();
}

LogicalResult QMMDialect::verifyRegionArgAttribute(Operation *op, unsigned,
                                                   unsigned,
                                                   NamedAttribute attribute) {
  return verifyKind(op, attribute);
}

LogicalResult
QMMDialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned,
                                        NamedAttribute attribute) {
  return verifyKind(op, attribute);
}

//===----------------------------------------------------------------------===//
// Helpers
//===----------------------------------------------------------------------===//

Operation *QMMDialect::materializeConstant(OpBuilder &builder, Attribute value,
                                           Type type, Location loc) {
  return arith::ConstantOp::materialize(builder, value, type, loc);
}

Type qmm::getBuiltinType(MLIRContext *context, qmm_dtype dtype) {
  auto integer = [context](unsigned width) -> Type {
    return IntegerType::get(context, width);
  };
  switch (dtype) {
  case QMM_DTYPE_NONE:
    return Type();
  case QMM_DTYPE_F32:
    return Float32Type::get(context);
  case QMM_DTYPE_BF16:
    return BFloat16Type::get(context);
  case QMM_DTYPE_F16:
    return Float16Type::get(context);
  case QMM_DTYPE_F64:
    return Float64Type::get(context);
  case QMM_DTYPE_E4M3:
    return Float8E4M3FNType::get(context);
  case QMM_DTYPE_E5M2:
    return Float8E5M2Type::get(context);
  case QMM_DTYPE_E2M1:
    return Float4E2M1FNType::get(context);
  case QMM_DTYPE_E8M0:
    return Float8E8M0FNUType::get(context);
  case QMM_DTYPE_I8:
  case QMM_DTYPE_U8:
    return integer(8);
  case QMM_DTYPE_I16:
  case QMM_DTYPE_U16:
    return integer(16);
  case QMM_DTYPE_I32:
  case QMM_DTYPE_U32:
    return integer(32);
  case QMM_DTYPE_I64:
  case QMM_DTYPE_U64:
    return integer(64);
  case QMM_DTYPE_BOOL:
    return integer(1);
  }
  return Type();
}

qmm_dtype qmm::getRuntimeDType(Type type) {
  if (auto integer = dyn_cast<IntegerType>(type)) {
    bool isUnsigned = integer.isUnsigned();
    switch (integer.getWidth()) {
    case 1:
      return QMM_DTYPE_BOOL;
    case 8:
      return isUnsigned ? QMM_DTYPE_U8 : QMM_DTYPE_I8;
    case 16:
      return isUnsigned ? QMM_DTYPE_U16 : QMM_DTYPE_I16;
    case 32:
      return isUnsigned ? QMM_DTYPE_U32 : QMM_DTYPE_I32;
    case 64:
      return isUnsigned ? QMM_DTYPE_U64 : QMM_DTYPE_I64;
    default:
      return QMM_DTYPE_NONE;
    }
  }
  return llvm::TypeSwitch<Type, qmm_dtype>(type)
      .Case([](Float32Type) { return QMM_DTYPE_F32; })
      .Case([](BFloat16Type) { return QMM_DTYPE_BF16; })
      .Case([](Float16Type) { return QMM_DTYPE_F16; })
      .Case([](Float64Type) { return QMM_DTYPE_F64; })
      .Case([](Float8E4M3FNType) { return QMM_DTYPE_E4M3; })
      .Case([](Float8E5M2Type) { return QMM_DTYPE_E5M2; })
      .Case([](Float4E2M1FNType) { return QMM_DTYPE_E2M1; })
      .Case([](Float8E8M0FNUType) { return QMM_DTYPE_E8M0; })
      .Default([](Type) { return QMM_DTYPE_NONE; });
}

bool qmm::isFloat4Tensor(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && isa<Float4E2M1FNType>(tensor.getElementType());
}

RankedTensorType qmm::getPackedFloat4Type(RankedTensorType type) {
  if (type.getRank() == 0 || type.isDynamicDim(type.getRank() - 1) ||
      type.getShape().back() % 2 != 0)
    return {};
  SmallVector<int64_t> shape(type.getShape());
  shape.back() /= 2;
  return RankedTensorType::get(shape, IntegerType::get(type.getContext(), 8));
}

bool qmm::isWideElementType(Type type) {
  return isa<Float32Type, BFloat16Type, Float16Type>(type);
}

bool qmm::areCompatible(ShapedType lhs, ShapedType rhs) {
  return lhs.getElementType() == rhs.getElementType() &&
         succeeded(verifyCompatibleShape(lhs, rhs));
}
