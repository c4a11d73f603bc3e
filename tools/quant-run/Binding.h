//===- quant-run/Binding.h - Tensors for arguments and results -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Files come from other programs, which name and store tensors in their own
// ways; what is accepted is listed here, anything else is an error.
//
//===----------------------------------------------------------------------===//
#ifndef QMM_QUANT_RUN_BINDING_H
#define QMM_QUANT_RUN_BINDING_H

#include "checkpoint/Safetensors.h"
#include "qmm/module.h"

#include <memory>

namespace qmmrt::run {

enum class Role { Input, Output };

/// For each value of the entry the tensor of its name; values without one get
/// the others in the order of the number in their names, else in file order.
/// Tensors named as the other role's (out0 for inputs, in0 for outputs) are
/// left out.  NOT_FOUND or INVALID_ARGUMENT says which value has none.
Result<std::vector<const SafetensorsTensor *>>
matchTensors(const SafetensorsFile &file,
             const std::vector<qmm_value_info> &values, Role role);

/// A tensor as the program wants it.
struct BoundTensor {
  std::vector<int64_t> shape;
  const void *data = nullptr; // in the file, or in `copy`
  uint64_t bytes = 0;
  std::unique_ptr<uint64_t[]> copy;
};

/// Checks dtype and shape against what is wanted and converts storage: raw U8
/// and U16 for floats, E2M1 packed or one code per byte, [1] for a scalar.
Result<BoundTensor> bindTensor(const SafetensorsTensor &tensor,
                               const qmm_value_info &wanted, Role role,
                               size_t index);

/// "bf16 [?, 256]".
std::string describe(const qmm_value_info &info);
/// "input 0 'x'".
std::string describe(const qmm_value_info &info, Role role, size_t index);

/// Bytes of a value, E2M1 packed along the last dimension.
uint64_t getBytes(qmm_dtype dtype, const std::vector<int64_t> &shape);

} // namespace qmmrt::run

#endif // QMM_QUANT_RUN_BINDING_H
