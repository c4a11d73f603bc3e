//===- program/ArtifactReader.cpp - Reads the .qmm file ------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// In the order magic, version, size, checksum, sections, program: the first
// thing that is wrong is what the user hears.
//
//===----------------------------------------------------------------------===//
#include "program/Artifact.h"
#include "program/ArtifactFormat.h"
#include "program/Codec.h"
#include "program/Expr.h"
#include "program/Hash.h"
#include "program/Verify.h"

#include <cstring>

namespace qmmrt::program {

namespace {

struct Section {
  const uint8_t *data = nullptr;
  uint64_t bytes = 0;
};

class Reader {
public:
  Reader(const uint8_t *bytes, size_t size) : bytes(bytes), size(size) {}

  Result<Module> read();

private:
  Status readHeader();
  Status readSections();

  static qmm_dtype dtype(Decoder &in) {
    return qmm_dtype(in.u32AtMost(QMM_DTYPE_BOOL, "dtype"));
  }
  static Expr expr(Decoder &in);
  static std::vector<Expr> exprs(Decoder &in);
  static std::vector<Value> values(Decoder &in);
  static TensorRef tensor(Decoder &in);
  static Command command(Decoder &in);
  static Entry entry(Decoder &in);
  void parameters(Decoder &in, Module &module);
  void objects(Decoder &in, Module &module);

  const Section &get(SectionKind kind) const {
    return sections[uint32_t(kind) - 1];
  }

  /// Is [offset, offset + length) inside `section`, aligned, and after what was
  /// claimed before (`end`)?
  static bool claim(const Section &section, uint64_t offset, uint64_t length,
                    uint64_t &end) {
    if (offset % kAlignment != 0 || offset < end || offset > section.bytes ||
        length > section.bytes - offset)
      return false;
    end = offset + length;
    return true;
  }

