//===- program/Verify.cpp - Is a program well formed ---------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One class walks an entry; each method returns the first fault it finds, and
// the caller adds where that was.
//
//===----------------------------------------------------------------------===//
#include "program/Verify.h"

#include "numerics/Elements.h"
#include "numerics/Layouts.h"
#include "program/Expr.h"

#include <unordered_set>

namespace qmmrt::program {

static Status malformed(std::string message) {
  return Status(QMM_STATUS_MALFORMED, std::move(message));
}

static Status prefix(const std::string &where, const Status &status) {
  return Status(status.getCode(), where + ": " + status.getMessage());
}

static std::string quote(const std::string &text) { return "'" + text + "'"; }

static bool hasNul(const std::string &text) {
  return text.find('\0') != std::string::npos;
}

std::optional<uint64_t> getParameterBytes(const Parameter &parameter) {
  unsigned bits = getBitWidth(parameter.dtype);
  if (bits == 0)
    return std::nullopt;
  uint64_t bytes = bits < 8 ? 1 : bits / 8;
  for (int64_t extent : parameter.shape)
    if (extent < 0 || __builtin_mul_overflow(bytes, uint64_t(extent), &bytes))
      return std::nullopt;
  return bytes;
}

namespace {

class EntryVerifier {
public:
  EntryVerifier(const Module &module, const Entry &entry, bool isInit)
      : module(module), entry(entry), isInit(isInit),
        outputWritten(entry.outputs.size()) {}

  Status verify() {
    if (entry.numDims > kMaxDims)
      return malformed("has " + std::to_string(entry.numDims) +
                       " dynamic dimensions, at most " +
                       std::to_string(kMaxDims) + " are allowed");
    if (isInit &&
        (!entry.inputs.empty() || !entry.outputs.empty() || entry.numDims != 0))
      return malformed("takes inputs, outputs or dimensions, expected none");
    if (Status status = verifyValues(); !status.ok())
      return status;
    for (const Check &check : entry.checks) {
      if (Status status = verifyExprs({&check.lhs, &check.rhs}); !status.ok())
        return prefix("check " + quote(check.message), status);
      if (hasNul(check.message))
        return malformed("a check's message contains a NUL byte");
    }
    for (size_t i = 0; i < entry.slots.size(); ++i)
      if (Status status = verifySlot(entry.slots[i]); !status.ok())
        return prefix("slot " + std::to_string(i), status);
    for (size_t i = 0; i < entry.commands.size(); ++i) {
      const Command &command = entry.commands[i];
      if (Status status = verifyCommand(command); !status.ok()) {
        std::string where = "command " + std::to_string(i);
        if (!command.location.empty())
          where += " (" + command.location + ")";
        return prefix(where, status);
      }
    }
    for (size_t i = 0; i < outputWritten.size(); ++i)
      if (!outputWritten[i])
        return malformed("no command writes output " + std::to_string(i) + " " +
                         quote(entry.outputs[i].name));
    if (!entry.arenaBytes.terms.empty())
      if (Status status = verifyExpr(entry.arenaBytes, entry.numDims);
          !status.ok())
        return prefix("arena size", status);
    return Status();
  }

private:
  Status verifyExprs(std::initializer_list<const Expr *> exprs) {
    for (const Expr *expr : exprs)
      if (Status status = verifyExpr(*expr, entry.numDims); !status.ok())
        return status;
    return Status();
  }

