//===- checkpoint/Checkpoint.h - A checkpoint -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One .safetensors file or many: the shards of an index, or the folder that
// Hugging Face's libraries write.  Readers look tensors up by key and don't ask
// which file holds them.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CHECKPOINT_CHECKPOINT_H
#define QMMRT_CHECKPOINT_CHECKPOINT_H

#include "checkpoint/Safetensors.h"

#include <memory>

namespace qmmrt {

class DerivedTensors;

class Checkpoint {
public:
  /// A .safetensors file; the index of a sharded checkpoint (a name that ends
  /// in `.index.json`), whose shards lie beside it; or a folder with an index
  /// or with .safetensors files, all of which are then one checkpoint.
  /// As SafetensorsFile::open; MALFORMED too for an index that names a missing
  /// file or tensor or leaves one of a shard's out, and for a key that two
  /// shards hold.
  static Result<Checkpoint> open(const std::string &path);
  explicit Checkpoint(SafetensorsFile file);

  Checkpoint(Checkpoint &&) noexcept;
  Checkpoint &operator=(Checkpoint &&) noexcept;
  ~Checkpoint();

  /// The path it was opened by.
  const std::string &getName() const { return name; }
  const std::vector<SafetensorsFile> &getFiles() const { return files; }
  /// Of all files, in the files' order, in each by their bytes.
  const std::vector<const SafetensorsTensor *> &getTensors() const {
    return tensors;
  }
  /// The tensor under `key`, or one derived from a tensor (DerivedTensors.h);
  /// nullptr when there is none.  Valid as long as the checkpoint; any thread.
  const SafetensorsTensor *find(std::string_view key) const;
  /// The name of the file that holds `tensor`, one of getTensors().
  const std::string &getFileName(const SafetensorsTensor &tensor) const;

  /// The folder of the files with its '/', where config files lie; "" for the
  /// current one.
  const std::string &getFolder() const { return folder; }
  /// Opened as a folder or by an index: its config files are part of it.
  bool hasFolder() const { return isFolder; }
  bool isInMemory() const { return inMemory; }

private:
  Checkpoint() = default;
  /// Fills `tensors` and `index` from `files`.
  Status collect();

  std::vector<SafetensorsFile> files;
  std::vector<const SafetensorsTensor *> tensors;
  std::unordered_map<std::string_view, const SafetensorsTensor *> index;
  std::unique_ptr<DerivedTensors> derived;
  std::string name, folder;
  bool isFolder = false, inMemory = false;
};

} // namespace qmmrt

#endif // QMMRT_CHECKPOINT_CHECKPOINT_H
