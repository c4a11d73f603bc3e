//===- bench/cpu/CpuBench.cpp - Ratios of the CPU backend -----------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything in one process, rounds interleaved, random data, medians; weights
// rotate through copies that together exceed the last-level cache, so that a
// matrix-vector product reads memory as it does inside a model.
//
//===----------------------------------------------------------------------===//
#include "qmm/ops.h"
#include "support/Executor.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kSize = 4096; // N and K
constexpr int64_t kRows = 128;  // M of the matrix product
constexpr size_t kRotatedBytes = size_t(160) << 20;

[[noreturn]] void fail(const std::string &message) {
  std::fprintf(stderr, "qmm-bench-cpu: %s\n", message.c_str());
  std::exit(1);
}

void check(qmm_status status, const char *what) {
  if (status != QMM_STATUS_OK)
    fail(std::string(what) + ": " + qmm_last_error());
}

struct AlignedBytes {
  explicit AlignedBytes(size_t bytes = 0)
      : bytes(bytes),
        start(std::aligned_alloc(4096, (bytes + 4096) / 4096 * 4096),
              &std::free) {
    if (!start)
      fail("out of memory");
    std::memset(start.get(), 0, bytes);
  }
  size_t bytes;
  std::unique_ptr<void, decltype(&std::free)> start;
};

/// A 2-D tensor with its buffers.
struct Tensor {
  qmm_tensor desc = {};
  AlignedBytes data, scale;
  float tensorScale = 1.0f;

  Tensor(int64_t rows, int64_t cols, const char *scheme) {
    desc.struct_size = sizeof(desc);
    desc.rank = 2;
    desc.shape[0] = rows;
    desc.shape[1] = cols;
    check(qmm_scheme_from_name(scheme, &desc.scheme), scheme);
    if (desc.scheme.element == QMM_DTYPE_E2M1) {
      // As checkpoints have it.
      desc.layout.nibbles = QMM_NIBBLES_HI_FIRST;
      desc.layout.scales = QMM_SCALES_TILED_128X4;
    }
    size_t dataBytes = 0, scaleBytes = 0;
    check(qmm_tensor_sizes(&desc, &dataBytes, &scaleBytes, nullptr), "sizes");
    data = AlignedBytes(dataBytes);
    scale = AlignedBytes(scaleBytes);
    desc.data = data.start.get();
    desc.scale = scaleBytes ? scale.start.get() : nullptr;
    desc.tensor_scale = desc.scheme.has_tensor_scale ? &tensorScale : nullptr;
  }
  float *floats() { return static_cast<float *>(desc.data); }
  size_t bytes() const { return data.bytes + scale.bytes; }
};

void fillRandom(Tensor &tensor, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < tensor.desc.shape[0] * tensor.desc.shape[1]; ++i)
    tensor.floats()[i] = normal(random);
}

/// Copies of one weight, together larger than the caches.
struct Weights {
  std::vector<std::unique_ptr<Tensor>> copies;
  size_t next = 0;

  Weights(qmm_context *context, Tensor &source, const char *scheme) {
    auto first = std::make_unique<Tensor>(kSize, kSize, scheme);
    if (first->desc.scheme.scale == QMM_DTYPE_NONE)
      std::memcpy(first->desc.data, source.desc.data, source.data.bytes);
    else
      check(qmm_quantize(context, &source.desc, nullptr, &first->desc),
            "quantize");
    const size_t count = kRotatedBytes / first->bytes() + 2;
    copies.push_back(std::move(first));
    while (copies.size() < count) {
      auto copy = std::make_unique<Tensor>(kSize, kSize, scheme);
      std::memcpy(copy->desc.data, copies[0]->desc.data, copy->data.bytes);
      if (copy->scale.bytes)
        std::memcpy(copy->desc.scale, copies[0]->desc.scale, copy->scale.bytes);
      copy->tensorScale = copies[0]->tensorScale;
      copies.push_back(std::move(copy));
    }
  }
  Tensor &rotate() { return *copies[next++ % copies.size()]; }
  size_t bytes() const { return copies[0]->bytes(); }
};

