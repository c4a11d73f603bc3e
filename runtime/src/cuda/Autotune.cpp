//===- cuda/Autotune.cpp - The fastest of several algorithms --------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs are timed inside graphs, so that the host's cost doesn't hide theirs.
//
//===----------------------------------------------------------------------===//
#include "cuda/Autotune.h"

#include "cuda/PlanAccess.h"
#include "numerics/Convert.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace qmmrt::cuda {
namespace {

constexpr float kGain = 0.97f;
constexpr size_t kMaxRotationBytes = size_t(1) << 30;
constexpr size_t kMaxComparedBytes = size_t(64) << 20;

int64_t getBits(int32_t type) {
  switch (type) {
  case CUDA_R_32F:
  case CUDA_R_32I:
    return 32;
  case CUDA_R_16BF:
  case CUDA_R_16F:
    return 16;
  case CUDA_R_4F_E2M1:
    return 4;
  default:
    return 8;
  }
}

qmm_dtype getDType(int32_t type) {
  switch (type) {
  case CUDA_R_16BF:
    return QMM_DTYPE_BF16;
  case CUDA_R_16F:
    return QMM_DTYPE_F16;
  case CUDA_R_8F_E4M3:
    return QMM_DTYPE_E4M3;
  case CUDA_R_8F_E5M2:
    return QMM_DTYPE_E5M2;
  default:
    return QMM_DTYPE_F32;
  }
}

size_t getMatrixBytes(int64_t rows, int64_t ld, int64_t stride, int64_t batch,
                      int32_t type) {
  return size_t((stride * (batch - 1) + rows * ld) * getBits(type) / 8);
}

class Tuner {
public:
  Tuner(Device &device, MatmulPlan &plan)
      : device(device), plan(plan), problem(plan.getProblem()) {}
  ~Tuner();

  Status prepare();
  /// Microseconds of one run in a graph; infinity if the algorithm fails.
  Result<float> time(const cublasLtMatmulHeuristicResult &candidate,
                     float milliseconds);
  /// Do both give the same result, but for the order of its sums?
  Result<bool> agree(const cublasLtMatmulHeuristicResult &lhs,
                     const cublasLtMatmulHeuristicResult &rhs);

private:
  Result<void *> allocate(size_t bytes);
  Status fillRandom(void *memory, size_t bytes);
  Result<void *> makeScales(int32_t mode, int64_t rows);
  Result<CUgraphExec> capture(unsigned runs);
  Status launch(CUgraphExec graph, float &microseconds);