  Status verifyValue(const Value &value, bool isInput) {
    if (hasNul(value.name))
      return malformed("name contains a NUL byte");
    if (getBitWidth(value.dtype) == 0)
      return malformed("unknown dtype " + std::to_string(value.dtype));
    if (value.shape.size() > QMM_MAX_RANK)
      return malformed("rank " + std::to_string(value.shape.size()) +
                       ", at most " + std::to_string(QMM_MAX_RANK) +
                       " is allowed");
    for (const Expr &extent : value.shape) {
      if (Status status = verifyExpr(extent, entry.numDims); !status.ok())
        return status;
      const Expr::Term &first = extent.terms[0];
      if (isInput && extent.terms.size() != 1)
        return malformed("extent is " + print(extent) +
                         ", expected a constant or a dimension");
      if (extent.terms.size() == 1 && first.op == Expr::Op::Constant &&
          first.value < 0)
        return malformed("extent " + std::to_string(first.value) +
                         " is negative");
    }
    return Status();
  }

  Status verifyValues() {
    if (hasNul(entry.name))
      return malformed("name contains a NUL byte");
    std::vector<bool> defined(entry.numDims);
    for (size_t i = 0; i < entry.inputs.size(); ++i) {
      const Value &input = entry.inputs[i];
      if (Status status = verifyValue(input, /*isInput=*/true); !status.ok())
        return prefix("input " + std::to_string(i) + " " + quote(input.name),
                      status);
      for (const Expr &extent : input.shape)
        if (extent.terms[0].op == Expr::Op::Dim)
          defined[size_t(extent.terms[0].value)] = true;
    }
    for (size_t i = 0; i < entry.outputs.size(); ++i)
      if (Status status = verifyValue(entry.outputs[i], /*isInput=*/false);
          !status.ok())
        return prefix("output " + std::to_string(i) + " " +
                          quote(entry.outputs[i].name),
                      status);
    for (size_t i = 0; i < defined.size(); ++i)
      if (!defined[i])
        return malformed("no input defines dimension d" + std::to_string(i));
    return Status();
  }

  Status verifySlot(const Slot &slot) {
    size_t limit = 0;
    switch (slot.kind) {
    case Slot::Kind::Input:
      limit = entry.inputs.size();
      break;
    case Slot::Kind::Output:
      limit = entry.outputs.size();
      break;
    case Slot::Kind::Arena:
      limit = 1;
      break;
    case Slot::Kind::Parameter:
      limit = module.parameters.size();
      break;
    case Slot::Kind::Packed:
      limit = module.packed.size();
      break;
    default:
      return malformed("unknown kind " + std::to_string(unsigned(slot.kind)));
    }
    if (slot.index >= limit)
      return malformed("index " + std::to_string(slot.index) +
                       " is out of range, expected less than " +
                       std::to_string(limit));
    return verifyExprs({&slot.offset, &slot.bytes});
  }

  Status verifyRead(int32_t slot, const char *what) {
    if (slot < 0 || size_t(slot) >= entry.slots.size())
      return malformed(std::string(what) + " is slot " + std::to_string(slot) +
                       ", expected one of " +
                       std::to_string(entry.slots.size()));
    return Status();
  }

  Status verifyWrite(int32_t slot, const char *what) {
    if (Status status = verifyRead(slot, what); !status.ok())
      return status;
    const Slot &written = entry.slots[size_t(slot)];
    switch (written.kind) {
    case Slot::Kind::Output:
      outputWritten[written.index] = true;
      return Status();
    case Slot::Kind::Arena:
      return Status();
    case Slot::Kind::Packed:
      if (isInit)
        return Status();
      return malformed(std::string(what) + " writes packed buffer " +
                       std::to_string(written.index) +
                       ", which only init may write");
    case Slot::Kind::Input:
      return malformed(std::string(what) + " writes input " +
                       std::to_string(written.index));
    case Slot::Kind::Parameter:
      return malformed(std::string(what) + " writes parameter " +
                       quote(module.parameters[written.index].key));
    }
    return Status();
  }

  /// Which buffers of a tensor a command writes.
  struct Writes {
    bool data = false, scale = false, tensorScale = false;
  };

