//===- cpu/Math-inl.h - Activation functions on vectors -*- C++ -*---------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each is written so that the negative tail keeps its relative accuracy: as x
// times a probability that is computed from exp of a negative number, never as
// one minus something.
//
//===----------------------------------------------------------------------===//
#if defined(QMMRT_CPU_MATH_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QMMRT_CPU_MATH_INL_H
#undef QMMRT_CPU_MATH_INL_H
#else
#define QMMRT_CPU_MATH_INL_H
#endif

#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace qmmrt {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// x / (1 + exp(-u)), where `u` has the sign of x.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V timesSigmoid(D d, V x, V u) {
  const V one = hn::Set(d, 1.0f);
  const V e = hn::Exp(d, hn::Neg(hn::Abs(u)));
  const V q = hn::Div(x, hn::Add(one, e));
  return hn::IfThenElse(hn::Lt(u, hn::Zero(d)), hn::Mul(q, e), q);
}

template <class D, class V = hn::Vec<D>> HWY_INLINE V silu(D d, V x) {
  return timesSigmoid(d, x, x);
}

/// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) = x sigmoid(2 ...).
template <class D, class V = hn::Vec<D>> HWY_INLINE V geluTanh(D d, V x) {
  const V inner = hn::MulAdd(hn::Mul(x, x), hn::Set(d, 0.0713548162726f),
                             hn::Set(d, 1.59576912160573f));
  return timesSigmoid(d, x, hn::Mul(x, inner));
}

/// 0.5 x (1 + erf(x / sqrt 2)).  erfc(z) exp(z^2) (1 + z) is a polynomial in
/// (z - 2) / (z + 2), fitted for relative error (7e-9 on 0 <= z <= 10.2).
template <class D, class V = hn::Vec<D>> HWY_INLINE V geluErf(D d, V x) {
  const V one = hn::Set(d, 1.0f), two = hn::Set(d, 2.0f);
  const V ax = hn::Abs(x);
  const V z = hn::Mul(ax, hn::Set(d, 0.70710678118655f));
  const V t = hn::Div(hn::Sub(z, two), hn::Add(z, two));
  constexpr float kCoefficients[] = {
      3.3909138437593356e-05f, -0.00010260634735459462f,
      -0.000616036937572062f,  0.00014380778884515166f,
      0.0038999549578875303f,  -0.0005217732395976782f,
      -0.025236761197447777f,  0.04253697395324707f,
      0.037813451141119f,      -0.259974867105484f,
      0.7661870121955872f};
  V p = hn::Set(d, kCoefficients[0]);
  for (int i = 1; i < 11; ++i)
    p = hn::MulAdd(p, t, hn::Set(d, kCoefficients[i]));
  // exp(-x^2 / 2), the rounding of the square put back.
  const V half = hn::Mul(ax, hn::Set(d, 0.5f));
  const V square = hn::Mul(half, ax);
  const V rest = hn::MulSub(half, ax, square);
  const V e = hn::Exp(d, hn::Neg(square));
  const V tail =
      hn::Mul(hn::Div(p, hn::Add(one, z)), hn::NegMulAdd(e, rest, e));
  const V small = hn::Mul(half, tail);
  // Large x: the square is infinite and the rest NaN; the tail is 0.
  const V clean = hn::IfThenElseZero(hn::Lt(ax, hn::Set(d, 20.0f)), small);
  const V result = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Neg(clean),
                                  hn::Sub(ax, clean));
  return hn::IfThenElse(hn::IsNaN(x), x, result);
}

} // namespace HWY_NAMESPACE
} // namespace qmmrt
HWY_AFTER_NAMESPACE();

#endif // QMMRT_CPU_MATH_INL_H
