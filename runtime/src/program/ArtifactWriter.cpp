//===- program/ArtifactWriter.cpp - Writes the .qmm file -----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sizes are known before the first byte goes out, so that parameters stream
// through the checksum; only the checksum is filled in afterwards.
//
//===----------------------------------------------------------------------===//
#include "program/Artifact.h"
#include "program/ArtifactFormat.h"
#include "program/Codec.h"
#include "program/Hash.h"
#include "program/Verify.h"
#include "support/AtomicFile.h"

#include <algorithm>

namespace qmmrt::program {

static void encode(Encoder &out, const Expr &expr) {
  out.u32(uint32_t(expr.terms.size()));
  for (const Expr::Term &term : expr.terms) {
    out.u8(uint8_t(term.op));
    if (term.op == Expr::Op::Constant || term.op == Expr::Op::Dim)
      out.i64(term.value);
  }
}

static void encode(Encoder &out, const std::vector<Expr> &exprs) {
  out.u32(uint32_t(exprs.size()));
  for (const Expr &expr : exprs)
    encode(out, expr);
}

static void encode(Encoder &out, const std::vector<Value> &values) {
  out.u32(uint32_t(values.size()));
  for (const Value &value : values) {
    out.string(value.name);
    out.u32(value.dtype);
    encode(out, value.shape);
  }
}

static void encode(Encoder &out, const TensorRef &tensor) {
  out.u32(tensor.scheme.element);
  out.u32(tensor.scheme.scale);
  out.i64(tensor.scheme.block_outer);
  out.i64(tensor.scheme.block_k);
  out.u32(tensor.scheme.has_tensor_scale);
  out.u32(tensor.layout.scales);
  out.u32(tensor.layout.nibbles);
  out.i64(tensor.layout.pad_outer);
  out.i64(tensor.layout.pad_k);
  out.i64(tensor.layout.scale_pad);
  encode(out, tensor.shape);
  out.i32(tensor.data);
  out.i32(tensor.scale);
  out.i32(tensor.tensorScale);
}

static void encode(Encoder &out, const Command &command) {
  out.u8(uint8_t(command.kind));
  out.string(command.location);
  out.u32(uint32_t(command.tensors.size()));
  for (const TensorRef &tensor : command.tensors)
    encode(out, tensor);
  switch (command.kind) {
  case Command::Kind::ScaledMatmul:
    out.u32(command.activation);
    out.u32(command.aPrecision);
    out.u32(command.bPrecision);
    out.u8(command.hasBias);
    out.u8(command.hasResidual);
    out.i32(command.alpha);
    out.i32(command.amax);
    out.i32(command.inverseOutScale);
    break;
  case Command::Kind::Quantize:
    out.u32(command.scaleSource);
    out.u32(command.e8m0Rounding);
    out.u32(command.dividePrecision);
    out.u8(command.scalePrecisionInput);
    break;
  case Command::Kind::Amax:
    out.i32(command.amax);
    break;
  case Command::Kind::Kernel:
    out.u32(command.kernel);
    encode(out, command.extent);
    [[fallthrough]];
  case Command::Kind::Copy:
    out.u32(uint32_t(command.slots.size()));
    for (int32_t slot : command.slots)
      out.i32(slot);
    encode(out, command.integers);
    break;
  case Command::Kind::Dequantize:
  case Command::Kind::Relayout:
    break;
  }
}

static void encode(Encoder &out, const Entry &entry) {
  out.string(entry.name);
  out.u32(entry.numDims);
  encode(out, entry.inputs);
  encode(out, entry.outputs);
  out.u32(uint32_t(entry.checks.size()));
  for (const Check &check : entry.checks) {
    encode(out, check.lhs);
    encode(out, check.rhs);
    out.string(check.message);
  }
  out.u32(uint32_t(entry.slots.size()));
  for (const Slot &slot : entry.slots) {
    out.u8(uint8_t(slot.kind));
    out.u32(slot.index);
    encode(out, slot.offset);
    encode(out, slot.bytes);
  }
  out.u32(uint32_t(entry.commands.size()));
  for (const Command &command : entry.commands)
    encode(out, command);
  encode(out,
         entry.arenaBytes.terms.empty() ? Expr::constant(0) : entry.arenaBytes);
}

/// The Program section; sets the sizes of the Objects and Data sections.
static std::string encodeProgram(const Module &module, uint64_t &objectBytes,
                                 uint64_t &dataBytes) {
  Encoder out;
  out.string(module.target);
  out.u32(uint32_t(module.files.size()));
  for (const std::string &file : module.files)
    out.string(file);
  dataBytes = 0;
  out.u32(uint32_t(module.parameters.size()));
  for (const Parameter &parameter : module.parameters) {
    out.string(parameter.key);
    out.u32(parameter.dtype);
    out.u32(uint32_t(parameter.shape.size()));
    for (int64_t extent : parameter.shape)
      out.i64(extent);
    out.u64(parameter.bytes);
    out.u64(parameter.digest);
    out.i32(parameter.file);
    if (parameter.file >= 0) {
      out.string(parameter.fileKey);
    } else {
      dataBytes = alignUp(dataBytes);
      out.u64(dataBytes);
      dataBytes += parameter.bytes;
    }
  }
  out.u32(uint32_t(module.packed.size()));
  for (uint64_t bytes : module.packed)
    out.u64(bytes);
  out.u32(uint32_t(module.kernels.size()));
  for (const Kernel &kernel : module.kernels) {
    out.string(kernel.name);
    out.u32(kernel.launch.threads);
    out.u64(kernel.launch.itemsPerBlock);
    out.u32(kernel.launch.sharedBytes);
    out.u32(kernel.launch.blocksPerSM);
    out.u8(kernel.launch.cooperative);
  }
  objectBytes = 0;
  out.u32(uint32_t(module.objects.size()));
  for (const Object &object : module.objects) {
    objectBytes = alignUp(objectBytes);
    out.string(object.isa);
    out.u64(objectBytes);
    out.u64(object.bytes.size());
    objectBytes += object.bytes.size();
  }
  encode(out, module.init);
  out.u32(uint32_t(module.entries.size()));
  for (const Entry &entry : module.entries)
    encode(out, entry);
  return out.get();
}

namespace {

/// Counts, hashes and writes what passes through.
class Stream {
public:
  explicit Stream(AtomicFile &file) : file(file) {}

