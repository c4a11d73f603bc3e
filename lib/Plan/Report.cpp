//===- Report.cpp - What became of every contraction ---------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One walk collects the facts; the JSON and the table are two ways to print
// them.
//
//===----------------------------------------------------------------------===//

#include "qmm/IR/LocationText.h"
#include "qmm/IR/QMM.h"
#include "qmm/Plan/Layers.h"
#include "qmm/Plan/Passes.h"
#include "qmm/Recognize/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Support/DebugStringHelper.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::qmm {
#define GEN_PASS_DEF_RECORDREPORT
#include "qmm/Plan/Passes.h.inc"
} // namespace mlir::qmm

using namespace mlir;
using namespace mlir::qmm;
namespace json = llvm::json;

/// null stands for an extent that is known at run time only.
static json::Value extent(int64_t size) {
  return ShapedType::isDynamic(size) ? json::Value(nullptr) : json::Value(size);
}

/// A scheme's name; null when the side isn't quantized.
static json::Value scheme(Type type) {
  if (auto quantized = dyn_cast<QuantizedTensorType>(type))
    return quantized.getScheme().getName();
  return nullptr;
}

static json::Value notes(Operation *op) {
  json::Array array;
  if (auto attribute = op->getAttrOfType<ArrayAttr>(QMMDialect::kNotesAttr))
    for (auto note : attribute.getAsRange<StringAttr>())
      array.push_back(note.str());
  return array;
}

static json::Object describeOp(Operation *op) {
  auto function = op->getParentOfType<FunctionOpInterface>();
  return json::Object{{"function", function
                                       ? json::Value(function.getName().str())
                                       : json::Value(nullptr)},
                      {"location", getLocationText(op->getLoc())},
                      {"layer", nullptr}};
}

/// Is a value computed from data: by qmm.amax or a reduction, not far away?
static bool isFromData(Value value) {
  constexpr unsigned kMaxOps = 32;
  SmallVector<Value> worklist{value};
  llvm::SmallPtrSet<Operation *, 32> seen;
  while (!worklist.empty() && seen.size() < kMaxOps) {
    Operation *op = worklist.pop_back_val().getDefiningOp();
    if (!op || !seen.insert(op).second)
      continue;
    auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
    if (isa<AmaxOp>(op) || (linalgOp && linalgOp.getNumReductionLoops() > 0))
      return true;
    llvm::append_range(worklist, op->getOperands());
  }
  return false;
}

/// How an operand gets its codes: null where they are given, or it is wide.
static json::Value quantization(Value operand) {
  if (!isa<QuantizedTensorType>(operand.getType()))
    return nullptr;
  while (Operation *op = operand.getDefiningOp()) {
    if (auto quantize = dyn_cast<QuantizeOp>(op)) {
      SmallVector<ParameterOp> sources;
      if (isConstant(quantize.getResult(), sources))
        return "load";
      return quantize.getScale() && !isFromData(quantize.getScale())
                 ? "static"
                 : "dynamic";
    }
    if (isa<ScaledMatmulOp>(op))
      return "fused"; // into the product that computes it
    if (!isa<AssembleOp, DisassembleOp, TransposeOp, ReshapeOp, SliceOp, PadOp,
             RelayoutOp>(op))
      break;
    operand = op->getOperand(0);
  }
  return nullptr;
}

static json::Value precision(std::optional<Type> type) {
  return type ? json::Value(debugString(*type)) : json::Value(nullptr);
}

