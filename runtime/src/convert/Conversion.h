//===- convert/Conversion.h - A checkpoint to another -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Planned from shapes first, so that what can't be done is refused before a
// byte is written; then run tensor by tensor, in memory that doesn't grow with
// the file.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CONVERT_CONVERSION_H
#define QMMRT_CONVERT_CONVERSION_H

#include "checkpoint/SafetensorsStream.h"
#include "convert/Policy.h"
#include "convert/WeightConverter.h"

#include <atomic>
#include <set>

namespace qmmrt {

struct ConversionOptions {
  Selection selection;
  /// Also names of embeddings may be converted.
  bool embeddings = false;
  /// Of a source that declares none.
  FileLayout sourceLayout = FileLayout::Declared;
  /// Whose keys and layouts are written.
  FileLayout layout = FileLayout::Comfy;
  WeightOptions weights;
  /// With selection.choosesScheme: the least SQNR of a weight, in dB.
  double errorBudget = 0;
  /// The largest magnitude of layers' inputs.
  std::map<std::string, float> inputAmax;
  /// Bytes of tensors after which a new file begins; 0: one file.
  uint64_t shardBytes = 0;
  unsigned threads = 0; // 0: all CPUs
  /// Keep what a run that doesn't end well has written, beside the output, and
  /// begin with what such a run of the same work left.
  bool resumes = false;
};

struct LayerReport {
  std::string name, from, to;
  bool converted = false;
  std::string reason; // why it was kept, or converted so
  int64_t n = 0, k = 0;
  uint64_t bytesIn = 0, bytesOut = 0; // weight and scales
  std::optional<double> sqnr;         // dB, of what the values were before
  bool doneBefore = false;            // by the run that this one resumes
  NonfiniteCount nonfinite;
};

struct Progress {
  uint64_t bytesRead, bytesTotal;
  const std::string &tensor; // the last one done
};

/// Has a file changed since?  Its size, time and identity.
class SourceGuard {
public:
  /// IO when it can't be asked.
  static Result<SourceGuard> watch(const std::string &path);
  /// Its state, for comparison.
  std::string describe() const;
  /// IO, naming the file, when it is another one now.
  Status check() const;
  bool isSameFile(const std::string &other) const;

private:
  std::string path;
  uint64_t device = 0, inode = 0, size = 0;
  int64_t seconds = 0, nanoseconds = 0;
};

class Conversion {
public:
  Conversion(const Checkpoint &checkpoint, ConversionOptions options);
  ~Conversion();

  /// Decides for each layer and sizes the output, which goes to `path`, or to
  /// its shards and `path`.index.json.
  Status plan(const std::string &path);

  /// Nothing appears before all of it is written, and nothing is left of a
  /// failed run unless it can be resumed.
  /// `progress` is called by one thread at a time; a true `*cancel` ends it.
  Status run(FunctionRef<void(const Progress &)> progress,
             const std::atomic<bool> &cancel);

  const std::vector<LayerReport> &getReports() const { return reports; }
  const std::vector<SkippedWeight> &getSkipped() const { return skipped; }
  uint64_t getBytesIn() const { return bytesIn; }
  uint64_t getBytesOut() const { return bytesOut; }
  /// What run() writes.
  const std::vector<std::string> &getFiles() const { return files; }

private:
  struct Item; // one layer to convert, or one tensor to copy
  struct Lane;

  Status planLayer(const LinearLayer &layer, const Decision &decision,
                   LayerReport &report);
  Status chooseScheme(const LinearLayer &layer, LayerReport &report,
                      std::optional<Target> &target);
  Status planStorage(const LinearLayer &layer, const qmm_scheme &scheme,
                     LayerReport &report);
  void keepInputScale(const LinearLayer &layer, Item &item);
  Status planShards(const std::string &path);
  Status planConfig(const std::string &path);
  Status readDeclarations();
  Status declare();
  std::string describeWork() const;
  Status runItem(Lane &lane, const Item &item);
  /// Quantized, and not as the output's family has it?
  bool isOfOtherFamily(const LinearLayer &layer) const;
  /// Not by a declaration of ComfyUI's?
  bool isUndeclared(const LinearLayer &layer) const;

  const Checkpoint &checkpoint;
  ConversionOptions options;
  std::unique_ptr<Executor> planExecutor;
  std::vector<LinearLayer> layers;
  std::vector<SkippedWeight> skipped;
  std::vector<LayerReport> reports; // of each layer
  std::vector<Item> items;
  std::set<std::string, std::less<>> replaced;     // source tensors not copied
  std::map<std::string, std::string> declarations; // of layers in the output
  /// JSON of the source's `_quantization_metadata`, by layer.
  std::map<std::string, std::string> sourceMetadata;
  std::vector<SafetensorsStream> shards;
  std::vector<std::string> files;
  std::string configPath, configText; // "": none
  uint64_t bytesIn = 0, bytesOut = 0;
  std::vector<SourceGuard> guards; // of each file
  size_t numShards = 1;
};

} // namespace qmmrt

#endif // QMMRT_CONVERT_CONVERSION_H
