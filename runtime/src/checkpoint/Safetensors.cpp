//===- checkpoint/Safetensors.cpp - .safetensors files -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A file is 8 bytes of header length (little endian), that much JSON, and the
// tensors' bytes, which must cover the rest without overlap or gap.
//
//===----------------------------------------------------------------------===//
#include "checkpoint/Safetensors.h"
#include "checkpoint/Json.h"
#include "checkpoint/SafetensorsHeader.h"

#include <algorithm>
#include <numeric>
#include <sys/mman.h>
#include <tuple>
#include <unistd.h>

using namespace qmmrt;

namespace {
struct DTypeEntry {
  const char *name;
  qmm_dtype dtype;
  unsigned bits;
};
} // namespace

// The first name of a type is the one written.
static constexpr DTypeEntry kDTypes[] = {
    {"F32", QMM_DTYPE_F32, 32},        {"BF16", QMM_DTYPE_BF16, 16},
    {"F16", QMM_DTYPE_F16, 16},        {"F8_E4M3", QMM_DTYPE_E4M3, 8},
    {"F8_E5M2", QMM_DTYPE_E5M2, 8},    {"F8_E8M0", QMM_DTYPE_E8M0, 8},
    {"F8_E8M0FNU", QMM_DTYPE_E8M0, 8}, {"F4", QMM_DTYPE_E2M1, 4},
    {"F4_E2M1", QMM_DTYPE_E2M1, 4},    {"I8", QMM_DTYPE_I8, 8},
    {"U8", QMM_DTYPE_U8, 8},           {"I16", QMM_DTYPE_I16, 16},
    {"U16", QMM_DTYPE_U16, 16},        {"I32", QMM_DTYPE_I32, 32},
    {"U32", QMM_DTYPE_U32, 32},        {"I64", QMM_DTYPE_I64, 64},
    {"U64", QMM_DTYPE_U64, 64},        {"F64", QMM_DTYPE_F64, 64},
    {"BOOL", QMM_DTYPE_BOOL, 8},
};

qmm_dtype qmmrt::getSafetensorsDType(std::string_view name) {
  for (const DTypeEntry &entry : kDTypes)
    if (name == entry.name)
      return entry.dtype;
  return QMM_DTYPE_NONE;
}

const char *qmmrt::getSafetensorsDTypeName(qmm_dtype dtype) {
  for (const DTypeEntry &entry : kDTypes)
    if (dtype == entry.dtype)
      return entry.name;
  return nullptr;
}

unsigned qmmrt::getSafetensorsBits(qmm_dtype dtype) {
  for (const DTypeEntry &entry : kDTypes)
    if (dtype == entry.dtype)
      return entry.bits;
  return 0;
}

std::string qmmrt::describeShape(const std::vector<int64_t> &shape) {
  std::string result = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    result += (i ? ", " : "") + std::to_string(shape[i]);
  return result + "]";
}

std::string qmmrt::describeTensor(const SafetensorsTensor &tensor) {
  return tensor.dtypeName + " " + describeShape(tensor.shape);
}

