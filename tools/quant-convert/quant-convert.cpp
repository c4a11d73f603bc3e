//===- quant-convert.cpp - Checkpoints to other schemes ------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The command-line front of convert/Conversion.h.
//
//===----------------------------------------------------------------------===//

#include "Report.h"
#include "convert/Calibration.h"
#include "support/AtomicFile.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/WithColor.h"

#include <csignal>
#include <unistd.h>

using namespace mlir::qmm;
using namespace qmmrt;
namespace cl = llvm::cl;

static cl::OptionCategory category("quant-convert options");
static cl::opt<std::string>
    inputPath(cl::Positional, cl::desc("IN.safetensors, an index or a folder"),
              cl::Required, cl::cat(category));
static cl::opt<std::string> outputPath("o", cl::desc("Where the result goes"),
                                       cl::value_desc("OUT.safetensors"),
                                       cl::cat(category));
static cl::opt<std::string>
    to("to",
       cl::desc("What layers become: fp8, fp8_e5m2, fp8_row, fp8_blockwise, "
                "fp8_GxG, mxfp8, nvfp4, int8, int8_row, int8_blockwise, "
                "int8_GxG; bf16, f16 or f32 dequantizes"),
       cl::value_desc("SCHEME"), cl::cat(category));
static cl::opt<unsigned>
    groupSize("group-size",
              cl::desc("Rows and columns of a block of fp8_blockwise (default "
                       "64) and int8_blockwise (128)"),
              cl::value_desc("G"), cl::init(0), cl::cat(category));
static cl::opt<std::string>
    include("include",
            cl::desc("Convert only layers in whose name this POSIX extended "
                     "regular expression is found, first and last ones too"),
            cl::value_desc("REGEX"), cl::cat(category));
static cl::opt<std::string> exclude("exclude", cl::desc("Keep such layers"),
                                    cl::value_desc("REGEX"), cl::cat(category));
static cl::opt<std::string>
    policy("policy",
           cl::desc("Rules in order, the first that matches a layer decides: "
                    "{\"rules\": [{\"layers\": REGEX or \"glob\": GLOB, "
                    "\"scheme\": SCHEME or \"keep\": true}]}; --to is for the "
                    "rest"),
           cl::value_desc("F.json"), cl::cat(category));
static cl::opt<double> errorBudget(
    "error-budget",
    cl::desc("Instead of --to: the cheapest of nvfp4, fp8, mxfp8 and keeping "
             "whose weight has at least this signal to noise ratio"),
    cl::value_desc("DB"), cl::cat(category));
static cl::opt<bool> firstAndLast(
    "first-and-last",
    cl::desc("Convert layers outside of all numbered blocks (proj_out, "
             "lm_head) too"),
    cl::cat(category));
static cl::opt<bool>
    embeddings("embeddings",
               cl::desc("Take 2-D weights named as embeddings for layers"),
               cl::cat(category));
namespace {
enum class Precision { F32, Input };
enum class Search { None, MSE };
} // namespace
static cl::opt<Precision> scalePrecision(
    "scale-precision", cl::desc("Where a tensor's scale is rounded:"),
    cl::values(clEnumValN(Precision::F32, "f32",
                          "nowhere: computed in f32 (default)"),
               clEnumValN(Precision::Input, "input",
                          "to the weight's type, as comfy-kitchen does")),
    cl::init(Precision::F32), cl::cat(category));
static cl::opt<Search> scaleSearch(
    "scale-search", cl::desc("How a block's scale is chosen:"),
    cl::values(clEnumValN(Search::None, "none",
                          "for its largest magnitude (default)"),
               clEnumValN(Search::MSE, "mse",
                          "for the least squared error among some near that "
                          "one; for nvfp4 the choice of 4 over 6 is among "
                          "them")),
    cl::init(Search::None), cl::cat(category));
static cl::opt<FileLayout> layout(
    "layout", cl::desc("Whose keys and layouts are written:"),
    cl::values(clEnumValN(FileLayout::Comfy, "comfy", "ComfyUI's (default)"),
               clEnumValN(FileLayout::ModelOpt, "modelopt",
                          "ModelOpt's, of nvfp4 and fp8, with a "
                          "hf_quant_config.json"),
               clEnumValN(FileLayout::CompressedTensors, "compressed-tensors",
                          "compressed-tensors', with a config.json")),
    cl::init(FileLayout::Comfy), cl::cat(category));
