//===- numerics/Elements.h - Element types, one value at a time -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The scalar reference of every element type: what the vectorized conversions,
// emitted code and tests are compared with.  Rules: docs/numerics.md.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_NUMERICS_ELEMENTS_H
#define QMMRT_NUMERICS_ELEMENTS_H

#include "qmm/tensor.h"

namespace qmmrt {

/// Bits of one element (E2M1: 4).  0 for an unknown dtype.
unsigned getBitWidth(qmm_dtype dtype);
/// "bf16", "e4m3", ...: for messages.
const char *getDTypeName(qmm_dtype dtype);
bool isWide(qmm_dtype dtype); // f32, bf16, f16
/// Largest finite magnitude of an element or scale type: 448, 57344, 6, 2^127,
/// 127 (i8).
float getMaxFinite(qmm_dtype dtype);

/// The value of `bits` in an element, scale or wide type, exactly.
float decodeElement(qmm_dtype dtype, uint32_t bits);

/// `value` rounded to nearest, ties to even, saturating (quantize semantics;
/// NaN stays NaN where the type has one, else becomes 0; i8 saturates to ±127).
/// Wide types: plain IEEE conversion, overflow to infinity.  E8M0 isn't rounded
/// to nearest by any scheme: use encodeE8M0.
uint32_t encodeElement(qmm_dtype dtype, float value);

/// The byte of an E8M0 scale for amax / maxElement by `rounding`
/// (qmm_e8m0_rounding); 0 for amax 0, 0xFF for NaN or infinity.
uint8_t encodeE8M0(float amax, qmm_dtype element, uint32_t rounding);

/// `value` rounded to `dtype` (wide) and back.
float roundTo(qmm_dtype dtype, float value);

} // namespace qmmrt

#endif // QMMRT_NUMERICS_ELEMENTS_H
