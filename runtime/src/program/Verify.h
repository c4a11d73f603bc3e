//===- program/Verify.h - Is a program well formed ------------ -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The writer refuses to write, and the reader to return, a module that fails
// these checks: what they promise, the interpreter doesn't check again.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_PROGRAM_VERIFY_H
#define QMMRT_PROGRAM_VERIFY_H

#include "program/Program.h"
#include "support/Status.h"

#include <optional>

namespace qmmrt::program {

/// What an entry may have at most; a kernel's buffers are passed on the stack.
constexpr uint32_t kMaxDims = 256;
constexpr size_t kMaxKernelBuffers = 256;
constexpr size_t kMaxKernelIntegers = 1024;
/// Of a device kernel: buffers, integers and the extent, in 4 KiB.
constexpr size_t kMaxKernelParameters = 512;

/// Every index in range, every slot of a kind its use allows, expressions well
/// formed, schemes and layouts legal, names unique and without NUL bytes, each
/// dynamic dimension defined by an input, each output written by a command,
/// Input, Parameter and (outside init) Packed slots never written.  The message
/// names entry, command and location.
Status verifyModule(const Module &module);

/// Bytes of a parameter's dtype and shape; nullopt when they overflow or an
/// extent is negative.
std::optional<uint64_t> getParameterBytes(const Parameter &parameter);

} // namespace qmmrt::program

#endif // QMMRT_PROGRAM_VERIFY_H