static cl::opt<FileLayout> sourceLayout(
    "from-layout", cl::desc("Whose layout a source has that declares none:"),
    cl::values(clEnumValN(FileLayout::Comfy, "comfy", "ComfyUI's"),
               clEnumValN(FileLayout::ModelOpt, "modelopt", "ModelOpt's"),
               clEnumValN(FileLayout::CompressedTensors, "compressed-tensors",
                          "compressed-tensors'")),
    cl::init(FileLayout::Declared), cl::cat(category));
static cl::opt<std::string>
    calibration("calibration",
                cl::desc("Static activation scales of fp8 and nvfp4 layers: "
                         "{\"layers\": {NAME: {\"amax\": X}}}"),
                cl::value_desc("F.json"), cl::cat(category));
static cl::opt<bool> allowNonfinite(
    "allow-nonfinite",
    cl::desc("Convert weights with NaN (to 0) and infinities (to the largest "
             "finite value) instead of refusing them"),
    cl::cat(category));
static cl::opt<std::string>
    shardSize("shard-size",
              cl::desc("Begin a new file after so many bytes of tensors (K, M, "
                       "G: powers of 1000) and write an index"),
              cl::value_desc("BYTES"), cl::cat(category));
static cl::opt<std::string>
    reportPath("report",
               cl::desc("Write what became of each layer, with its SQNR; - is "
                        "standard output"),
               cl::value_desc("F.json"), cl::cat(category));
static cl::opt<bool> resume(
    "resume",
    cl::desc("Keep what a run that ends early has written, beside the output, "
             "and continue from there"),
    cl::cat(category));
static cl::opt<unsigned> jobs("jobs", cl::desc("CPU threads (default: all)"),
                              cl::value_desc("N"), cl::init(0),
                              cl::cat(category));
static cl::opt<bool> quiet("quiet", cl::desc("No progress, no table"),
                           cl::cat(category));

// Exit statuses, as --help says.
enum { kRefused = 1, kFailed = 2 };

static int fail(int status, const llvm::Twine &message) {
  llvm::WithColor::error(llvm::errs(), "quant-convert") << message << "\n";
  return status;
}

/// 0 for text that isn't a size.
static uint64_t parseSize(llvm::StringRef text) {
  uint64_t unit = 1, value = 0;
  if (text.consume_back("K"))
    unit = 1000;
  else if (text.consume_back("M"))
    unit = 1000000;
  else if (text.consume_back("G"))
    unit = 1000000000;
  if (text.getAsInteger(10, value) || value > UINT64_MAX / unit)
    return 0;
  return value * unit;
}

static Status readOptions(ConversionOptions &options) {
  Selection &selection = options.selection;
  auto invalid = [](const std::string &text) {
    return Status(QMM_STATUS_INVALID_ARGUMENT, text);
  };
  bool hasBudget = errorBudget.getNumOccurrences() != 0;
  if (outputPath.empty())
    return invalid("-o OUT.safetensors says where the result goes");
  if (hasBudget && !to.empty())
    return invalid("--to and --error-budget both say what layers become");
  if (to.empty() && !hasBudget && policy.empty())
    return invalid("--to, --error-budget or --policy says what layers become");
  if (!include.empty() && to.empty() && !hasBudget)
    return invalid("--include goes with --to or --error-budget");
  if (groupSize.getNumOccurrences() && (groupSize < 2 || to.empty()))
    return invalid("--group-size goes with --to and is at least 2");
  if (!to.empty()) {
    Result<Target> target = parseTarget(to, groupSize);
    if (!target.ok())
      return invalid("--to: " + target.getStatus().getMessage());
    selection.target = *target;
  }
  if (hasBudget && !(errorBudget > 0))
    return invalid("--error-budget is a number of dB above 0");
  selection.choosesScheme = hasBudget;
  options.errorBudget = errorBudget;
  selection.firstAndLast = firstAndLast;
  for (auto [text, slot, name] :
       {std::tuple(&include, &selection.include, "--include"),
        std::tuple(&exclude, &selection.exclude, "--exclude")})
    if (!text->empty()) {
      Result<NamePattern> pattern = NamePattern::fromRegex(*text);
      if (!pattern.ok())
        return invalid(std::string(name) + ": " +
                       pattern.getStatus().getMessage());
      *slot = *pattern;
    }
  if (!policy.empty()) {
    auto rules = readPolicy(policy);
    if (!rules.ok())
      return rules.getStatus();
    selection.rules = std::move(*rules);
  }
  if (!calibration.empty()) {
    auto values = readCalibration(calibration);
    if (!values.ok())
      return values.getStatus();
    options.inputAmax = std::move(*values);
  }
  if (!shardSize.empty()) {
    options.shardBytes = parseSize(shardSize);
    if (options.shardBytes == 0)
      return invalid("--shard-size: '" + shardSize +
                     "' isn't a size, expected such as 500M or 4G");
  }
  options.embeddings = embeddings;
  options.layout = layout;
  options.sourceLayout = sourceLayout;
  options.threads = jobs;
  options.resumes = resume;
  options.weights.scalePrecisionInput = scalePrecision == Precision::Input;
  options.weights.searchScales = scaleSearch == Search::MSE;
  options.weights.allowNonfinite = allowNonfinite;
  options.weights.measure = !reportPath.empty();
  return {};
}