int64_t SafetensorsTensor::getNumElements() const {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

Result<SafetensorsFile> SafetensorsFile::open(const std::string &path) {
  Result<MappedFile> mapping = MappedFile::open(path);
  if (!mapping.ok())
    return mapping.getStatus();
  SafetensorsFile file;
  file.name = path;
  file.mapping = std::move(*mapping);
  Status status = file.read(file.mapping.data(), file.mapping.size());
  if (!status.ok())
    return status;
  return file;
}

Result<SafetensorsFile> SafetensorsFile::parse(const void *bytes, size_t size,
                                               std::string name) {
  SafetensorsFile file;
  file.name = std::move(name);
  Status status = file.read(static_cast<const uint8_t *>(bytes), size);
  if (!status.ok())
    return status;
  return file;
}

void SafetensorsFile::advise(const SafetensorsTensor &tensor,
                             int advice) const {
  // Bytes that someone else keeps aren't ours to drop.
  if (tensor.bytes == 0 || tensor.data < mapping.data() ||
      tensor.data >= mapping.data() + mapping.size())
    return;
  uintptr_t page = uintptr_t(::sysconf(_SC_PAGESIZE));
  uintptr_t begin = reinterpret_cast<uintptr_t>(tensor.data) / page * page;
  uintptr_t end = reinterpret_cast<uintptr_t>(tensor.data) + tensor.bytes;
  ::madvise(reinterpret_cast<void *>(begin), end - begin, advice);
}

void SafetensorsFile::willNeed(const SafetensorsTensor &tensor) const {
  advise(tensor, MADV_WILLNEED);
}

void SafetensorsFile::doneWith(const SafetensorsTensor &tensor) const {
  advise(tensor, MADV_DONTNEED);
}

const SafetensorsTensor *SafetensorsFile::find(std::string_view tensor) const {
  auto it = index.find(tensor);
  return it == index.end() ? nullptr : &tensors[it->second];
}

/// The bytes that dtype and shape ask for, or why they ask for none.
static Result<uint64_t> computeBytes(const SafetensorsTensor &tensor) {
  uint64_t count = 1;
  for (int64_t extent : tensor.shape)
    if (__builtin_mul_overflow(count, static_cast<uint64_t>(extent), &count) ||
        count > static_cast<uint64_t>(INT64_MAX))
      return Status(QMM_STATUS_MALFORMED, "the product of its shape " +
                                              describeShape(tensor.shape) +
                                              " overflows");
  uint64_t bits;
  if (__builtin_mul_overflow(count, getSafetensorsBits(tensor.dtype), &bits))
    return Status(QMM_STATUS_MALFORMED,
                  "the size of " + describeTensor(tensor) + " overflows");
  if (bits % 8)
    return Status(QMM_STATUS_MALFORMED,
                  describeTensor(tensor) +
                      " ends inside a byte, expected an even number of "
                      "elements");
  return bits / 8;
}

Status SafetensorsFile::read(const uint8_t *bytes, size_t size) {
  auto malformed = [&](const std::string &text) {
    return Status(QMM_STATUS_MALFORMED, name + ": " + text);
  };
  if (size == 0)
    return malformed("is empty, expected a safetensors file");
  if (size < 8)
    return malformed("has " + std::to_string(size) +
                     " bytes, too few for a safetensors header");
  uint64_t headerSize = 0;
  for (int i = 7; i >= 0; --i)
    headerSize = headerSize << 8 | bytes[i];
  if (headerSize > kMaxSafetensorsHeader)
    return malformed("the first 8 bytes ask for a header of " +
                     std::to_string(headerSize) + " bytes, expected at most " +
                     std::to_string(kMaxSafetensorsHeader) +
                     " (is this a safetensors file?)");
  if (headerSize > size - 8)
    return malformed("is truncated: the header has " +
                     std::to_string(headerSize) + " bytes, but only " +
                     std::to_string(size - 8) + " follow its length");
  std::string_view text(reinterpret_cast<const char *>(bytes) + 8, headerSize);
  std::vector<TensorEntry> entries;
  Status status = parseSafetensorsHeader(text, entries, metadata);
  if (!status.ok())
    return Status(status.getCode(), name + ": " + status.getMessage());

  const uint8_t *data = bytes + 8 + headerSize;
  uint64_t dataSize = size - 8 - headerSize;
  // Empty tensors lie before the tensor that begins at the same byte, among
  // themselves in the header's order.
  std::vector<size_t> order(entries.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t lhs, size_t rhs) {
    return std::tuple(entries[lhs].begin, entries[lhs].end, lhs) <
           std::tuple(entries[rhs].begin, entries[rhs].end, rhs);
  });
  uint64_t cursor = 0;
  const TensorEntry *previous = nullptr;
  for (size_t position : order) {
    const TensorEntry &entry = entries[position];
    std::string where = "tensor " + quoteName(entry.tensor.name) + ": ";
    std::string range = "data_offsets [" + std::to_string(entry.begin) + ", " +
                        std::to_string(entry.end) + "]";
    if (entry.end < entry.begin)
      return malformed(where + range + " end before they begin");
    Result<uint64_t> expected = computeBytes(entry.tensor);
    if (!expected.ok())
      return malformed(where + expected.getStatus().getMessage());
    if (entry.end - entry.begin != *expected)
      return malformed(where + range + " hold " +
                       std::to_string(entry.end - entry.begin) +
                       " bytes, but " + describeTensor(entry.tensor) +
                       " takes " + std::to_string(*expected));
    if (entry.end > dataSize)
      return malformed("is truncated: " + where + range +
                       " reach past the file's " + std::to_string(dataSize) +
                       " bytes of data");
    if (entry.begin < cursor)
      return malformed(where + range + " overlap tensor " +
                       quoteName(previous->tensor.name) + ", which ends at " +
                       std::to_string(cursor));
    if (entry.begin > cursor)
      return malformed(where + range +
                       " leave a gap: the bytes before end at " +
                       std::to_string(cursor));
    cursor = entry.end;
    previous = &entry;
  }
  if (cursor != dataSize)
    return malformed("has " + std::to_string(dataSize - cursor) +
                     " bytes after its last tensor, expected none");

  tensors.reserve(entries.size());
  for (size_t position : order) {
    TensorEntry &entry = entries[position];
    entry.tensor.data = data + entry.begin;
    entry.tensor.bytes = entry.end - entry.begin;
    entry.tensor.fileOffset = 8 + headerSize + entry.begin;
    tensors.push_back(std::move(entry.tensor));
  }
  index.reserve(tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i)
    index.emplace(tensors[i].name, i);
  return {};
}
