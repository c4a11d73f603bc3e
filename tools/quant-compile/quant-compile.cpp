//===- quant-compile.cpp - MLIR to programs ------------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The command-line front of the pipelines and emitters.
//
//===----------------------------------------------------------------------===//

#include "capability/Capability.h"
#include "qmm/Import/Passes.h"
#include "qmm/InitAllDialects.h"
#include "qmm/Kernels/Device/Codegen.h"
#include "qmm/Kernels/Host/Codegen.h"
#include "qmm/Pipelines/Stages.h"
#include "qmm/Plan/Passes.h"
#include "qmm/Plan/Targets.h"
#include "qmm/Target/Artifact.h"
#include "qmm/Target/LLVMIR.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/WithColor.h"

using namespace mlir;
using namespace mlir::qmm;
namespace cl = llvm::cl;

namespace {
enum class Emit { Artifact, MLIR, LLVM, Object, PTX, Cubin };
} // namespace

static cl::OptionCategory category("quant-compile options");
static cl::opt<std::string> inputPath(cl::Positional,
                                      cl::desc("INPUT.mlir|INPUT.mlirbc"),
                                      cl::init("-"), cl::cat(category));
static cl::opt<std::string>
    outputPath("o",
               cl::desc("Output; - is standard output (not for artefacts)"),
               cl::value_desc("file"), cl::init("-"), cl::cat(category));
static cl::list<std::string>
    targets("target",
            cl::desc("What to compile for: cpu (default), or one or more GPU "
                     "architectures, cuda:sm_90[,sm_90a,...]"),
            cl::value_desc("target"), cl::CommaSeparated, cl::cat(category));
static cl::opt<std::string> checkpointPath(
    "checkpoint",
    cl::desc("The file that parameters of the scope 'model' are read from, "
             "instead of the one the input names"),
    cl::value_desc("file.safetensors"), cl::cat(category));
static cl::opt<ActivationPolicy>
    activations("activations", cl::desc("What a linear layer's input becomes:"),
                getActivationPolicyValues(), cl::init(ActivationPolicy::Auto),
                cl::cat(category));
static cl::opt<std::string> quantizeTo(
    "quantize",
    cl::desc("Quantize wide weights when the program is loaded: fp8, fp8_row, "
             "mxfp8, nvfp4, int8_row, ... (layers are chosen as in "
             "quant-convert)"),
    cl::value_desc("scheme"), cl::cat(category));
static cl::opt<std::string>
    include("include",
            cl::desc("With --quantize: only layers in whose name this regular "
                     "expression is found, first and last ones too"),
            cl::value_desc("regex"), cl::cat(category));
static cl::opt<std::string>
    exclude("exclude",
            cl::desc("With --quantize or --policy: keep such layers"),
            cl::value_desc("regex"), cl::cat(category));
static cl::opt<bool> firstAndLast(
    "first-and-last",
    cl::desc("With --quantize: layers outside of all numbered blocks too"),
    cl::cat(category));
static cl::opt<std::string> policyPath(
    "policy",
    cl::desc("Schemes by layer, as quant-convert reads them; --quantize is for "
             "the rest"),
    cl::value_desc("file.json"), cl::cat(category));
static cl::opt<std::string> calibrationPath(
    "calibration",
    cl::desc("Static scales for FP8 and NVFP4 activations, from what quant-run "
             "--calibrate measured"),
    cl::value_desc("file.json"), cl::cat(category));
static cl::opt<std::string> calibrationPercentile(
    "calibration-percentile",
    cl::desc("Of the magnitudes measured (99, 99.9, 99.99, 99.999), instead of "
             "the largest one"),
    cl::value_desc("percent"), cl::cat(category));
static cl::opt<bool> observe(
    "observe",
    cl::desc("Make the inputs of layers results, for quant-run --calibrate"),
    cl::cat(category));
static cl::opt<Roundings> roundings(
    "roundings",
    cl::desc("What becomes of roundings to bf16 and f16 around matmuls:"),
    getRoundingsValues(), cl::init(Roundings::Relax), cl::cat(category));
static cl::opt<Stage> compileTo("compile-to",
                                cl::desc("Stop after a stage and emit MLIR:"),
                                getStageValues(), cl::init(Stage::Lowered),
                                cl::cat(category));