static std::atomic<bool> interrupted{false};

static void interrupt(int) { interrupted = true; }

/// The mapped source is shorter than it was, and a read of it has no answer.
static void loseSource(int) {
  static const char text[] =
      "quant-convert: error: the source became shorter while it was read: "
      "nothing was written\n";
  ssize_t ignored = ::write(2, text, sizeof(text) - 1);
  (void)ignored;
  removeTemporaryFiles();
  ::_exit(kFailed);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(
      argc, argv,
      "Converts the linear layers of a checkpoint to another scheme.\n"
      "\n"
      "Everything else is copied byte for byte. Layers become what ComfyUI "
      "reads.\n"
      "Embeddings, norms, and layers outside of all numbered blocks (first and "
      "last\n"
      "ones) are kept unless asked for. Memory holds a few tensors, and the "
      "output\n"
      "appears when it is complete.\n"
      "\n"
      "  quant-convert model.safetensors --to=nvfp4 -o "
      "model_nvfp4.safetensors\n"
      "  quant-convert model.safetensors --to=fp8 --exclude='norm|time_' -o "
      "out.safetensors\n"
      "  quant-convert model.safetensors --error-budget=25 --report=- -o "
      "out.safetensors\n"
      "  quant-convert model_nvfp4.safetensors --to=bf16 -o "
      "wide.safetensors\n"
      "\n"
      "Exit status: 0 done; 1 refused, before anything was written; 2 failed, "
      "with\n"
      "nothing left behind.\n");
  ConversionOptions options;
  if (Status status = readOptions(options); !status.ok())
    return fail(kRefused, status.getMessage());

  Result<Checkpoint> checkpoint = Checkpoint::open(inputPath);
  if (!checkpoint.ok())
    return fail(kRefused, checkpoint.getStatus().getMessage());
  // A full disk and a limit on files are errors of a write, not of the process.
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGINT, interrupt);
  std::signal(SIGTERM, interrupt);
  std::signal(SIGBUS, loseSource);

  Conversion conversion(*checkpoint, std::move(options));
  if (Status status = conversion.plan(outputPath); !status.ok())
    return fail(kRefused, status.getMessage());
  if (conversion.getReports().empty())
    return fail(kRefused, inputPath + ": no linear layer found (2-D tensors "
                                      "named 'NAME.weight')");

  auto start = std::chrono::steady_clock::now();
  ProgressBar bar(!quiet && ::isatty(2));
  Status status = conversion.run(
      [&](const Progress &progress) { bar.show(progress); }, interrupted);
  bar.clear();
  if (!status.ok())
    return fail(kFailed, status.getMessage());
  double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  if (!reportPath.empty()) {
    std::error_code error;
    llvm::ToolOutputFile report(reportPath, error, llvm::sys::fs::OF_Text);
    if (error)
      return fail(kFailed, reportPath + ": " + error.message());
    printReport(report.os(), inputPath, seconds, conversion);
    report.os().flush();
    if (report.os().has_error())
      return fail(kFailed, reportPath + ": " + report.os().error().message());
    report.keep();
  }
  if (!quiet && reportPath != "-")
    printTable(llvm::outs(), conversion);
  return 0;
}