  Status verifyTensor(const TensorRef &tensor, Writes writes) {
    if (Status status = verifySchemeAndLayout(tensor.scheme, tensor.layout);
        !status.ok())
      return malformed(status.getMessage());
    bool wide = tensor.scheme.scale == QMM_DTYPE_NONE;
    if (tensor.shape.size() > QMM_MAX_RANK ||
        (!wide && tensor.shape.size() < 2))
      return malformed("rank " + std::to_string(tensor.shape.size()) +
                       ", expected " + (wide ? "0" : "2") + " to " +
                       std::to_string(QMM_MAX_RANK));
    for (const Expr &extent : tensor.shape)
      if (Status status = verifyExpr(extent, entry.numDims); !status.ok())
        return prefix("shape", status);
    struct Buffer {
      const char *name;
      int32_t slot;
      bool present, written;
    } buffers[] = {{"data", tensor.data, true, writes.data},
                   {"scale", tensor.scale, !wide, writes.scale},
                   {"tensor scale", tensor.tensorScale,
                    tensor.scheme.has_tensor_scale != 0, writes.tensorScale}};
    for (const Buffer &buffer : buffers) {
      if (!buffer.present) {
        if (buffer.slot != kNoSlot)
          return malformed(std::string(buffer.name) + " is slot " +
                           std::to_string(buffer.slot) + ", but scheme " +
                           describeScheme(tensor.scheme) + " has none");
        continue;
      }
      Status status = buffer.written ? verifyWrite(buffer.slot, buffer.name)
                                     : verifyRead(buffer.slot, buffer.name);
      if (!status.ok())
        return status;
    }
    return Status();
  }

  Status verifyTensors(const Command &command,
                       std::initializer_list<Writes> writes) {
    if (command.tensors.size() != writes.size())
      return malformed("has " + std::to_string(command.tensors.size()) +
                       " tensors, expected " + std::to_string(writes.size()));
    size_t i = 0;
    for (Writes write : writes) {
      if (Status status = verifyTensor(command.tensors[i], write); !status.ok())
        return prefix("tensor " + std::to_string(i), status);
      ++i;
    }
    return Status();
  }

  Status verifyPrecision(qmm_dtype precision, const char *what) {
    if (precision == QMM_DTYPE_F32 || precision == QMM_DTYPE_BF16 ||
        precision == QMM_DTYPE_F16)
      return Status();
    return malformed(std::string(what) + " " + std::to_string(precision) +
                     ", expected f32, bf16 or f16");
  }

  Status verifyMatmul(const Command &command) {
    if (unsigned(command.activation) > QMM_ACTIVATION_SILU)
      return malformed("unknown activation " +
                       std::to_string(command.activation));
    for (qmm_dtype precision : {command.aPrecision, command.bPrecision})
      if (Status status = verifyPrecision(precision, "operand precision");
          !status.ok())
        return status;
    size_t count = 3 + size_t(command.hasBias) + size_t(command.hasResidual);
    if (command.tensors.size() != count)
      return malformed("has " + std::to_string(command.tensors.size()) +
                       " tensors, expected " + std::to_string(count));
    for (size_t i = 0; i < count; ++i) {
      Writes writes;
      if (i == 2) {
        const qmm_scheme &scheme = command.tensors[i].scheme;
        writes.data = true;
        writes.scale = scheme.block_outer != 0 || scheme.block_k != 0;
      }
      if (Status status = verifyTensor(command.tensors[i], writes);
          !status.ok())
        return prefix("tensor " + std::to_string(i), status);
    }
    if (command.alpha != kNoSlot)
      if (Status status = verifyRead(command.alpha, "alpha"); !status.ok())
        return status;
    if (command.inverseOutScale != kNoSlot)
      if (Status status =
              verifyRead(command.inverseOutScale, "inverse output scale");
          !status.ok())
        return status;
    return command.amax == kNoSlot ? Status()
                                   : verifyWrite(command.amax, "amax");
  }

