//===- quant-run/Binding.cpp - Tensors for arguments and results ---------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See Binding.h.
//
//===----------------------------------------------------------------------===//
#include "Binding.h"

#include "numerics/Elements.h"
#include "program/Plan.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <optional>

namespace qmmrt::run {

static Status invalid(std::string message) {
  return Status(QMM_STATUS_INVALID_ARGUMENT, std::move(message));
}

std::string describe(const qmm_value_info &info) {
  std::string text = std::string(getDTypeName(qmm_dtype(info.dtype))) + " [";
  for (uint32_t i = 0; i < info.rank; ++i)
    text += (i ? ", " : "") +
            (info.shape[i] < 0 ? "?" : std::to_string(info.shape[i]));
  return text + "]";
}

std::string describe(const qmm_value_info &info, Role role, size_t index) {
  std::string text =
      (role == Role::Input ? "input " : "output ") + std::to_string(index);
  return *info.name ? text + " '" + info.name + "'" : text;
}

uint64_t getBytes(qmm_dtype dtype, const std::vector<int64_t> &shape) {
  return program::getValueBytes(dtype, shape).value_or(UINT64_MAX);
}

namespace {

/// A name's leading letters and the number after them: "in3.float8" is
/// ("in", 3).
struct NumberedName {
  std::string prefix;
  std::optional<uint64_t> number;
};

NumberedName splitName(const std::string &name) {
  size_t letters = 0;
  while (letters < name.size() &&
         (std::isalpha(static_cast<unsigned char>(name[letters])) ||
          name[letters] == '_' || name[letters] == '%'))
    ++letters;
  size_t end = letters;
  while (end < name.size() &&
         std::isdigit(static_cast<unsigned char>(name[end])))
    ++end;
  NumberedName result;
  result.prefix = name.substr(0, letters);
  if (end > letters && end - letters < 10)
    result.number = std::stoull(name.substr(letters, end - letters));
  return result;
}

/// Does the name say that the tensor is for the other side of the call?
bool isOtherRole(const NumberedName &name, Role role) {
  if (!name.number)
    return false;
  bool isOutput = name.prefix.rfind("out", 0) == 0 || name.prefix == "result";
  bool isInput = name.prefix == "in" || name.prefix == "input" ||
                 name.prefix == "arg" || name.prefix == "%arg";
  return role == Role::Input ? isOutput : isInput;
}

} // namespace

Result<std::vector<const SafetensorsTensor *>>
matchTensors(const SafetensorsFile &file,
             const std::vector<qmm_value_info> &values, Role role) {
  std::vector<const SafetensorsTensor *> matched(values.size());
  std::vector<const SafetensorsTensor *> rest;
  size_t missing = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (*values[i].name)
      matched[i] = file.find(values[i].name);
    missing += !matched[i];
  }
  if (missing == 0)
    return matched;

  bool allNumbered = true;
  for (const SafetensorsTensor &tensor : file.getTensors()) {
    if (std::find(matched.begin(), matched.end(), &tensor) != matched.end())
      continue;
    NumberedName name = splitName(tensor.name);
    if (isOtherRole(name, role))
      continue;
    allNumbered &= name.number.has_value();
    rest.push_back(&tensor);
  }
  if (allNumbered)
    std::sort(rest.begin(), rest.end(),
              [](const SafetensorsTensor *lhs, const SafetensorsTensor *rhs) {
                auto left = splitName(lhs->name).number;
                auto right = splitName(rhs->name).number;
                // Equal numbers: in file order.
                return left != right ? left < right : lhs < rhs;
              });
  if (rest.size() != missing) {
    std::string wanted, found;
    for (size_t i = 0; i < values.size(); ++i)
      if (!matched[i])
        wanted += (wanted.empty() ? "" : ", ") + describe(values[i], role, i) +
                  " " + describe(values[i]);
    for (const SafetensorsTensor *tensor : rest)
      found += (found.empty() ? "'" : ", '") + tensor->name + "'";
    return Status(
        QMM_STATUS_NOT_FOUND,
        file.getName() + ": no tensor has the name of " + wanted + ", and " +
            (rest.empty()
                 ? std::string("no others are left")
                 : "the others (" + found + ") aren't as many as that"));
  }
  size_t next = 0;
  for (const SafetensorsTensor *&tensor : matched)
    if (!tensor)
      tensor = rest[next++];
  return matched;
}