static cl::opt<Stage> compileFrom(
    "compile-from",
    cl::desc("The stage that the input has passed (default: what its "
             "'qmm.stage' says):"),
    getStageValues(), cl::init(Stage::Input), cl::cat(category));
static cl::opt<Emit> emitKind(
    "emit", cl::desc("What to write:"),
    cl::values(clEnumValN(Emit::Artifact, "artifact",
                          "a .qmm program for quant-run (default)"),
               clEnumValN(Emit::MLIR, "mlir", "the IR of the last stage"),
               clEnumValN(Emit::LLVM, "llvm",
                          "LLVM IR that calls the runtime's C API"),
               clEnumValN(Emit::Object, "object",
                          "the same as a relocatable object"),
               clEnumValN(Emit::PTX, "ptx", "the GPU kernels as text"),
               clEnumValN(Emit::Cubin, "cubin",
                          "the GPU kernels as machine code (needs ptxas)")),
    cl::init(Emit::Artifact), cl::cat(category));
static cl::opt<bool> emitBytecode("emit-bytecode",
                                  cl::desc("With MLIR: write bytecode"),
                                  cl::cat(category));
static cl::opt<WeightStorage>
    weights("weights", cl::desc("Where an artefact's weights are:"),
            cl::values(clEnumValN(WeightStorage::Embed, "embed",
                                  "in the artefact (default)"),
                       clEnumValN(WeightStorage::Reference, "reference",
                                  "in the checkpoint, by name and digest")),
            cl::init(WeightStorage::Embed), cl::cat(category));
static cl::list<std::string> isas(
    "isa",
    cl::desc("Instruction sets of CPU kernels: x86-64, x86-64-v3, x86-64-v4, "
             "aarch64 (default: all; LLVM IR and objects: x86-64-v3)"),
    cl::value_desc("name"), cl::CommaSeparated, cl::cat(category));
static cl::opt<std::string> reportPath(
    "report",
    cl::desc("Write what became of every matmul as JSON; - prints a table"),
    cl::value_desc("file.json"), cl::cat(category));
static cl::opt<bool>
    remarks("Rqmm", cl::desc("Print a remark for every matmul left alone"),
            cl::cat(category));

static int fail(const Twine &message) {
  llvm::WithColor::error(llvm::errs(), "quant-compile") << message << "\n";
  return 1;
}

/// Writes through `write` to a file that appears whole or not at all.
static LogicalResult
writeOutput(StringRef path, function_ref<void(llvm::raw_ostream &)> write) {
  std::string error;
  std::unique_ptr<llvm::ToolOutputFile> output = openOutputFile(path, &error);
  if (!output) {
    fail(error);
    return failure();
  }
  write(output->os());
  output->os().flush();
  if (output->os().has_error()) {
    fail(path + ": " + output->os().error().message());
    output->os().clear_error();
    return failure();
  }
  output->keep();
  return success();
}

/// --target as chips: the prefix "cuda:" holds for those after it.
static FailureOr<SmallVector<StringRef>> getChips() {
  if (targets.empty())
    targets.push_back("cpu");
  bool onGPU = false;
  SmallVector<StringRef> chips;
  for (const std::string &target : targets) {
    StringRef chip = target;
    onGPU |= chip.consume_front("cuda:");
    if (!::qmmrt::isKnownChip({chip.data(), chip.size()}) ||
        onGPU != (chip != "cpu") || (chip == "cpu" && targets.size() > 1)) {
      std::string known;
      for (std::string_view name : ::qmmrt::getKnownChips())
        if (name != "cpu")
          known += (known.empty() ? "" : ", ") + std::string(name);
      fail("--target: '" + target +
           "' isn't a target here; expected cpu alone, or cuda: and one or "
           "more of " +
           known);
      return failure();
    }
    chips.push_back(chip);
  }
  return chips;
}

/// Sets the targets and the checkpoint on the module.
static LogicalResult configure(ModuleOp module) {
  MLIRContext *context = module.getContext();
  Builder builder(context);
  FailureOr<SmallVector<StringRef>> chips = getChips();
  if (failed(chips))
    return failure();
  SmallVector<Attribute> attributes;
  for (StringRef chip : *chips)
    attributes.push_back(TargetAttr::get(context, chip));
  module->setAttr(QMMDialect::kTargetsAttr, builder.getArrayAttr(attributes));
  if (!checkpointPath.empty()) {
    SmallString<256> path(checkpointPath);
    llvm::sys::fs::make_absolute(path);
    NamedAttrList files(
        module->getAttrOfType<DictionaryAttr>(QMMDialect::kParameterFilesAttr));
    files.set("model", builder.getStringAttr(path));
    module->setAttr(QMMDialect::kParameterFilesAttr,
                    files.getDictionary(context));
  }
  return success();
}

