//===- program/DeviceProgram.cpp - A module on a GPU ---------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything that allocates or looks up happens here, once.
//
//===----------------------------------------------------------------------===//
#include "program/DeviceProgram.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <tuple>

namespace qmmrt::program {

namespace {

/// An object's isa, taken apart: "ptx:sm_90a" is PTX for 9.0, with suffix 'a'.
struct ChipCode {
  bool isPTX = false;
  int major = 0, minor = 0;
  char suffix = 0;

  static std::optional<ChipCode> parse(std::string_view isa) {
    ChipCode code;
    constexpr std::string_view kPTX = "ptx:", kChip = "sm_";
    if (isa.substr(0, kPTX.size()) == kPTX) {
      code.isPTX = true;
      isa.remove_prefix(kPTX.size());
    }
    if (isa.substr(0, kChip.size()) != kChip)
      return std::nullopt;
    isa.remove_prefix(kChip.size());
    int number = 0;
    auto [end, error] =
        std::from_chars(isa.data(), isa.data() + isa.size(), number);
    if (error != std::errc() || number < 10)
      return std::nullopt;
    code.major = number / 10;
    code.minor = number % 10;
    if (end != isa.data() + isa.size())
      code.suffix = *end;
    return code;
  }

  /// Does a GPU of this compute capability run it?
  bool runsOn(int gpuMajor, int gpuMinor) const {
    bool isSame = major == gpuMajor && minor == gpuMinor;
    bool isFamily = major == gpuMajor && minor <= gpuMinor;
    switch (suffix) {
    case 'a':
      return isSame;
    case 'f':
      return isFamily;
    default:
      return isPTX ? major < gpuMajor || isFamily : isFamily;
    }
  }