/// May a tensor stored as `found` hold values of type `wanted`?
static bool isStorageOf(qmm_dtype found, qmm_dtype wanted) {
  if (found == wanted)
    return true;
  switch (wanted) {
  case QMM_DTYPE_E4M3:
  case QMM_DTYPE_E5M2:
  case QMM_DTYPE_E8M0:
  case QMM_DTYPE_E2M1:
  case QMM_DTYPE_BOOL:
    return found == QMM_DTYPE_U8;
  case QMM_DTYPE_BF16:
  case QMM_DTYPE_F16:
    return found == QMM_DTYPE_U16;
  default:
    return false;
  }
}

static bool fits(const std::vector<int64_t> &shape,
                 const qmm_value_info &wanted) {
  if (shape.size() != wanted.rank)
    return false;
  for (size_t i = 0; i < shape.size(); ++i)
    if (wanted.shape[i] >= 0 && shape[i] != wanted.shape[i])
      return false;
  return true;
}

/// One E2M1 code per byte to two, lo_first, along the last dimension.
static Status packCodes(const SafetensorsTensor &tensor, BoundTensor &bound) {
  uint64_t k = uint64_t(bound.shape.back());
  uint64_t rowBytes = k / 2 + k % 2;
  uint64_t rows = k ? tensor.bytes / k : 0;
  bound.bytes = rows * rowBytes;
  bound.copy = std::make_unique<uint64_t[]>(size_t(bound.bytes / 8 + 1));
  auto *packed = reinterpret_cast<uint8_t *>(bound.copy.get());
  for (uint64_t row = 0; row < rows; ++row)
    for (uint64_t i = 0; i < k; ++i) {
      uint8_t code = tensor.data[row * k + i];
      if (code > 15)
        return invalid("has the byte " + std::to_string(code) +
                       ", expected E2M1 codes of 0 to 15");
      packed[row * rowBytes + i / 2] |= uint8_t(i % 2 ? code << 4 : code);
    }
  bound.data = packed;
  return Status();
}

Result<BoundTensor> bindTensor(const SafetensorsTensor &tensor,
                               const qmm_value_info &wanted, Role role,
                               size_t index) {
  auto fail = [&](const std::string &what) {
    return invalid(describe(wanted, role, index) + ": tensor '" + tensor.name +
                   "' " + what);
  };
  auto mismatch = [&] {
    return fail("is " + describeTensor(tensor) + ", expected " +
                describe(wanted));
  };
  qmm_dtype dtype = qmm_dtype(wanted.dtype);
  if (!isStorageOf(tensor.dtype, dtype))
    return mismatch();
  BoundTensor bound;
  bound.shape = tensor.shape;
  bound.data = tensor.data;
  bound.bytes = tensor.bytes;
  if (wanted.rank == 0 && bound.shape == std::vector<int64_t>{1})
    bound.shape.clear();
  if (dtype == QMM_DTYPE_E2M1 && tensor.dtype == QMM_DTYPE_U8 &&
      wanted.rank != 0 && tensor.shape.size() == wanted.rank) {
    int64_t k = wanted.shape[wanted.rank - 1];
    if (k < 0)
      return fail("is U8, which may be packed or not where the last dimension "
                  "is dynamic; expected F4");
    if (fits(tensor.shape, wanted)) {
      if (Status status = packCodes(tensor, bound); !status.ok())
        return fail(status.getMessage());
      return bound;
    }
    if (bound.shape.back() == k / 2 + k % 2)
      bound.shape.back() = k;
  }
  if (!fits(bound.shape, wanted) || bound.bytes != getBytes(dtype, bound.shape))
    return mismatch();
  // Files align tensors to nothing; programs want whole elements.
  size_t alignment = std::max(1u, getBitWidth(dtype) / 8);
  if (reinterpret_cast<uintptr_t>(bound.data) % alignment != 0) {
    bound.copy = std::make_unique<uint64_t[]>(size_t(bound.bytes / 8 + 1));
    std::memcpy(bound.copy.get(), bound.data, size_t(bound.bytes));
    bound.data = bound.copy.get();
  }
  return bound;
}

} // namespace qmmrt::run
