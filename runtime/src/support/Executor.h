//===- support/Executor.h - Where loops run -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Numerics and the CPU backend split their loops over an Executor, so that both
// run on a context's thread pool, or serially inside the compiler.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_SUPPORT_EXECUTOR_H
#define QMMRT_SUPPORT_EXECUTOR_H

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

namespace qmmrt {

/// A non-owning reference to a callable: calling it allocates nothing.
template <typename Fn> class FunctionRef;
template <typename Ret, typename... Params> class FunctionRef<Ret(Params...)> {
public:
  template <typename Callable, typename = std::enable_if_t<!std::is_same_v<
                                   std::decay_t<Callable>, FunctionRef>>>
  FunctionRef(Callable &&callable)
      : callback([](void *object, Params... params) -> Ret {
          return (*static_cast<std::remove_reference_t<Callable> *>(object))(
              std::forward<Params>(params)...);
        }),
        object(const_cast<void *>(static_cast<const void *>(&callable))) {}
  Ret operator()(Params... params) const {
    return callback(object, std::forward<Params>(params)...);
  }

private:
  Ret (*callback)(void *, Params...);
  void *object;
};

class Executor {
public:
  /// body(begin, end, worker): a half-open range of [0, count), and which of
  /// getNumWorkers() workers runs it (for per-worker scratch).
  using Body = FunctionRef<void(int64_t, int64_t, unsigned)>;

  virtual ~Executor() = default;
  virtual unsigned getNumWorkers() const = 0;

  /// Covers [0, count) with ranges of at least `grain` (but for the last) and
  /// returns when all have run.  Allocates nothing; safe to call from several
  /// threads at once; a call from inside a body runs serially.
  virtual void parallelFor(int64_t count, int64_t grain, Body body) = 0;
};

/// Runs everything on the calling thread.
Executor &getSerialExecutor();

/// A pool of `numThreads` (the caller is one of them); 0: the CPUs that this
/// process may run on.
std::unique_ptr<Executor> createThreadPool(unsigned numThreads);

} // namespace qmmrt

#endif // QMMRT_SUPPORT_EXECUTOR_H