static json::Object describe(ScaledMatmulOp op) {
  auto a = cast<ShapedType>(op.getA().getType());
  auto b = cast<ShapedType>(op.getB().getType());
  auto result = cast<ShapedType>(op.getResult().getType());
  json::Object entry = describeOp(op);
  ArrayRef<int64_t> shape = a.getShape();
  entry["m"] = extent(shape[shape.size() - 2]);
  entry["n"] = extent(b.getShape()[b.getRank() - 2]);
  entry["k"] = extent(shape.back());
  json::Array batch;
  for (int64_t size : shape.drop_back(2))
    batch.push_back(extent(size));
  entry["batch"] = std::move(batch);
  entry["scheme_a"] = scheme(op.getA().getType());
  entry["scheme_b"] = scheme(op.getB().getType());
  entry["quantization_a"] = quantization(op.getA());
  entry["quantization_b"] = quantization(op.getB());
  entry["precision_a"] = precision(op.getAPrecision());
  entry["precision_b"] = precision(op.getBPrecision());
  json::Array epilogue;
  if (op.getBias())
    epilogue.push_back("bias");
  if (op.getResidual())
    epilogue.push_back("residual");
  if (op.getActivation() != Activation::None)
    epilogue.push_back(stringifyActivation(op.getActivation()));
  if (op.getAmax())
    epilogue.push_back("amax");
  entry["epilogue"] = std::move(epilogue);
  json::Value output = scheme(op.getResult().getType());
  entry["output"] = output == json::Value(nullptr)
                        ? json::Value(debugString(result.getElementType()))
                        : output;
  json::Array routes;
  if (auto list = op->getAttrOfType<ArrayAttr>(QMMDialect::kRoutesAttr))
    for (auto route : list.getAsRange<RouteAttr>())
      routes.push_back(json::Object{
          {"kind", stringifyRouteKind(route.getKind())},
          {"chip", route.getChip().str()},
          {"min_m", route.getMinM()},
          {"max_m", route.getMaxM() < 0 ? json::Value(nullptr)
                                        : json::Value(route.getMaxM())},
          {"reason", route.getReason().str()}});
  entry["route"] = std::move(routes);
  entry["reason"] = nullptr;
  entry["reason_location"] = nullptr;
  entry["notes"] = notes(op);
  return entry;
}

/// A contraction that was left alone.
static json::Object describe(linalg::LinalgOp op) {
  json::Object entry = describeOp(op);
  SmallVector<int64_t> loops = op.getStaticLoopRanges();
  auto product = [&](ArrayRef<unsigned> dims) -> json::Value {
    int64_t size = 1;
    for (unsigned dim : dims) {
      if (ShapedType::isDynamic(loops[dim]))
        return nullptr;
      size *= loops[dim];
    }
    return size;
  };
  FailureOr<linalg::ContractionDimensions> dims =
      linalg::inferContractionDims(op);
  json::Array batch;
  entry["m"] = entry["n"] = entry["k"] = nullptr;
  if (succeeded(dims)) {
    entry["m"] = product(dims->m);
    entry["n"] = product(dims->n);
    entry["k"] = product(dims->k);
    for (unsigned dim : dims->batch)
      batch.push_back(extent(loops[dim]));
  }
  entry["batch"] = std::move(batch);
  entry["scheme_a"] = nullptr;
  entry["scheme_b"] = nullptr;
  entry["quantization_a"] = nullptr;
  entry["quantization_b"] = nullptr;
  entry["precision_a"] = nullptr;
  entry["precision_b"] = nullptr;
  entry["epilogue"] = json::Array();
  entry["output"] =
      debugString(getElementTypeOrSelf(op->getResult(0).getType()));
  entry["route"] = json::Array();
  entry["reason"] =
      op->getAttrOfType<StringAttr>(QMMDialect::kReasonAttr).str();
  auto where = op->getAttrOfType<LocationAttr>(kReasonLocationAttr);
  entry["reason_location"] = where
                                 ? json::Value(getLocationText(Location(where)))
                                 : json::Value(nullptr);
  entry["notes"] = notes(op);
  return entry;
}