  Status write(const void *data, uint64_t bytes) {
    const char *cursor = static_cast<const char *>(data);
    // Hash a piece while it is in the cache, not the whole first.
    while (bytes != 0) {
      uint64_t piece = std::min<uint64_t>(bytes, 1 << 20);
      hasher.update(cursor, size_t(piece));
      if (Status status = file.write(cursor, piece); !status.ok())
        return status;
      cursor += piece;
      position += piece;
      bytes -= piece;
    }
    return Status();
  }

  Status align() {
    static const char zeros[kAlignment] = {};
    return write(zeros, alignUp(position) - position);
  }

  /// Room for the checksum, which it doesn't cover.
  Status skipChecksum() {
    uint64_t zero = 0;
    position += sizeof(zero);
    return file.write(&zero, sizeof(zero));
  }

  Status finish() {
    Encoder checksum;
    checksum.u64(hasher.finish());
    return file.writeAt(kChecksumOffset, checksum.get().data(),
                        checksum.get().size());
  }

private:
  AtomicFile &file;
  Hasher hasher;
  uint64_t position = 0;
};

} // namespace

static Status writeTo(const Module &module, AtomicFile &file) {
  uint64_t sizes[kNumSections];
  std::string program = encodeProgram(module, sizes[1], sizes[3]);
  sizes[0] = program.size();
  sizes[2] = module.report.size();

  Encoder table;
  uint64_t offset = alignUp(kHeaderBytes + kNumSections * kSectionBytes);
  uint64_t end = offset;
  for (uint32_t i = 0; i < kNumSections; ++i) {
    table.u32(i + 1);
    table.u32(0);
    table.u64(offset);
    table.u64(sizes[i]);
    end = offset + sizes[i];
    offset = alignUp(end);
  }
  Encoder header;
  header.u32(kArtifactVersion);
  header.u32(kNumSections);
  header.u64(end);

  Stream stream(file);
  Status status = stream.write(kMagic, sizeof(kMagic));
  auto append = [&](const void *data, uint64_t bytes) {
    if (status.ok())
      status = stream.write(data, bytes);
  };
  auto align = [&] {
    if (status.ok())
      status = stream.align();
  };
  append(header.get().data(), header.get().size());
  if (status.ok())
    status = stream.skipChecksum();
  append(table.get().data(), table.get().size());
  align();
  append(program.data(), program.size());
  align();
  for (const Object &object : module.objects) {
    align();
    append(object.bytes.data(), object.bytes.size());
  }
  align();
  append(module.report.data(), module.report.size());
  align();
  for (const Parameter &parameter : module.parameters) {
    if (parameter.file >= 0)
      continue;
    align();
    append(parameter.data, parameter.bytes);
  }
  return status.ok() ? stream.finish() : status;
}

Status writeArtifact(const Module &module, const std::string &path) {
  if (Status status = verifyModule(module); !status.ok())
    return Status(status.getCode(), path + ": " + status.getMessage());
  AtomicFile file;
  if (Status status = file.open(path); !status.ok())
    return status;
  if (Status status = writeTo(module, file); !status.ok())
    return status;
  return file.commit();
}

} // namespace qmmrt::program
