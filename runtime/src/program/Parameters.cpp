//===- program/Parameters.cpp - Where a program's weights lie ------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See Parameters.h.
//
//===----------------------------------------------------------------------===//
#include "program/Parameters.h"

#include "numerics/Elements.h"
#include "program/Hash.h"

#include <cstring>

namespace qmmrt::program {

static Result<Checkpoint> openFile(const std::string &path,
                                   const std::string &folder) {
  Result<Checkpoint> file = Checkpoint::open(path);
  if (file.ok() || file.getStatus().getCode() != QMM_STATUS_NOT_FOUND)
    return file;
  size_t slash = path.find_last_of('/', path.find_last_not_of('/'));
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  std::string other = folder + "/" + name;
  Result<Checkpoint> beside = Checkpoint::open(other);
  if (beside.ok() || beside.getStatus().getCode() != QMM_STATUS_NOT_FOUND)
    return beside;
  return Status(QMM_STATUS_NOT_FOUND,
                "the weights are neither at " + path + " nor at " + other);
}

/// May the file's dtype serve the parameter's?  Narrow floats occur as raw U8,
/// and so do packed codes, which the compiler calls i8.
static bool isCompatible(qmm_dtype found, qmm_dtype wanted) {
  if (found == wanted || (found == QMM_DTYPE_U8 && wanted == QMM_DTYPE_I8))
    return true;
  auto isNarrowFloat = [](qmm_dtype dtype) {
    return dtype == QMM_DTYPE_E4M3 || dtype == QMM_DTYPE_E5M2 ||
           dtype == QMM_DTYPE_E2M1 || dtype == QMM_DTYPE_E8M0;
  };
  return (found == QMM_DTYPE_U8 && isNarrowFloat(wanted)) ||
         (wanted == QMM_DTYPE_U8 && isNarrowFloat(found));
}

static std::vector<int64_t> withoutOnes(const std::vector<int64_t> &shape) {
  std::vector<int64_t> rest;
  for (int64_t extent : shape)
    if (extent != 1)
      rest.push_back(extent);
  return rest;
}

/// Does the tensor hold what the program was compiled for?
static Status check(const Parameter &parameter,
                    const SafetensorsTensor &tensor) {
  std::vector<int64_t> shape = tensor.shape;
  if (tensor.dtype == QMM_DTYPE_E2M1 && !shape.empty())
    shape.back() = (shape.back() + 1) / 2; // parameters count bytes
  if (!isCompatible(tensor.dtype, parameter.dtype) ||
      withoutOnes(shape) != withoutOnes(parameter.shape))
    return Status(QMM_STATUS_INVALID_ARGUMENT,
                  "is " + describeTensor(tensor) +
                      ", but the program was compiled for " +
                      getDTypeName(parameter.dtype) + " " +
                      describeShape(parameter.shape));
  if (tensor.bytes != parameter.bytes)
    return Status(QMM_STATUS_INVALID_ARGUMENT,
                  "has " + std::to_string(tensor.bytes) +
                      " bytes, but the program was compiled for " +
                      std::to_string(parameter.bytes));
  if (parameter.digest != 0 &&
      hashBytes(tensor.data, size_t(tensor.bytes)) != parameter.digest)
    return Status(QMM_STATUS_INVALID_ARGUMENT,
                  "has other bytes than when the program was compiled (their "
                  "digest differs)");
  return Status();
}

Result<ParameterSet> ParameterSet::bind(const Module &module,
                                        const std::string &folder,
                                        Executor &executor) {
  ParameterSet set;
  size_t count = module.parameters.size();
  set.pointers.resize(count);
  set.files.resize(module.files.size());
  std::vector<const SafetensorsTensor *> tensors(count);

  auto fail = [&](const Parameter &parameter, const Status &status) {
    return Status(status.getCode(),
                  "parameter '" + parameter.key + "' ('" + parameter.fileKey +
                      "' in " + set.files[size_t(parameter.file)]->getName() +
                      ") " + status.getMessage());
  };

  for (size_t i = 0; i < count; ++i) {
    const Parameter &parameter = module.parameters[i];
    if (parameter.file < 0) {
      set.pointers[i] = parameter.data;
      continue;
    }
    std::unique_ptr<Checkpoint> &file = set.files[size_t(parameter.file)];
    if (!file) {
      Result<Checkpoint> opened =
          openFile(module.files[size_t(parameter.file)], folder);
      if (!opened.ok())
        return Status(opened.getStatus().getCode(),
                      "parameter '" + parameter.key +
                          "': " + opened.getStatus().getMessage());
      file = std::make_unique<Checkpoint>(std::move(*opened));
    }
    tensors[i] = file->find(parameter.fileKey);
    if (!tensors[i])
      return fail(parameter,
                  Status(QMM_STATUS_NOT_FOUND, "isn't in that file"));
  }

  std::vector<Status> statuses(count);
  executor.parallelFor(
      int64_t(count), 1, [&](int64_t begin, int64_t end, unsigned) {
        for (size_t i = size_t(begin); i < size_t(end); ++i)
          if (tensors[i])
            statuses[i] = check(module.parameters[i], *tensors[i]);
      });

  for (size_t i = 0; i < count; ++i) {
    if (!statuses[i].ok())
      return fail(module.parameters[i], statuses[i]);
    if (!tensors[i])
      continue;
    const SafetensorsTensor &tensor = *tensors[i];
    size_t alignment = getBitWidth(module.parameters[i].dtype) / 8;
    if (alignment > 1 &&
        reinterpret_cast<uintptr_t>(tensor.data) % alignment != 0) {
      auto copy = std::make_unique<uint64_t[]>(size_t((tensor.bytes + 7) / 8));
      std::memcpy(copy.get(), tensor.data, size_t(tensor.bytes));
      set.pointers[i] = copy.get();
      set.copies.push_back(std::move(copy));
    } else {
      set.pointers[i] = tensor.data;
    }
  }
  return set;
}

} // namespace qmmrt::program
