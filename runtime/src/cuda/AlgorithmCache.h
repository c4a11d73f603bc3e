//===- cuda/AlgorithmCache.h - Chosen algorithms, kept in a file --*- C++
//-*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A timing is worth keeping for as long as GPU, driver and library stay: the
// file's name and head say for which it holds.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_CUDA_ALGORITHMCACHE_H
#define QMMRT_CUDA_ALGORITHMCACHE_H

#include "cuda/Device.h"
#include "cuda/MatmulProblem.h"

#include <mutex>
#include <optional>
#include <unordered_map>

namespace qmmrt::cuda {

struct ProblemHash {
  size_t operator()(const MatmulProblem &problem) const;
};

class AlgorithmCache {
public:
  /// Reads the device's file in `folder` if there is one; a damaged or foreign
  /// one is ignored with a warning.  Nothing here ever fails a plan.
  AlgorithmCache(const Device &device, const std::string &folder);

  /// The algorithm of an equal problem.
  std::optional<cublasLtMatmulAlgo> find(const MatmulProblem &problem) const;
  /// Keeps it and rewrites the file atomically, with what other processes have
  /// added to it; warns once if it can't.
  void insert(const MatmulProblem &problem,
              const cublasLtMatmulAlgo &algorithm);

  const std::string &getPath() const { return path; }
  /// What has gone wrong so far, "" for nothing.
  std::string getWarning() const;

private:
  using Map =
      std::unordered_map<MatmulProblem, cublasLtMatmulAlgo, ProblemHash>;
  /// The file's entries.  False, with the reason, for one that isn't right.
  bool read(Map &entries, std::string &reason) const;
  Status write(const Map &entries) const;
  void warn(const std::string &text);

  std::string path, key;
  mutable std::mutex mutex;
  Map entries;
  std::string warning;
};

/// qmm_context_options::cache_dir, resolved: "" for none.
std::string getCacheFolder(const char *given);

} // namespace qmmrt::cuda

#endif // QMMRT_CUDA_ALGORITHMCACHE_H