  Status verifyQuantize(const Command &command) {
    if (unsigned(command.scaleSource) > QMM_SCALES_GIVEN)
      return malformed("unknown scale source " +
                       std::to_string(command.scaleSource));
    if (unsigned(command.e8m0Rounding) > QMM_E8M0_EVEN)
      return malformed("unknown E8M0 rounding " +
                       std::to_string(command.e8m0Rounding));
    if (Status status =
            verifyPrecision(command.dividePrecision, "divide precision");
        !status.ok())
      return status;
    return verifyTensors(
        command,
        {Writes(), Writes{true, command.scaleSource != QMM_SCALES_GIVEN,
                          command.scaleSource == QMM_SCALES_COMPUTED}});
  }

  Status verifyKernel(const Command &command) {
    if (command.kernel >= module.kernels.size())
      return malformed("kernel " + std::to_string(command.kernel) +
                       ", expected one of " +
                       std::to_string(module.kernels.size()));
    if (command.slots.size() > kMaxKernelBuffers)
      return malformed("kernel takes " + std::to_string(command.slots.size()) +
                       " buffers, at most " +
                       std::to_string(kMaxKernelBuffers) + " are allowed");
    if (command.integers.size() > kMaxKernelIntegers)
      return malformed("kernel takes " +
                       std::to_string(command.integers.size()) +
                       " integers, at most " +
                       std::to_string(kMaxKernelIntegers) + " are allowed");
    size_t parameters = command.slots.size() + command.integers.size() + 1;
    if (module.target == "cuda" && parameters > kMaxKernelParameters)
      return malformed("kernel takes " + std::to_string(parameters) +
                       " parameters, at most " +
                       std::to_string(kMaxKernelParameters) + " are allowed");
    for (int32_t slot : command.slots) {
      if (Status status = verifyRead(slot, "kernel buffer"); !status.ok())
        return status;
      // Which buffers a kernel writes isn't recorded: it may be this one.
      const Slot &used = entry.slots[size_t(slot)];
      if (used.kind == Slot::Kind::Output)
        outputWritten[used.index] = true;
    }
    for (const Expr &expr : command.integers)
      if (Status status = verifyExpr(expr, entry.numDims); !status.ok())
        return prefix("kernel integer", status);
    if (Status status = verifyExpr(command.extent, entry.numDims); !status.ok())
      return prefix("kernel extent", status);
    return Status();
  }

  Status verifyCopy(const Command &command) {
    if (command.slots.size() != 2 || command.integers.size() != 1)
      return malformed("copy has " + std::to_string(command.slots.size()) +
                       " slots and " + std::to_string(command.integers.size()) +
                       " integers, expected 2 and 1");
    if (Status status = verifyRead(command.slots[0], "source"); !status.ok())
      return status;
    if (Status status = verifyWrite(command.slots[1], "destination");
        !status.ok())
      return status;
    return verifyExprs({&command.integers[0]});
  }

  Status verifyCommand(const Command &command) {
    if (hasNul(command.location))
      return malformed("location contains a NUL byte");
    // The runtime has no device code of its own.
    if (module.target == "cuda" &&
        command.kind != Command::Kind::ScaledMatmul &&
        command.kind != Command::Kind::Kernel &&
        command.kind != Command::Kind::Copy)
      return malformed("kind " + std::to_string(unsigned(command.kind)) +
                       " isn't a command of a CUDA program");
    switch (command.kind) {
    case Command::Kind::ScaledMatmul:
      return verifyMatmul(command);
    case Command::Kind::Quantize:
      return verifyQuantize(command);
    case Command::Kind::Dequantize:
    case Command::Kind::Relayout:
      return verifyTensors(command, {Writes(), Writes{true, true, true}});
    case Command::Kind::Amax:
      if (Status status = verifyTensors(command, {Writes()}); !status.ok())
        return status;
      return verifyWrite(command.amax, "amax");
    case Command::Kind::Kernel:
      return verifyKernel(command);
    case Command::Kind::Copy:
      return verifyCopy(command);
    }
    return malformed("unknown kind " + std::to_string(unsigned(command.kind)));
  }