  const uint8_t *bytes;
  size_t size;
  Section sections[kNumSections];
};

} // namespace

static Status malformed(std::string message) {
  return Status(QMM_STATUS_MALFORMED, std::move(message));
}

Status Reader::readHeader() {
  if (size < sizeof(kMagic) || std::memcmp(bytes, kMagic, sizeof(kMagic)) != 0)
    return malformed("is not a QMM artefact");
  if (size < kHeaderBytes)
    return malformed("is truncated: " + std::to_string(size) +
                     " bytes, expected a header of " +
                     std::to_string(kHeaderBytes));
  Decoder in(bytes + sizeof(kMagic), kHeaderBytes - sizeof(kMagic));
  uint32_t version = in.u32();
  uint32_t numSections = in.u32();
  uint64_t total = in.u64();
  uint64_t checksum = in.u64();
  if (version != kArtifactVersion)
    return Status(QMM_STATUS_UNSUPPORTED,
                  "has format version " + std::to_string(version) +
                      ", this runtime reads version " +
                      std::to_string(kArtifactVersion) +
                      (version > kArtifactVersion ? ": it needs a newer runtime"
                                                  : ": compile it again"));
  if (total != size)
    return malformed("has " + std::to_string(size) + " bytes, but its header " +
                     "says " + std::to_string(total) +
                     (size < total ? ": it is truncated" : ""));
  Hasher hasher;
  hasher.update(bytes, kChecksumOffset);
  hasher.update(bytes + kHeaderBytes, size - kHeaderBytes);
  if (hasher.finish() != checksum)
    return malformed("is damaged: its checksum doesn't match its bytes");
  if (numSections != kNumSections)
    return malformed("has " + std::to_string(numSections) +
                     " sections, expected " + std::to_string(kNumSections));
  return Status();
}

Status Reader::readSections() {
  uint64_t end = kHeaderBytes + kNumSections * kSectionBytes;
  if (size < end)
    return malformed("ends within its section table");
  Decoder in(bytes + kHeaderBytes, kNumSections * kSectionBytes);
  for (uint32_t i = 0; i < kNumSections; ++i) {
    uint32_t kind = in.u32(), reserved = in.u32();
    uint64_t offset = in.u64(), length = in.u64();
    if (kind != i + 1 || reserved != 0)
      return malformed("section " + std::to_string(i) + " has kind " +
                       std::to_string(kind) + ", expected " +
                       std::to_string(i + 1));
    if (!claim({bytes, size}, offset, length, end))
      return malformed("section " + std::to_string(i) + " of " +
                       std::to_string(length) + " bytes at " +
                       std::to_string(offset) +
                       " is misaligned, overlaps another or passes the end");
    sections[i] = {bytes + offset, length};
  }
  if (end != size)
    return malformed(std::to_string(size - end) +
                     " bytes follow its last section");
  return Status();
}

Expr Reader::expr(Decoder &in) {
  Expr expr;
  size_t count = in.count(1);
  if (count > kMaxExprTerms) {
    in.fail("an expression has " + std::to_string(count) + " terms");
    return expr;
  }
  for (size_t i = 0; i < count && in.ok(); ++i) {
    uint8_t op = in.u8();
    if (op > uint8_t(Expr::Op::Min)) {
      in.fail("an expression has unknown operation " + std::to_string(op));
      break;
    }
    Expr::Term term{Expr::Op(op), 0};
    if (term.op == Expr::Op::Constant || term.op == Expr::Op::Dim)
      term.value = in.i64();
    expr.terms.push_back(term);
  }
  return expr;
}

std::vector<Expr> Reader::exprs(Decoder &in) {
  std::vector<Expr> list;
  for (size_t i = 0, n = in.count(4); i < n && in.ok(); ++i)
    list.push_back(expr(in));
  return list;
}

std::vector<Value> Reader::values(Decoder &in) {
  std::vector<Value> list;
  for (size_t i = 0, n = in.count(12); i < n && in.ok(); ++i) {
    Value value;
    value.name = in.string();
    value.dtype = dtype(in);
    value.shape = exprs(in);
    list.push_back(std::move(value));
  }
  return list;
}

TensorRef Reader::tensor(Decoder &in) {
  TensorRef tensor;
  tensor.scheme.element = dtype(in);
  tensor.scheme.scale = dtype(in);
  tensor.scheme.block_outer = in.i64();
  tensor.scheme.block_k = in.i64();
  tensor.scheme.has_tensor_scale = in.boolean("has_tensor_scale");
  tensor.layout.scales = in.u32AtMost(QMM_SCALES_TILED_128X4, "scale layout");
  tensor.layout.nibbles = in.u32AtMost(QMM_NIBBLES_LO_FIRST, "nibble order");
  tensor.layout.pad_outer = in.i64();
  tensor.layout.pad_k = in.i64();
  tensor.layout.scale_pad = in.i64();
  tensor.shape = exprs(in);
  tensor.data = in.i32();
  tensor.scale = in.i32();
  tensor.tensorScale = in.i32();
  return tensor;
}

static bool byteBoolean(Decoder &in, const char *what) {
  uint8_t value = in.u8();
  if (value > 1)
    in.fail(std::string(what) + " is " + std::to_string(value) +
            ", expected 0 or 1");
  return value == 1;
}

Command Reader::command(Decoder &in) {
  Command command;
  uint8_t kind = in.u8();
  if (kind > uint8_t(Command::Kind::Copy)) {
    in.fail("unknown command " + std::to_string(kind));
    return command;
  }
  command.kind = Command::Kind(kind);
  command.location = in.string();
  for (size_t i = 0, n = in.count(72); i < n && in.ok(); ++i)
    command.tensors.push_back(tensor(in));
  switch (command.kind) {
  case Command::Kind::ScaledMatmul:
    command.activation =
        qmm_activation(in.u32AtMost(QMM_ACTIVATION_SILU, "activation"));
    command.aPrecision = dtype(in);
    command.bPrecision = dtype(in);
    command.hasBias = byteBoolean(in, "bias flag");
    command.hasResidual = byteBoolean(in, "residual flag");
    command.alpha = in.i32();
    command.amax = in.i32();
    command.inverseOutScale = in.i32();
    break;
  case Command::Kind::Quantize:
    command.scaleSource =
        qmm_scale_source(in.u32AtMost(QMM_SCALES_GIVEN, "scale source"));
    command.e8m0Rounding =
        qmm_e8m0_rounding(in.u32AtMost(QMM_E8M0_EVEN, "E8M0 rounding"));
    command.dividePrecision = dtype(in);
    command.scalePrecisionInput = byteBoolean(in, "scale precision flag");
    break;
  case Command::Kind::Amax:
    command.amax = in.i32();
    break;
  case Command::Kind::Kernel:
    command.kernel = in.u32();
    command.extent = expr(in);
    [[fallthrough]];
  case Command::Kind::Copy:
    for (size_t i = 0, n = in.count(4); i < n && in.ok(); ++i)
      command.slots.push_back(in.i32());
    command.integers = exprs(in);
    break;
  case Command::Kind::Dequantize:
  case Command::Kind::Relayout:
    break;
  }
  return command;
}

Entry Reader::entry(Decoder &in) {
  Entry entry;
  entry.name = in.string();
  entry.numDims = in.u32AtMost(kMaxDims, "number of dimensions");
  entry.inputs = values(in);
  entry.outputs = values(in);
  for (size_t i = 0, n = in.count(12); i < n && in.ok(); ++i) {
    Check check;
    check.lhs = expr(in);
    check.rhs = expr(in);
    check.message = in.string();
    entry.checks.push_back(std::move(check));
  }
  for (size_t i = 0, n = in.count(13); i < n && in.ok(); ++i) {
    Slot slot;
    uint8_t kind = in.u8();
    if (kind > uint8_t(Slot::Kind::Packed))
      in.fail("unknown slot kind " + std::to_string(kind));
    else
      slot.kind = Slot::Kind(kind);
    slot.index = in.u32();
    slot.offset = expr(in);
    slot.bytes = expr(in);
    entry.slots.push_back(std::move(slot));
  }
  for (size_t i = 0, n = in.count(9); i < n && in.ok(); ++i)
    entry.commands.push_back(command(in));
  entry.arenaBytes = expr(in);
  return entry;
}

void Reader::parameters(Decoder &in, Module &module) {
  const Section &data = get(SectionKind::Data);
  uint64_t end = 0;
  for (size_t i = 0, n = in.count(36); i < n && in.ok(); ++i) {
    Parameter parameter;
    parameter.key = in.string();
    parameter.dtype = dtype(in);
    for (size_t j = 0, rank = in.count(8); j < rank && in.ok(); ++j)
      parameter.shape.push_back(in.i64());
    parameter.bytes = in.u64();
    parameter.digest = in.u64();
    parameter.file = in.i32();
    if (parameter.file >= 0) {
      parameter.fileKey = in.string();
    } else {
      uint64_t offset = in.u64();
      if (!claim(data, offset, parameter.bytes, end))
        in.fail("parameter '" + parameter.key + "' of " +
                std::to_string(parameter.bytes) + " bytes at " +
                std::to_string(offset) + " doesn't fit its section");
      else
        parameter.data = data.data + offset;
    }
    module.parameters.push_back(std::move(parameter));
  }
}

void Reader::objects(Decoder &in, Module &module) {
  const Section &section = get(SectionKind::Objects);
  uint64_t end = 0;
  for (size_t i = 0, n = in.count(20); i < n && in.ok(); ++i) {
    Object object;
    object.isa = in.string();
    uint64_t offset = in.u64(), length = in.u64();
    if (!claim(section, offset, length, end)) {
      in.fail("object '" + object.isa + "' of " + std::to_string(length) +
              " bytes at " + std::to_string(offset) +
              " doesn't fit its section");
      return;
    }
    object.bytes.assign(reinterpret_cast<const char *>(section.data + offset),
                        size_t(length));
    module.objects.push_back(std::move(object));
  }
}

Result<Module> Reader::read() {
  if (Status status = readHeader(); !status.ok())
    return status;
  if (Status status = readSections(); !status.ok())
    return status;
  Module module;
  const Section &program = get(SectionKind::Program);
  Decoder in(program.data, size_t(program.bytes));
  module.target = in.string();
  for (size_t i = 0, n = in.count(4); i < n && in.ok(); ++i)
    module.files.push_back(in.string());
  parameters(in, module);
  for (size_t i = 0, n = in.count(8); i < n && in.ok(); ++i)
    module.packed.push_back(in.u64());
  for (size_t i = 0, n = in.count(25); i < n && in.ok(); ++i) {
    Kernel kernel;
    kernel.name = in.string();
    kernel.launch.threads = in.u32();
    kernel.launch.itemsPerBlock = in.u64();
    kernel.launch.sharedBytes = in.u32();
    kernel.launch.blocksPerSM = in.u32();
    kernel.launch.cooperative = byteBoolean(in, "cooperative flag");
    module.kernels.push_back(std::move(kernel));
  }
  objects(in, module);
  module.init = entry(in);
  for (size_t i = 0, n = in.count(32); i < n && in.ok(); ++i)
    module.entries.push_back(entry(in));
  if (in.ok() && !in.atEnd())
    in.fail("bytes are left over");
  if (!in.ok())
    return malformed("its program is malformed: " + in.getError());
  const Section &report = get(SectionKind::Report);
  module.report.assign(reinterpret_cast<const char *>(report.data),
                       size_t(report.bytes));
  if (Status status = verifyModule(module); !status.ok())
    return status;
  return module;
}

Result<Module> parseArtifact(const void *bytes, size_t size,
                             const std::string &name) {
  Result<Module> module =
      Reader(static_cast<const uint8_t *>(bytes), size).read();
  if (!module.ok())
    return Status(module.getStatus().getCode(),
                  name + ": " + module.getStatus().getMessage());
  return module;
}

Result<LoadedArtifact> readArtifact(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file.ok())
    return file.getStatus();
  LoadedArtifact loaded;
  loaded.file = std::move(*file);
  Result<Module> module =
      parseArtifact(loaded.file.data(), loaded.file.size(), path);
  if (!module.ok())
    return module.getStatus();
  loaded.module = std::move(*module);
  return loaded;
}

} // namespace qmmrt::program
