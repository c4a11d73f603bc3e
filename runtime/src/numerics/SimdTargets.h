//===- numerics/SimdTargets.h - Which vector targets are compiled -*- C++
//-*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Included before Highway by every file that is compiled once per target.  The
// target is chosen by getSimdTarget(), never by Highway's own dispatch, which
// would need its library.
//
//===----------------------------------------------------------------------===//
#ifndef QMMRT_NUMERICS_SIMDTARGETS_H
#define QMMRT_NUMERICS_SIMDTARGETS_H

#include "numerics/Convert.h"

#define HWY_COMPILE_ALL_ATTAINABLE // The scalar target too.
#define HWY_BROKEN_EMU128 1        // One scalar target with every compiler.
#define HWY_DISABLED_TARGETS                                                   \
  (HWY_SSSE3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#include "hwy/detect_targets.h"

#if HWY_TARGETS & HWY_SCALAR
#define QMM_SIMD_SCALAR(NAME) &N_SCALAR::NAME
#else
#define QMM_SIMD_SCALAR(NAME) nullptr
#endif
#if HWY_TARGETS & HWY_SSE4
#define QMM_SIMD_SSE4(NAME) &N_SSE4::NAME
#else
#define QMM_SIMD_SSE4(NAME) nullptr
#endif
#if HWY_TARGETS & HWY_AVX2
#define QMM_SIMD_AVX2(NAME) &N_AVX2::NAME
#else
#define QMM_SIMD_AVX2(NAME) nullptr
#endif
#if HWY_TARGETS & HWY_AVX3
#define QMM_SIMD_AVX512(NAME) &N_AVX3::NAME
#else
#define QMM_SIMD_AVX512(NAME) nullptr
#endif
#if HWY_TARGETS & HWY_NEON
#define QMM_SIMD_NEON(NAME) &N_NEON::NAME
#else
#define QMM_SIMD_NEON(NAME) nullptr
#endif

/// The initializer of an array indexed by SimdTarget: pointers to the constant
/// NAME of each target's namespace, null where not compiled.
#define QMM_SIMD_TABLES(NAME)                                                  \
  {QMM_SIMD_SCALAR(NAME), QMM_SIMD_SSE4(NAME), QMM_SIMD_AVX2(NAME),            \
   QMM_SIMD_AVX512(NAME), QMM_SIMD_NEON(NAME)}

#endif // QMMRT_NUMERICS_SIMDTARGETS_H