  /// Of two that run, machine code before text, then the newer chip.
  bool operator<(const ChipCode &other) const {
    auto rank = [](const ChipCode &c) {
      return std::tuple(!c.isPTX, c.major, c.minor, c.suffix != 0);
    };
    return rank(*this) < rank(other);
  }
};

} // namespace

static const Object *selectObject(const Module &module,
                                  const cuda::DeviceProperties &gpu) {
  const Object *best = nullptr;
  ChipCode bestCode;
  for (const Object &object : module.objects) {
    std::optional<ChipCode> code = ChipCode::parse(object.isa);
    if (!code || !code->runsOn(gpu.major, gpu.minor) ||
        (best && !(bestCode < *code)))
      continue;
    best = &object;
    bestCode = *code;
  }
  return best;
}

Status DeviceProgram::loadKernels(const Module &module) {
  if (module.kernels.empty())
    return Status();
  const Object *object = selectObject(module, device->getProperties());
  if (!object) {
    std::string have;
    for (const Object &candidate : module.objects)
      have += (have.empty() ? "" : ", ") + candidate.isa;
    return Status(QMM_STATUS_UNSUPPORTED,
                  "the program has kernels for " + have + ", but this GPU is " +
                      device->getProperties().chip + ": compile it for that");
  }
  auto loaded = cuda::DeviceModule::load(device, object->bytes);
  if (!loaded.ok())
    return Status(loaded.getStatus().getCode(),
                  "the program's kernels for " + object->isa + ": " +
                      loaded.getStatus().getMessage());
  code = std::move(*loaded);
  for (const Kernel &kernel : module.kernels) {
    Result<cuda::CUfunction> function =
        code->getFunction(kernel.name, kernel.launch.sharedBytes);
    if (!function.ok())
      return function.getStatus();
    functions.push_back({*function, kernel.launch});
    LaunchShape &shape = functions.back().shape;
    if (!shape.cooperative)
      continue;
    // All of its blocks must be resident at once.
    Result<unsigned> fits =
        code->getBlocksPerSM(*function, shape.threads, shape.sharedBytes);
    if (!fits.ok())
      return fits.getStatus();
    if (*fits == 0)
      return Status(QMM_STATUS_UNSUPPORTED,
                    "kernel '" + kernel.name + "' with " +
                        std::to_string(shape.sharedBytes) +
                        " bytes of shared memory doesn't fit on " +
                        device->getProperties().chip);
    shape.blocksPerSM = shape.blocksPerSM == 0
                            ? *fits
                            : std::min<uint32_t>(shape.blocksPerSM, *fits);
  }
  return Status();
}

namespace {

/// Places in one allocation, each at a multiple of 256 bytes.
class Places {
public:
  /// False when an address space is too small.
  bool add(uint64_t bytes) {
    constexpr uint64_t kAlignment = 256;
    offsets.push_back(end);
    return !__builtin_add_overflow(end, bytes, &end) &&
           !__builtin_add_overflow(end, kAlignment - 1, &end) &&
           (end &= ~(kAlignment - 1), true);
  }
  uint64_t getBytes() const { return end; }
  /// In the order of add(), each once.
  char *take(void *memory) {
    return static_cast<char *>(memory) + offsets[next++];
  }

private:
  std::vector<uint64_t> offsets;
  uint64_t end = 0;
  size_t next = 0;
};

} // namespace

/// Which parameters the entries read; init alone reads the others.
static std::vector<bool> findKept(const Module &module) {
  std::vector<bool> kept(module.parameters.size());
  for (const Entry &entry : module.entries)
    for (const Slot &slot : entry.slots)
      if (slot.kind == Slot::Kind::Parameter)
        kept[slot.index] = true;
  return kept;
}

Status DeviceProgram::upload(const Module &module, const void *const *host) {
  std::vector<bool> kept = findKept(module);
  Places forever, forInit;
  bool fits = true;
  for (size_t i = 0; i < module.parameters.size(); ++i)
    fits =
        (kept[i] ? forever : forInit).add(module.parameters[i].bytes) && fits;
  for (uint64_t bytes : module.packed)
    fits = forever.add(bytes) && fits;
  if (!fits)
    return Status(QMM_STATUS_OUT_OF_MEMORY,
                  "the program's weights overflow an address space");
  auto allocate = [&](const Places &places, void *&result) -> Status {
    Result<void *> allocated = device->allocate(size_t(places.getBytes()));
    if (!allocated.ok())
      return Status(allocated.getStatus().getCode(),
                    "the program's weights: " +
                        allocated.getStatus().getMessage());
    result = *allocated;
    return Status();
  };
  if (Status status = allocate(forever, memory); !status.ok())
    return status;
  if (forInit.getBytes() != 0)
    if (Status status = allocate(forInit, initMemory); !status.ok())
      return status;
  for (size_t i = 0; i < module.parameters.size(); ++i) {
    const Parameter &parameter = module.parameters[i];
    char *address = kept[i] ? forever.take(memory) : forInit.take(initMemory);
    if (Status status = device->copyToDevice(address, host[i],
                                             size_t(parameter.bytes), nullptr);
        !status.ok())
      return Status(status.getCode(), "parameter '" + parameter.key +
                                          "': " + status.getMessage());
    parameters.push_back(address);
  }
  for (uint64_t bytes : module.packed) {
    char *address = forever.take(memory);
    if (Status status = device->fill(address, 0, size_t(bytes), nullptr);
        !status.ok())
      return status;
    packed.push_back(address);
  }
  return device->synchronize(nullptr);
}

Status DeviceProgram::releaseInit() {
  void *released = initMemory;
  initMemory = nullptr;
  return released ? device->free(released) : Status();
}

Result<std::unique_ptr<DeviceProgram>>
DeviceProgram::load(std::shared_ptr<cuda::Device> device,
                    cuda::MatmulCache &matmuls, const Module &module,
                    const void *const *parameters) {
  std::unique_ptr<DeviceProgram> program(
      new DeviceProgram(std::move(device), matmuls));
  if (Status status = program->loadKernels(module); !status.ok())
    return status;
  if (Status status = program->upload(module, parameters); !status.ok())
    return status;
  return program;
}

Result<std::shared_ptr<const cuda::MatmulPlan>>
DeviceProgram::planMatmul(const qmm_scaled_matmul_args &args) const {
  return matmuls.get(args, /*stream=*/nullptr);
}

DeviceProgram::~DeviceProgram() {
  // Nobody is left to tell.
  (void)device->free(initMemory);
  (void)device->free(memory);
}

Result<cuda::LaunchConfig> DeviceProgram::getLaunch(uint32_t kernel,
                                                    uint64_t extent) const {
  const LaunchShape &shape = functions[kernel].shape;
  uint64_t blocks =
      extent / shape.itemsPerBlock + (extent % shape.itemsPerBlock != 0);
  if (shape.blocksPerSM != 0)
    blocks = std::min<uint64_t>(blocks,
                                uint64_t(shape.blocksPerSM) *
                                    unsigned(device->getProperties().smCount));
  if (blocks > uint64_t(std::numeric_limits<int32_t>::max()))
    return Status(QMM_STATUS_UNSUPPORTED,
                  "a kernel over " + std::to_string(extent) +
                      " items needs more blocks than a grid has");
  cuda::LaunchConfig config;
  config.grid = unsigned(blocks);
  config.threads = shape.threads;
  config.sharedBytes = shape.sharedBytes;
  config.cooperative = shape.cooperative;
  return config;
}

} // namespace qmmrt::program