json::Value mlir::qmm::buildReport(ModuleOp module) {
  json::Array matmuls;
  llvm::DenseMap<Operation *, std::string> layers;
  for (Layer &layer : getLayers(module))
    layers[layer.op] = std::move(layer.name);
  module.walk([&](Operation *op) {
    if (auto matmul = dyn_cast<ScaledMatmulOp>(op)) {
      json::Object entry = describe(matmul);
      if (auto layer = layers.find(op); layer != layers.end())
        entry["layer"] = layer->second;
      matmuls.push_back(std::move(entry));
    } else if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
               linalgOp && op->hasAttr(QMMDialect::kReasonAttr))
      matmuls.push_back(describe(linalgOp));
  });
  return json::Object{{"matmuls", std::move(matmuls)}};
}

static std::string getText(const json::Value *value, StringRef null) {
  if (!value || value->kind() == json::Value::Null)
    return null.str();
  if (auto text = value->getAsString())
    return text->str();
  return llvm::formatv("{0}", *value).str();
}

static std::string join(const json::Array *array, StringRef separator) {
  std::string text;
  for (const json::Value &value : *array) {
    if (!text.empty())
      text += separator;
    text += getText(&value, "?");
  }
  return text;
}

static std::string getQuantization(const json::Value *value) {
  std::string text = getText(value, "");
  return text.empty() ? text : " (" + text + ")";
}

void mlir::qmm::printReport(llvm::raw_ostream &os, const json::Value &report) {
  const json::Array &matmuls = *report.getAsObject()->getArray("matmuls");
  for (const json::Value &value : matmuls) {
    const json::Object &matmul = *value.getAsObject();
    std::string batch = join(matmul.getArray("batch"), "x");
    os << getText(matmul.get("function"), "-") << ": "
       << (batch.empty() ? "" : batch + " x ") << getText(matmul.get("m"), "?")
       << " x " << getText(matmul.get("n"), "?") << " x "
       << getText(matmul.get("k"), "?") << "  "
       << getText(matmul.get("scheme_a"), "wide")
       << getQuantization(matmul.get("quantization_a")) << " * "
       << getText(matmul.get("scheme_b"), "wide")
       << getQuantization(matmul.get("quantization_b")) << " -> "
       << getText(matmul.get("output"), "?");
    if (std::string epilogue = join(matmul.getArray("epilogue"), ", ");
        !epilogue.empty())
      os << ", " << epilogue;
    os << "\n";
    if (std::string layer = getText(matmul.get("layer"), "");
        !layer.empty() && layer != getText(matmul.get("function"), ""))
      os << "    layer: " << layer << "\n";
    for (const json::Value &route : *matmul.getArray("route")) {
      const json::Object &object = *route.getAsObject();
      os << "    route: " << getText(object.get("kind"), "?") << " on "
         << getText(object.get("chip"), "?") << " ("
         << getText(object.get("reason"), "") << ")\n";
    }
    if (std::string reason = getText(matmul.get("reason"), "");
        !reason.empty()) {
      os << "    not rewritten: " << reason;
      if (std::string where = getText(matmul.get("reason_location"), "");
          !where.empty())
        os << " (" << where << ")";
      os << "\n";
    }
    for (StringRef side : {"a", "b"})
      if (std::string type =
              getText(matmul.get(("precision_" + side).str()), "");
          !type.empty())
        os << "    " << side << ": element times scale rounded to " << type
           << ", kept\n";
    for (const json::Value &note : *matmul.getArray("notes"))
      os << "    " << getText(&note, "") << "\n";
    os << "    at " << getText(matmul.get("location"), "?") << "\n";
  }
  os << matmuls.size() << (matmuls.size() == 1 ? " matmul\n" : " matmuls\n");
}

namespace {
struct RecordReport : qmm::impl::RecordReportBase<RecordReport> {
  void runOnOperation() override {
    std::string text;
    llvm::raw_string_ostream(text) << buildReport(getOperation());
    getOperation()->setAttr(kReportAttr, StringAttr::get(&getContext(), text));
  }
};
} // namespace
