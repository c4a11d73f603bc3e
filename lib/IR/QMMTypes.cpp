//===- QMMTypes.cpp - The quantized tensor type ---------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a type may say, and the buffers it stands for, both derived from the
// runtime's rules, so that a type that verifies is one that the runtime takes.
//
//===----------------------------------------------------------------------===//
#include "AsmFormat.h"
#include "qmm/IR/QMM.h"

#include "mlir/IR/DialectImplementation.h"
#include "numerics/Layouts.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::qmm;

static_assert(qmmrt::kDynamic == ShapedType::kDynamic);

#define GET_TYPEDEF_CLASSES
#include "qmm/IR/QMMTypes.cpp.inc"

void QMMDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "qmm/IR/QMMTypes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

Type QuantizedTensorType::parse(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<int64_t> shape;
  Type expressed;
  SchemeAttr scheme;
  LayoutAttr layout = LayoutAttr::getPlain(parser.getContext());
  if (parser.parseLess() || parser.parseDimensionList(shape) ||
      parser.parseType(expressed))
    return Type();
  if (failed(parser.parseOptionalComma())) {
    parser.emitError(parser.getCurrentLocation(),
                     "expected ', SCHEME' after the shape, one of ")
        << getPresetNames();
    return Type();
  }
  if (parseScheme(parser, scheme))
    return Type();
  if (succeeded(parser.parseOptionalComma()) && parseLayout(parser, layout))
    return Type();
  if (parser.parseGreater())
    return Type();
  return parser.getChecked<QuantizedTensorType>(loc, parser.getContext(),
                                                ArrayRef<int64_t>(shape),
                                                expressed, scheme, layout);
}

void QuantizedTensorType::print(AsmPrinter &printer) const {
  printer << '<';
  printer.printDimensionList(getShape());
  printer << 'x' << getExpressed() << ", ";
  printScheme(printer.getStream(), getScheme());
  printLayout(printer.getStream(), getLayout(), /*separator=*/", ");
  printer << '>';
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

LogicalResult
QuantizedTensorType::verify(function_ref<InFlightDiagnostic()> emitError,
                            ArrayRef<int64_t> shape, Type expressed,
                            SchemeAttr scheme, LayoutAttr layout) {
  if (shape.size() < 2 || shape.size() > QMM_MAX_RANK)
    return emitError() << "quantized tensor has rank " << shape.size()
                       << ", expected 2 to " << int(QMM_MAX_RANK);
  for (auto [index, extent] : llvm::enumerate(shape))
    if (extent < 0 && extent != ShapedType::kDynamic)
      return emitError() << "quantized tensor has extent " << extent
                         << " in dimension " << index
                         << ", expected at least 0";
  if (!isWideElementType(expressed))
    return emitError() << "quantized tensor has expressed type " << expressed
                       << ", expected f32, bf16 or f16";

  // Named here, since the runtime's message has numbers for the orders.
  if (scheme.isFloat4() != (layout.getNibbles() != NibbleOrder::None))
    return emitError() << "quantized tensor of scheme " << scheme.getName()
                       << " has "
                       << (scheme.isFloat4() ? "no nibble order"
                                             : "a nibble order")
                       << ", expected "
                       << (scheme.isFloat4()
                               ? "nibbles = hi_first or nibbles = lo_first"
                               : "none: its elements aren't 4 bits wide");
  int64_t k = shape.back(), outer = shape[shape.size() - 2];
  if (layout.getPadOuter() > 1 && outer == ShapedType::kDynamic)
    return emitError() << "quantized tensor pads its outer dimension to a "
                          "multiple of "
                       << layout.getPadOuter()
                       << " and it is dynamic, expected a static extent";
  if (k == ShapedType::kDynamic) {
    if (layout.getPadK() > 1)
      return emitError() << "quantized tensor pads K to a multiple of "
                         << layout.getPadK()
                         << " and it is dynamic, expected a static extent";
    if (scheme.getBlockK() != 0 || scheme.isFloat4())
      return emitError() << "quantized tensor of scheme " << scheme.getName()
                         << " has a dynamic K, expected a static extent: "
                         << (scheme.getBlockK() != 0
                                 ? "blocks divide it"
                                 : "two codes share a byte");
  }
  // Constraints 3, 5 and 6.
  qmm_tensor tensor = {};
  tensor.struct_size = sizeof(qmm_tensor);
  tensor.rank = shape.size();
  tensor.scheme = scheme.toRuntime();
  tensor.layout = layout.toRuntime();
  for (auto [index, extent] : llvm::enumerate(shape))
    tensor.shape[index] = extent == ShapedType::kDynamic ? 1 : extent;
  qmmrt::Result<qmmrt::TensorExtents> extents =
      qmmrt::getTensorExtents(tensor, "quantized tensor");
  if (!extents.ok())
    return emitError() << extents.getStatus().getMessage();
  return success();
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

ShapedType
QuantizedTensorType::cloneWith(std::optional<ArrayRef<int64_t>> shape,
                               Type elementType) const {
  return get(getContext(), shape.value_or(getShape()), elementType, getScheme(),
             getLayout());
}

QuantizedTensorType QuantizedTensorType::withLayout(LayoutAttr layout) const {
  return get(getContext(), getShape(), getExpressed(), getScheme(), layout);
}

SmallVector<RankedTensorType, 3> QuantizedTensorType::getPhysicalTypes() const {
  SchemeAttr scheme = getScheme();
  qmm_scheme runtimeScheme = scheme.toRuntime();
  qmm_layout layout = getLayout().toRuntime();

  SmallVector<int64_t> shape(getShape().drop_back(2));
  size_t batchRank = shape.size();
  shape.push_back(qmmrt::getStorageOuter(layout, getOuter()));
  // Every element but the packed ones is a byte.
  shape.push_back(qmmrt::getRowBytes(runtimeScheme, layout, getK()));
  Type element = scheme.isFloat4() ? IntegerType::get(getContext(), 8)
                                   : scheme.getElement();
  SmallVector<RankedTensorType, 3> types{RankedTensorType::get(shape, element)};

  shape.truncate(batchRank);
  if (scheme.hasWholeBlocks()) {
    shape.clear();
  } else {
    qmmrt::ScaleExtents scales =
        qmmrt::getStorageScales(runtimeScheme, layout, getOuter(), getK());
    shape.append({scales.rows, scales.cols});
  }
  types.push_back(RankedTensorType::get(shape, scheme.getScale()));
  if (scheme.getTensorScale())
    types.push_back(RankedTensorType::get({}, Float32Type::get(getContext())));
  return types;
}