static LogicalResult runPipeline(ModuleOp module) {
  std::optional<Stage> from;
  if (compileFrom.getNumOccurrences()) {
    from = compileFrom;
  } else if (auto stage =
                 module->getAttrOfType<StringAttr>(QMMDialect::kStageAttr)) {
    from = getStage(stage.getValue());
    if (!from) {
      fail("the module's '" + QMMDialect::kStageAttr + "' is '" +
           stage.getValue() + "'; there are " + getStageNames());
      return failure();
    }
  }
  PassManager pm(module.getContext());
  PipelineOptions options;
  options.layers.scheme = quantizeTo;
  options.layers.include = include;
  options.layers.exclude = exclude;
  options.layers.firstAndLast = firstAndLast;
  options.layers.policyFile = policyPath;
  options.layers.calibrationFile = calibrationPath;
  options.layers.percentile = calibrationPercentile;
  options.observe = observe;
  options.activations = activations;
  options.roundings = roundings;
  options.forGPU = isForGPU(module);
  options.hoistConstants = emitKind != Emit::LLVM && emitKind != Emit::Object;
  buildPipeline(pm, from, compileTo, options);
  return pm.run(module);
}

static LogicalResult writeReport(ModuleOp module) {
  auto text = module->getAttrOfType<StringAttr>(kReportAttr);
  if (!text) {
    fail("--report needs the stage 'planned'; this run stopped at '" +
         getStageName(compileTo) + "'");
    return failure();
  }
  llvm::Expected<llvm::json::Value> report = llvm::json::parse(text.getValue());
  if (!report) {
    fail("the module's '" + kReportAttr +
         "' isn't JSON: " + toString(report.takeError()));
    return failure();
  }
  if (reportPath == "-") {
    printReport(llvm::outs(), *report);
    return success();
  }
  return writeOutput(reportPath, [&](llvm::raw_ostream &os) {
    os << llvm::formatv("{0:2}\n", *report);
  });
}

static LogicalResult emitDeviceCode(ModuleOp module, DeviceCodeFormat format) {
  SmallVector<StringRef> chips = getTargetChips(module);
  gpu::GPUModuleOp kernels = getDeviceKernels(module);
  if (chips.size() != 1 || !kernels) {
    fail(chips.size() != 1
             ? "--emit=ptx and --emit=cubin take one --target"
             : "the program has no GPU kernels (--target=" + chips.front() +
                   "): cuBLASLt runs all of it, or the CPU");
    return failure();
  }
  DeviceCodegenOptions options;
  options.format = format;
  FailureOr<SmallVector<DeviceCode>> codes =
      compileDeviceKernels(kernels, chips, options);
  if (failed(codes))
    return failure();
  return writeOutput(outputPath, [&](llvm::raw_ostream &os) {
    for (const DeviceCode &code : *codes)
      os << code.bytes;
  });
}

