//===- quant-import.cpp - Checkpoints to MLIR ----------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The command-line front of the importer.
//
//===----------------------------------------------------------------------===//

#include "LayerTable.h"
#include "qmm/IR/QMM.h"
#include "qmm/Import/ImportCheckpoint.h"

#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/WithColor.h"

using namespace mlir;
namespace cl = llvm::cl;

static cl::OptionCategory category("quant-import options");
static cl::opt<std::string> checkpointPath(cl::Positional,
                                           cl::desc("CHECKPOINT"), cl::Required,
                                           cl::cat(category));
static cl::opt<std::string>
    outputPath("o", cl::desc("Where the MLIR goes; - is standard output"),
               cl::value_desc("layers.mlir"), cl::init("-"), cl::cat(category));
static cl::opt<::qmm_dtype> inputDType(
    "input-dtype", cl::desc("Type of the activations, in and out:"),
    cl::values(clEnumValN(QMM_DTYPE_BF16, "bf16", "bfloat16 (default)"),
               clEnumValN(QMM_DTYPE_F16, "f16", "IEEE half"),
               clEnumValN(QMM_DTYPE_F32, "f32", "IEEE single")),
    cl::init(QMM_DTYPE_BF16), cl::cat(category));
static cl::opt<::qmmrt::FileLayout> layout(
    "layout", cl::desc("Whose layout a checkpoint has that declares none:"),
    cl::values(clEnumValN(::qmmrt::FileLayout::Comfy, "comfy", "ComfyUI's"),
               clEnumValN(::qmmrt::FileLayout::ModelOpt, "modelopt",
                          "ModelOpt's"),
               clEnumValN(::qmmrt::FileLayout::CompressedTensors,
                          "compressed-tensors", "compressed-tensors'")),
    cl::init(::qmmrt::FileLayout::Declared), cl::cat(category));
static cl::opt<bool>
    list("list", cl::desc("Print a table of the layers and write no MLIR"),
         cl::cat(category));
static cl::opt<bool> asJson("json", cl::desc("With --list: as JSON"),
                            cl::cat(category));

static int fail(const Twine &message) {
  llvm::WithColor::error(llvm::errs(), "quant-import") << message << "\n";
  return 1;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(
      argc, argv,
      "Reads a quantized checkpoint and writes one function per linear layer.\n"
      "\n"
      "CHECKPOINT is a .safetensors file, the .safetensors.index.json of a "
      "sharded one,\n"
      "or a Hugging Face folder.\n"
      "\n"
      "Each function takes the activation and holds the layer's weight by "
      "key:\n"
      "the bytes stay in the checkpoint until quant-compile embeds them.\n"
      "\n"
      "  quant-import model.safetensors --list\n"
      "  quant-import model.safetensors -o layers.mlir\n"
      "  quant-compile layers.mlir --target=cpu -o model.qmm\n");
  if (asJson && !list)
    return fail("--json goes with --list");

  auto checkpoint = ::qmmrt::Checkpoint::open(checkpointPath);
  if (!checkpoint.ok())
    return fail(checkpoint.getStatus().getMessage());
  std::vector<::qmmrt::SkippedWeight> skipped;
  auto layers = ::qmmrt::readLinearLayers(*checkpoint, &skipped, layout);
  if (!layers.ok())
    return fail(layers.getStatus().getMessage());
  if (layers->empty())
    return fail(checkpointPath + ": no linear layer found (2-D tensors named "
                                 "'NAME.weight')");

  std::string error;
  std::unique_ptr<llvm::ToolOutputFile> output =
      openOutputFile(outputPath, &error);
  if (!output)
    return fail(error);
  if (list) {
    if (asJson)
      qmm::printLayersAsJson(output->os(), *checkpoint, *layers, skipped);
    else
      qmm::printLayerTable(output->os(), *checkpoint, *layers, skipped);
  } else {
    SmallString<256> path(checkpointPath);
    llvm::sys::fs::make_absolute(path);
    MLIRContext context;
    Type inputType =
        inputDType == QMM_DTYPE_F32   ? Type(Float32Type::get(&context))
        : inputDType == QMM_DTYPE_F16 ? Type(Float16Type::get(&context))
                                      : Type(BFloat16Type::get(&context));
    OwningOpRef<ModuleOp> module =
        qmm::importCheckpoint(&context, *checkpoint, path, *layers, inputType);
    if (!module)
      return 1;
    module->print(output->os(), OpPrintingFlags().enableDebugInfo(
                                    /*enable=*/true, /*prettyForm=*/false));
  }
  if (output->os().has_error())
    return fail(outputPath + ": " + output->os().error().message());
  output->keep();
  return 0;
}