/// A product with a workspace that fits.
struct Matmul {
  qmm_context *context;
  qmm_scaled_matmul_args args = {};
  AlignedBytes workspace;

  Matmul(qmm_context *context, Tensor &a, Tensor &b, Tensor &d)
      : context(context) {
    args.struct_size = sizeof(args);
    args.a = &a.desc;
    args.b = &b.desc;
    args.d = &d.desc;
    size_t bytes = 0;
    check(qmm_scaled_matmul_workspace(context, &args, &bytes), "workspace");
    workspace = AlignedBytes(bytes);
    args.workspace = workspace.start.get();
    args.workspace_bytes = bytes;
  }
  void run(Tensor &b) {
    args.b = &b.desc;
    check(qmm_scaled_matmul(context, &args), "scaled_matmul");
  }
};

/// Sums 256 MiB with all threads, by vectors of 32 bytes.
struct ReadTest {
  AlignedBytes buffer{size_t(256) << 20};
  std::unique_ptr<qmmrt::Executor> executor;
  uint64_t sink = 0;

  explicit ReadTest(unsigned threads)
      : executor(qmmrt::createThreadPool(threads)) {
    std::mt19937_64 random(1);
    auto *words = static_cast<uint64_t *>(buffer.start.get());
    for (size_t i = 0; i < buffer.bytes / 8; ++i)
      words[i] = random();
  }
  void run() {
    typedef uint64_t Vector __attribute__((vector_size(32)));
    const auto *vectors = static_cast<const Vector *>(buffer.start.get());
    constexpr int64_t kPiece = 4096;
    std::vector<Vector> sums(executor->getNumWorkers());
    executor->parallelFor(int64_t(buffer.bytes / sizeof(Vector)) / kPiece, 64,
                          [&](int64_t begin, int64_t end, unsigned worker) {
                            Vector part[4] = {}; // 8 would spill without AVX
                            for (int64_t i = begin * kPiece; i < end * kPiece;
                                 i += 4)
                              for (int j = 0; j < 4; ++j)
                                part[j] += vectors[i + j];
                            for (const Vector &v : part)
                              sums[worker] += v;
                          });
    for (const Vector &v : sums)
      sink += v[0] + v[1] + v[2] + v[3];
  }
};

struct Blas {
  using Sgemm = void (*)(int, int, int, int, int, int, float, const float *,
                         int, const float *, int, float, float *, int);
  Sgemm sgemm = nullptr;
  explicit Blas(unsigned threads) {
    void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library)
      return;
    sgemm = reinterpret_cast<Sgemm>(dlsym(library, "cblas_sgemm"));
    auto setThreads = reinterpret_cast<void (*)(int)>(
        dlsym(library, "openblas_set_num_threads"));
    if (setThreads)
      setThreads(int(threads));
  }
};

struct Case {
  std::string name;
  std::function<void()> run;
  std::vector<double> seconds;
  double median() {
    std::sort(seconds.begin(), seconds.end());
    return seconds[seconds.size() / 2];
  }
};

} // namespace