  Device &device;
  MatmulPlan &plan;
  const MatmulProblem &problem;
  std::vector<void *> owned;
  std::vector<const void *> rotation; // of b
  MatmulBuffers buffers;
  void *workspace = nullptr;
  size_t resultBytes = 0;
  CUstream stream = nullptr;
  CUevent begin = nullptr, end = nullptr;
};

Tuner::~Tuner() {
  CurrentContext current(device);
  const DriverFunctions &cu = device.driver();
  if (stream)
    cu.cuStreamSynchronize(stream);
  for (void *memory : owned)
    (void)device.free(memory);
  for (CUevent event : {begin, end})
    if (event)
      cu.cuEventDestroy_v2(event);
  if (stream)
    cu.cuStreamDestroy_v2(stream);
}

Result<void *> Tuner::allocate(size_t bytes) {
  Result<void *> memory = device.allocate(std::max<size_t>(bytes, 256));
  if (memory.ok())
    owned.push_back(*memory);
  return memory;
}

/// Finite numbers below 2 in every type: bit 6 of a byte is the top of each
/// type's exponent.
Status Tuner::fillRandom(void *memory, size_t bytes) {
  std::vector<uint32_t> words(std::min<size_t>(bytes / 4 + 1, 1 << 18));
  std::minstd_rand random(unsigned(owned.size()));
  for (uint32_t &word : words)
    word = (uint32_t(random()) << 8 ^ uint32_t(random())) & 0xBFBFBFBF;
  size_t done = std::min(bytes, words.size() * 4);
  if (Status s = device.copyToDevice(memory, words.data(), done, stream);
      !s.ok())
    return s;
  for (; done < bytes; done += std::min(done, bytes - done))
    if (Status s = device.copy(static_cast<char *>(memory) + done, memory,
                               std::min(done, bytes - done), stream);
        !s.ok())
      return s;
  return device.synchronize(stream);
}

/// Ones, for `rows` rows of K.
Result<void *> Tuner::makeScales(int32_t mode, int64_t rows) {
  auto blocks = [](int64_t value, int64_t block) {
    return (value + block - 1) / block;
  };
  int64_t count = 1;
  uint8_t byte = 0;
  switch (mode) {
  case CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F:
    count = rows;
    break;
  case CUBLASLT_MATMUL_MATRIX_SCALE_VEC128_32F:
    count = blocks(problem.k, 128) * blocks(rows, 4) * 4;
    break;
  case CUBLASLT_MATMUL_MATRIX_SCALE_BLK128x128_32F:
    count = blocks(rows, 128) * blocks(problem.k, 512) * 4;
    break;
  case CUBLASLT_MATMUL_MATRIX_SCALE_VEC32_UE8M0:
    count = blocks(rows, 128) * blocks(problem.k, 128) * 512;
    byte = 127;
    break;
  case CUBLASLT_MATMUL_MATRIX_SCALE_VEC16_UE4M3:
    count = blocks(rows, 128) * blocks(problem.k, 64) * 512;
    byte = 0x38;
    break;
  default:
    break;
  }
  Result<void *> memory = allocate(size_t(count) * (byte ? 1 : 4));
  if (!memory.ok())
    return memory;
  Status status;
  if (byte) {
    status = device.fill(*memory, byte, size_t(count), stream);
  } else {
    const std::vector<float> ones(size_t(count), 1.0f);
    status = device.copyToDevice(*memory, ones.data(), ones.size() * 4, stream);
  }
  if (!status.ok())
    return status;
  return memory;
}

Status Tuner::prepare() {
  const DriverFunctions &cu = device.driver();
  Result<CUstream> created = device.createStream();
  if (!created.ok())
    return created.getStatus();
  stream = *created;
  for (CUevent *event : {&begin, &end})
    if (Status s = device.check(cu.cuEventCreate(event, CU_EVENT_DEFAULT),
                                "cuEventCreate");
        !s.ok())
      return s;

  Status status;
  auto make = [&](size_t bytes, bool isRandom) -> void * {
    if (!status.ok())
      return nullptr;
    Result<void *> memory = allocate(bytes);
    status = memory.getStatus();
    if (status.ok())
      status = isRandom ? fillRandom(*memory, bytes)
                        : device.fill(*memory, 0, bytes, stream);
    return status.ok() ? *memory : nullptr;
  };
  const MatmulProblem &p = problem;
  buffers.a.data =
      make(getMatrixBytes(p.m, p.lda, p.strideA, p.batch, p.typeA), true);
  const size_t bytesB = getMatrixBytes(p.n, p.ldb, p.strideB, p.batch, p.typeB);
  const size_t wanted =
      std::min(2 * size_t(device.getProperties().l2Bytes), kMaxRotationBytes);
  const size_t copies =
      std::clamp<size_t>(wanted / std::max<size_t>(bytesB, 1) + 1, 1, 64);
  for (size_t i = 0; i < copies; ++i)
    rotation.push_back(make(bytesB, true));
  buffers.b.data = rotation.front();
  if (p.hasResidual)
    buffers.residual =
        make(getMatrixBytes(p.m, p.ldc, p.strideC, p.batch, p.typeC), true);
  resultBytes = getMatrixBytes(p.m, p.ldd, p.strideD, p.batch, p.typeD);
  buffers.d = make(resultBytes, false);
  if (p.biasType != -1)
    buffers.bias = make(size_t(p.n * getBits(p.biasType) / 8), true);
  buffers.amax = static_cast<float *>(make(sizeof(float), false));
  workspace = make(p.workspaceBytes, false);
  if (!status.ok())
    return status;
  buffers.outputScale = buffers.alpha = device.getOne();
  buffers.a.tensorScale = buffers.b.tensorScale = device.getOne();
  if (p.hasScaleA) {
    Result<void *> scales = makeScales(p.modeA, p.m);
    if (!scales.ok())
      return scales.getStatus();
    buffers.a.scale = *scales;
  }
  if (p.hasScaleB) {
    Result<void *> scales = makeScales(p.modeB, p.n);
    if (!scales.ok())
      return scales.getStatus();
    buffers.b.scale = *scales;
  }
  return device.synchronize(stream);
}

/// A graph of `runs` runs of the plan's algorithm.
Result<CUgraphExec> Tuner::capture(unsigned runs) {
  const DriverFunctions &cu = device.driver();
  if (Status s = device.check(cu.cuStreamBeginCapture_v2(
                                  stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
                              "cuStreamBeginCapture");
      !s.ok())
    return s;
  Status status;
  MatmulBuffers own = buffers;
  for (unsigned i = 0; i < runs && status.ok(); ++i) {
    own.b.data = rotation[i % rotation.size()];
    status = runMatmul(device, plan, own, workspace, stream);
  }
  CUgraph graph = nullptr;
  CUgraphExec executable = nullptr;
  CUresult result = cu.cuStreamEndCapture(stream, &graph);
  if (status.ok() && result == CUDA_SUCCESS)
    result = cu.cuGraphInstantiateWithFlags(&executable, graph, 0);
  if (graph)
    cu.cuGraphDestroy(graph);
  if (!status.ok())
    return status;
  if (result != CUDA_SUCCESS)
    return fromDriver(cu, result, "capturing a graph");
  return executable;
}

Status Tuner::launch(CUgraphExec graph, float &microseconds) {
  const DriverFunctions &cu = device.driver();
  CUresult result = cu.cuEventRecord(begin, stream);
  if (result == CUDA_SUCCESS)
    result = cu.cuGraphLaunch(graph, stream);
  if (result == CUDA_SUCCESS)
    result = cu.cuEventRecord(end, stream);
  if (result == CUDA_SUCCESS)
    result = cu.cuEventSynchronize(end);
  float milliseconds = 0;
  if (result == CUDA_SUCCESS)
    result = cu.cuEventElapsedTime(&milliseconds, begin, end);
  microseconds = milliseconds * 1000;
  return device.check(result, "timing a matmul");
}

Result<float> Tuner::time(const cublasLtMatmulHeuristicResult &candidate,
                          float milliseconds) {
  const auto failed = [](const Status &status) {
    return status.getCode() == QMM_STATUS_UNSUPPORTED;
  };
  PlanAccess::setAlgorithm(plan, candidate);
  // Graphs of about a millisecond, at least once through the rotation.
  Result<CUgraphExec> graph = capture(unsigned(rotation.size()));
  if (!graph.ok())
    return failed(graph.getStatus()) ? Result<float>(INFINITY)
                                     : Result<float>(graph.getStatus());
  float total = 0, best = INFINITY;
  Status status = launch(*graph, total); // warms up, and is charged
  for (int i = 0; i < 20 && status.ok(); ++i) {
    float once = 0;
    status = launch(*graph, once);
    total += once;
    best = std::min(best, once);
    if (i >= 2 && total > milliseconds * 1000)
      break;
  }
  device.driver().cuGraphExecDestroy(*graph);
  if (!status.ok())
    return status;
  return best / float(rotation.size());
}

Result<bool> Tuner::agree(const cublasLtMatmulHeuristicResult &lhs,
                          const cublasLtMatmulHeuristicResult &rhs) {
  std::vector<uint8_t> results[2];
  const cublasLtMatmulHeuristicResult *candidates[] = {&lhs, &rhs};
  const size_t bytes = std::min(resultBytes, kMaxComparedBytes);
  for (int i : {0, 1}) {
    PlanAccess::setAlgorithm(plan, *candidates[i]);
    results[i].resize(bytes);
    Status status = device.fill(buffers.d, 0, resultBytes, stream);
    if (status.ok())
      status = runMatmul(device, plan, buffers, workspace, stream);
    if (status.ok())
      status = device.copyToHost(results[i].data(), buffers.d, bytes, stream);
    if (status.ok())
      status = device.synchronize(stream);
    if (!status.ok())
      return status;
  }
  if (problem.typeD == CUDA_R_32I)
    return results[0] == results[1];
  // Sums differ by their order, and FP8 tensor cores keep about 14 bits; a
  // result of few bits rounds that to its own steps.
  const double tolerance = problem.isNarrow ? 5e-2 : 1e-2;
  const qmm_dtype type = getDType(problem.typeD);
  const int64_t count = int64_t(bytes) * 8 / getBits(problem.typeD);
  std::vector<float> values[2];
  for (int i : {0, 1}) {
    values[i].resize(size_t(count));
    decodeRow(type, QMM_NIBBLES_NONE, results[i].data(), 0, count,
              values[i].data());
  }
  double error = 0, norm = 0;
  for (size_t i = 0; i < values[0].size(); ++i) {
    const double difference = double(values[0][i]) - double(values[1][i]);
    error += difference * difference;
    norm += double(values[0][i]) * double(values[0][i]);
  }
  return error <= tolerance * tolerance * norm;
}

} // namespace

Status autotune(Device &device, MatmulPlan &plan,
                const std::vector<cublasLtMatmulHeuristicResult> &candidates,
                const PlanOptions &options) {
  const cublasLtMatmulHeuristicResult &first = candidates.front();
  MatmulPlan::Choice &choice = PlanAccess::choice(plan);
  Tuner tuner(device, plan);
  Status status = tuner.prepare();
  // Too large to time beside what is there already: the first will do.
  if (status.getCode() == QMM_STATUS_OUT_OF_MEMORY)
    return Status();
  if (!status.ok())
    return status;

  const float milliseconds =
      float(options.autotuneMilliseconds) / float(candidates.size() + 2);
  size_t best = 0;
  std::vector<float> times;
  for (const cublasLtMatmulHeuristicResult &candidate : candidates) {
    Result<float> time = tuner.time(candidate, milliseconds);
    if (!time.ok())
      return time.getStatus();
    times.push_back(*time);
    if (times.back() < times[best])
      best = times.size() - 1;
  }
  choice.isTimed = true;
  choice.firstMicroseconds = choice.bestMicroseconds = times.front();
  bool isBetter = best != 0 && times[best] <= times.front() * kGain;
  if (isBetter) {
    Result<float> again = tuner.time(candidates[best], milliseconds);
    Result<float> firstAgain = tuner.time(first, milliseconds);
    if (!again.ok() || !firstAgain.ok())
      return again.ok() ? firstAgain.getStatus() : again.getStatus();
    isBetter = *again <= *firstAgain * kGain;
  }
  if (isBetter) {
    Result<bool> agrees = tuner.agree(first, candidates[best]);
    if (!agrees.ok())
      return agrees.getStatus();
    isBetter = *agrees;
  }
  PlanAccess::setAlgorithm(plan, isBetter ? candidates[best] : first);
  if (isBetter) {
    choice.index = unsigned(best);
    choice.bestMicroseconds = times[best];
  }
  return Status();
}

} // namespace qmmrt::cuda