static LogicalResult emitOutput(ModuleOp module) {
  switch (emitKind) {
  case Emit::MLIR:
    return writeOutput(outputPath, [&](llvm::raw_ostream &os) {
      if (emitBytecode)
        (void)writeBytecodeToFile(module, os);
      else
        module->print(os);
    });
  case Emit::Artifact: {
    if (outputPath == "-") {
      fail("an artefact needs a file to go to: -o NAME.qmm");
      return failure();
    }
    // lld resets every command-line option of the process when it runs, so what
    // is still needed is copied.
    std::string path = outputPath;
    std::vector<std::string> names(isas.begin(), isas.end());
    SmallVector<StringRef> refs(names.begin(), names.end());
    return emitArtifact(module, weights, refs, path);
  }
  case Emit::LLVM:
  case Emit::Object: {
    if (isas.size() > 1) {
      fail("--emit=llvm and --emit=object take one --isa");
      return failure();
    }
    std::string isa = isas.empty() ? "x86-64-v3" : isas.front();
    llvm::LLVMContext context;
    auto translated = translateToLLVMIR(module, isa, context);
    if (failed(translated) ||
        failed(optimizeHostModule(**translated, isa, module.getLoc())))
      return failure();
    if (emitKind == Emit::LLVM)
      return writeOutput(outputPath, [&](llvm::raw_ostream &os) {
        (*translated)->print(os, nullptr);
      });
    FailureOr<std::string> object =
        emitHostObject(**translated, isa, module.getLoc());
    if (failed(object))
      return failure();
    return writeOutput(outputPath,
                       [&](llvm::raw_ostream &os) { os << *object; });
  }
  case Emit::PTX:
  case Emit::Cubin:
    return emitDeviceCode(module, emitKind == Emit::PTX
                                      ? DeviceCodeFormat::PTX
                                      : DeviceCodeFormat::Cubin);
  }
  llvm_unreachable("covered switch");
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(
      argc, argv,
      "Compiles quantized matmuls, and what is around them, to a program.\n"
      "\n"
      "The input is MLIR: StableHLO in generic form, linalg on tensors, or the "
      "qmm\n"
      "dialect as quant-import writes it.  Stages, in order: input, "
      "recognized,\n"
      "quantized, planned, laid_out, bufferized, lowered.\n"
      "\n"
      "  quant-compile layers.mlir -o model.qmm --report=-\n"
      "  quant-compile layers.mlir --activations=checkpoint -o model.qmm\n"
      "  quant-compile layers.mlir --quantize=nvfp4 --exclude=mlp "
      "-o model.qmm\n"
      "  quant-compile layers.mlir --observe -o observed.qmm\n"
      "  quant-compile model.mlir --compile-to=recognized\n"
      "  quant-compile model.mlir --emit=llvm -o model.ll\n");
  bool stopsEarly = compileTo != Stage::Lowered;
  if (stopsEarly && emitKind.getNumOccurrences() && emitKind != Emit::MLIR)
    return fail("--compile-to=" + getStageName(compileTo) +
                " emits MLIR; --emit needs the stage 'lowered'");
  bool asksForMLIR =
      compileTo.getNumOccurrences() && !emitKind.getNumOccurrences();
  if (stopsEarly || asksForMLIR || emitBytecode)
    emitKind = Emit::MLIR;
  if (quantizeTo.empty() && policyPath.empty() &&
      (include.getNumOccurrences() || exclude.getNumOccurrences() ||
       firstAndLast))
    return fail("--include, --exclude and --first-and-last go with --quantize "
                "or --policy");
  if (calibrationPercentile.getNumOccurrences() && calibrationPath.empty())
    return fail("--calibration-percentile goes with --calibration");
  if (observe &&
      !(quantizeTo.empty() && policyPath.empty() && calibrationPath.empty()))
    return fail("--observe is for the program that isn't quantized yet: "
                "--quantize, --policy and --calibration come after it");
  for (const std::string &isa : isas)
    if (!llvm::is_contained(getHostISAs(), isa))
      return fail("--isa: '" + isa + "' isn't known; there are " +
                  llvm::join(getHostISAs(), ", "));

  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registerAllQMMDialects(registry);
  registerHostCodegenDialects(registry);
  registerDeviceCodegenDialects(registry);
  MLIRContext context(registry);
  // Foreign dialects parse, so that they can be refused by name and place.
  context.allowUnregisteredDialects();
  context.loadDialect<QMMDialect>();
  // A whole module is no help under a message about it.
  context.printOpOnDiagnostic(false);

  std::string error;
  auto file = openInputFile(inputPath, &error);
  if (!file)
    return fail(error);
  if (isStableHLOPortableArtifact(file->getBuffer()))
    return fail(inputPath +
                " is a StableHLO portable artefact, which needs StableHLO "
                "itself to be read: write the module in generic form instead "
                "(stablehlo-translate --deserialize, then stablehlo-opt "
                "--mlir-print-op-generic)");
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(file), SMLoc());
  SourceMgrDiagnosticHandler diagnostics(sources, &context);
  ScopedDiagnosticHandler filter(&context, [](Diagnostic &diagnostic) {
    return success(diagnostic.getSeverity() == DiagnosticSeverity::Remark &&
                   !remarks);
  });
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, &context);
  if (!module || failed(configure(*module)) || failed(runPipeline(*module)) ||
      (!reportPath.empty() && failed(writeReport(*module))) ||
      failed(emitOutput(*module)))
    return 1;
  return 0;
}