int main(int argc, char **argv) {
  bool json = false;
  unsigned threads = 0;
  int repeat = 15;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0)
      json = true;
    else if (std::strncmp(argv[i], "--threads=", 10) == 0)
      threads = unsigned(std::atoi(argv[i] + 10));
    else if (std::strncmp(argv[i], "--repeat=", 9) == 0)
      repeat = std::max(1, std::atoi(argv[i] + 9));
    else
      fail(std::string("unknown argument ") + argv[i] +
           ", expected --json, --threads=N or --repeat=N");
  }
  qmm_context_options options = {};
  options.struct_size = sizeof(options);
  options.num_threads = threads;
  qmm_context *context = nullptr;
  check(qmm_context_create(&options, &context), "context");

  Tensor source(kSize, kSize, "f32");
  fillRandom(source, 1);
  Tensor vector(1, kSize, "bf16"), rows(kRows, kSize, "bf16");
  Tensor wideRows(kRows, kSize, "f32");
  {
    // bf16 activations, from the upper halves of random f32.
    fillRandom(wideRows, 2);
    auto *halves = static_cast<uint16_t *>(rows.desc.data);
    for (int64_t i = 0; i < kRows * kSize; ++i) {
      uint32_t bits;
      std::memcpy(&bits, wideRows.floats() + i, 4);
      halves[i] = uint16_t(bits >> 16);
    }
    std::memcpy(vector.desc.data, halves, kSize * 2);
  }
  Tensor small(1, kSize, "f32"), large(kRows, kSize, "f32");
  Tensor blasResult(kRows, kSize, "f32"), decoded(kSize, kSize, "f32");

  Weights nvfp4(context, source, "nvfp4"), fp8(context, source, "fp8");
  Weights mxfp8(context, source, "mxfp8"), f32(context, source, "f32");
  Matmul vectorNvfp4(context, vector, *nvfp4.copies[0], small);
  Matmul vectorFp8(context, vector, *fp8.copies[0], small);
  Matmul vectorMxfp8(context, vector, *mxfp8.copies[0], small);
  Matmul vectorF32(context, vector, *f32.copies[0], small);
  Matmul matrixNvfp4(context, rows, *nvfp4.copies[0], large);
  Matmul matrixFp8(context, rows, *fp8.copies[0], large);
  Matmul matrixMxfp8(context, rows, *mxfp8.copies[0], large);
  Matmul matrixF32(context, wideRows, *f32.copies[0], large);

  const unsigned used = [&] {
    return qmmrt::createThreadPool(threads)->getNumWorkers();
  }();
  ReadTest reader(threads);
  Blas blas(used);

  std::vector<Case> cases;
  auto add = [&](const char *name, std::function<void()> run) {
    cases.push_back({name, std::move(run), {}});
    return cases.size() - 1;
  };
  auto addVector = [&](const char *name, Matmul &matmul, Weights &weights) {
    return add(name, [&] { matmul.run(weights.rotate()); });
  };
  auto addDequantized = [&](const char *name, Weights &weights) {
    return add(name, [&] {
      check(qmm_dequantize(context, &weights.rotate().desc, &decoded.desc),
            "dequantize");
      vectorF32.run(decoded);
    });
  };
  const size_t read = add("read", [&] { reader.run(); });
  const size_t gemvF32 = addVector("gemv f32", vectorF32, f32);
  const size_t gemv[] = {addVector("gemv nvfp4", vectorNvfp4, nvfp4),
                         addVector("gemv fp8", vectorFp8, fp8),
                         addVector("gemv mxfp8", vectorMxfp8, mxfp8)};
  const size_t two[] = {addDequantized("dequantize + gemv nvfp4", nvfp4),
                        addDequantized("dequantize + gemv fp8", fp8),
                        addDequantized("dequantize + gemv mxfp8", mxfp8)};
  const Weights *packed[] = {&nvfp4, &fp8, &mxfp8};
  const size_t gemm[] = {addVector("gemm nvfp4", matrixNvfp4, nvfp4),
                         addVector("gemm fp8", matrixFp8, fp8),
                         addVector("gemm mxfp8", matrixMxfp8, mxfp8),
                         addVector("gemm f32", matrixF32, f32)};
  size_t sgemm = 0;
  if (blas.sgemm)
    sgemm = add("gemm openblas", [&] {
      // Row major, B transposed.
      blas.sgemm(101, 111, 112, int(kRows), int(kSize), int(kSize), 1.0f,
                 wideRows.floats(), int(kSize), source.floats(), int(kSize),
                 0.0f, blasResult.floats(), int(kSize));
    });

  for (int round = -1; round < repeat; ++round)
    for (Case &one : cases) {
      auto start = Clock::now();
      one.run();
      double seconds =
          std::chrono::duration<double>(Clock::now() - start).count();
      if (round >= 0)
        one.seconds.push_back(seconds);
    }

  // Whoever reads fastest says what the machine can do.
  const double bandwidth =
      std::max(double(reader.buffer.bytes) / cases[read].median(),
               double(f32.bytes()) / cases[gemvF32].median());
  const double flops = 2.0 * kRows * kSize * kSize;
  const double blasRate = blas.sgemm ? flops / cases[sgemm].median() : 0.0;
  const char *names[] = {"nvfp4", "fp8", "mxfp8", "f32"};
  if (json) {
    std::printf("{\"device\": \"%s\", \"read_gbs\": %.2f, \"gemv\": {",
                qmm_context_description(context), bandwidth / 1e9);
    for (int i = 0; i < 3; ++i) {
      double seconds = cases[gemv[i]].median();
      double rate = double(packed[i]->bytes()) / seconds;
      std::printf("%s\"%s\": {\"ms\": %.4f, \"gbs\": %.2f, "
                  "\"of_bandwidth\": %.3f, \"over_dequantize\": %.2f}",
                  i ? ", " : "", names[i], seconds * 1e3, rate / 1e9,
                  rate / bandwidth, cases[two[i]].median() / seconds);
    }
    std::printf(", \"f32\": {\"ms\": %.4f}}, \"gemm\": {",
                cases[gemvF32].median() * 1e3);
    for (int i = 0; i < 4; ++i) {
      double rate = flops / cases[gemm[i]].median();
      std::printf("%s\"%s\": {\"ms\": %.3f, \"gflops\": %.1f", i ? ", " : "",
                  names[i], cases[gemm[i]].median() * 1e3, rate / 1e9);
      if (blas.sgemm)
        std::printf(", \"of_openblas\": %.3f", rate / blasRate);
      std::printf("}");
    }
    if (blas.sgemm)
      std::printf("}, \"openblas_gflops\": %.1f}\n", blasRate / 1e9);
    else
      std::printf("}, \"openblas_gflops\": null}\n");
  } else {
    std::printf("%s, %d x %d weights, medians of %d\n\n",
                qmm_context_description(context), int(kSize), int(kSize),
                repeat);
    std::printf("read bandwidth             %8.1f GB/s\n", bandwidth / 1e9);
    std::printf("f32 GEMV                   %8.3f ms   %6.1f GB/s\n\n",
                cases[gemvF32].median() * 1e3,
                double(f32.bytes()) / cases[gemvF32].median() / 1e9);
    std::printf("M = 1       ms  packed GB/s  of bandwidth  floor ms  over "
                "dequantize + f32 GEMV\n");
    for (int i = 0; i < 3; ++i) {
      double seconds = cases[gemv[i]].median();
      double bytes = double(packed[i]->bytes());
      std::printf("%-6s %7.3f %12.1f %12.0f%% %9.3f %9.1fx\n", names[i],
                  seconds * 1e3, bytes / seconds / 1e9,
                  100 * bytes / seconds / bandwidth, bytes / bandwidth * 1e3,
                  cases[two[i]].median() / seconds);
    }
    std::printf("\nM = %d      ms    GFLOP/s  of OpenBLAS sgemm\n", int(kRows));
    for (int i = 0; i < 4; ++i) {
      double rate = flops / cases[gemm[i]].median();
      std::printf("%-7s %7.2f %10.1f", names[i], cases[gemm[i]].median() * 1e3,
                  rate / 1e9);
      if (blas.sgemm)
        std::printf(" %12.0f%%", 100 * rate / blasRate);
      std::printf("\n");
    }
    if (blas.sgemm)
      std::printf("sgemm   %7.2f %10.1f\n", cases[sgemm].median() * 1e3,
                  blasRate / 1e9);
    else
      std::printf("OpenBLAS (libopenblas.so.0) isn't installed: no "
                  "comparison\n");
  }
  qmm_context_destroy(context);
  return 0;
}