  const Module &module;
  const Entry &entry;
  bool isInit;
  std::vector<bool> outputWritten;
};

} // namespace

static Status verifyParameter(const Module &module,
                              const Parameter &parameter) {
  if (hasNul(parameter.key) || hasNul(parameter.fileKey))
    return malformed("key contains a NUL byte");
  if (parameter.file < -1 || parameter.file >= int64_t(module.files.size()))
    return malformed("file " + std::to_string(parameter.file) +
                     ", expected -1 or one of " +
                     std::to_string(module.files.size()));
  if (getBitWidth(parameter.dtype) == 0)
    return malformed("unknown dtype " + std::to_string(parameter.dtype));
  std::optional<uint64_t> bytes = getParameterBytes(parameter);
  if (!bytes)
    return malformed("shape has a negative extent, or its size overflows");
  if (*bytes != parameter.bytes)
    return malformed("has " + std::to_string(parameter.bytes) +
                     " bytes, but its dtype and shape need " +
                     std::to_string(*bytes));
  if (parameter.file < 0 && parameter.bytes != 0 && !parameter.data)
    return malformed("is embedded but has no data");
  return Status();
}

static Status verifyKernel(const Kernel &kernel, bool isDevice) {
  if (kernel.name.empty() || hasNul(kernel.name))
    return malformed("a kernel's name is empty or contains a NUL byte");
  const LaunchShape &launch = kernel.launch;
  if (isDevice != (launch.threads != 0) ||
      isDevice != (launch.itemsPerBlock != 0) || launch.threads > 1024)
    return malformed("kernel " + quote(kernel.name) + " has " +
                     std::to_string(launch.threads) + " threads and " +
                     std::to_string(launch.itemsPerBlock) +
                     " items a block, expected " +
                     (isDevice ? "1 to 1024, and at least 1" : "none"));
  return Status();
}

Status verifyModule(const Module &module) {
  bool isDevice = module.target == "cuda";
  if (!isDevice && module.target != "cpu")
    return Status(QMM_STATUS_UNSUPPORTED, "target is " + quote(module.target) +
                                              ", expected 'cpu' or 'cuda'");
  for (const std::string &file : module.files)
    if (file.empty() || hasNul(file))
      return malformed("a parameter file's path is empty or contains a NUL");
  std::unordered_set<std::string> keys;
  for (const Parameter &parameter : module.parameters) {
    if (Status status = verifyParameter(module, parameter); !status.ok())
      return prefix("parameter " + quote(parameter.key), status);
    if (!keys.insert(parameter.key).second)
      return malformed("parameter " + quote(parameter.key) + " occurs twice");
  }
  for (const Kernel &kernel : module.kernels)
    if (Status status = verifyKernel(kernel, isDevice); !status.ok())
      return status;
  if (!module.kernels.empty() && module.objects.empty())
    return malformed("has " + std::to_string(module.kernels.size()) +
                     " kernels, but no object holds them");
  for (const Object &object : module.objects)
    if (object.isa.empty() || hasNul(object.isa) || object.bytes.empty())
      return malformed("object for ISA " + quote(object.isa) +
                       " has no name or no bytes");
  if (hasNul(module.report))
    return malformed("report contains a NUL byte");
  if (Status status = EntryVerifier(module, module.init, true).verify();
      !status.ok())
    return prefix("init", status);
  std::unordered_set<std::string> names;
  for (const Entry &entry : module.entries) {
    if (Status status = EntryVerifier(module, entry, false).verify();
        !status.ok())
      return prefix("entry " + quote(entry.name), status);
    if (!names.insert(entry.name).second)
      return malformed("entry " + quote(entry.name) + " occurs twice");
  }
  return Status();
}

} // namespace qmmrt::program
