//===- numerics/Decode-inl.h - Vector decoders and encoders -*- C++ -*-----===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Small floats become f16 bits by integer moves (E2M1 by a byte shuffle), and
// f16 becomes f32 in hardware: about one operation per element, no dependence
// on how the host treats f32 subnormals.  Compiled once per vector target;
// shared by the row conversions and the fused matrix kernels.
//
//===----------------------------------------------------------------------===//
#if defined(QMMRT_NUMERICS_DECODE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QMMRT_NUMERICS_DECODE_INL_H
#undef QMMRT_NUMERICS_DECODE_INL_H
#else
#define QMMRT_NUMERICS_DECODE_INL_H
#endif

#include "hwy/highway.h"

#include "qmm/tensor.h"

HWY_BEFORE_NAMESPACE();
namespace qmmrt {
namespace HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR
namespace hn = hwy::HWY_NAMESPACE;

/// f32 vectors of 8 lanes, or 4 on 128-bit targets.  AVX-512 decodes by halves
/// too: every loop that decodes is bound by memory.
using DF = hn::CappedTag<float, 8>;
using DU = hn::RebindToUnsigned<DF>;
using DI = hn::RebindToSigned<DF>;
using D16 = hn::Repartition<uint16_t, DF>;
using DB = hn::Repartition<uint8_t, DF>;
using DHalf = hn::Half<D16>;
using VF = hn::Vec<DF>;
using VU = hn::Vec<DU>;
using V16 = hn::Vec<D16>;
using VB = hn::Vec<DB>;
using VHalf = hn::Vec<DHalf>;

constexpr size_t kLanes = HWY_MAX_BYTES >= 32 ? 8 : 4;
/// Bytes of codes in one decode step.
constexpr size_t kStepBytes = 4 * kLanes;

/// Four vectors of consecutive elements.
struct Quad {
  VF v[4];
};

/// f16 bits to f32, exactly; a NaN is quieted and keeps its payload.
HWY_INLINE VF promoteHalf(VHalf bits) {
  const DF df;
#if HWY_TARGET == HWY_SSE4
  const DU du;
  const DI di;
  const VU wide = hn::PromoteTo(du, bits);
  const VU sign = hn::ShiftLeft<16>(hn::And(wide, hn::Set(du, 0x8000)));
  const VU mag = hn::ShiftLeft<13>(hn::And(wide, hn::Set(du, 0x7FFF)));
  VU value = hn::Add(mag, hn::Set(du, 112u << 23));
  // Subnormal: 2^-14 (1 + mantissa) - 2^-14.
  const VU magic = hn::Set(du, 113u << 23);
  const VF fixed =
      hn::Sub(hn::BitCast(df, hn::Add(mag, magic)), hn::BitCast(df, magic));
  const auto isSubnormal = hn::Lt(hn::BitCast(di, mag), hn::Set(di, 1 << 23));
  value = hn::IfThenElse(hn::RebindMask(du, isSubnormal),
                         hn::BitCast(du, fixed), value);
  const auto isSpecial =
      hn::Gt(hn::BitCast(di, mag), hn::Set(di, (0x7C00 << 13) - 1));
  const auto isNaN = hn::Gt(hn::BitCast(di, mag), hn::Set(di, 0x7C00 << 13));
  const VU quiet =
      hn::IfThenElseZero(hn::RebindMask(du, isNaN), hn::Set(du, 0x400000));
  const VU special = hn::Or(hn::Or(mag, hn::Set(du, 0x7F800000)), quiet);
  value = hn::IfThenElse(hn::RebindMask(du, isSpecial), special, value);
  return hn::BitCast(df, hn::Or(sign, value));
#else
  return hn::PromoteTo(df, hn::BitCast(hn::Rebind<hwy::float16_t, DF>(), bits));
#endif
}

/// `codes` in the high bytes of 16-bit lanes, in blocks of 128 bits: lower and
/// upper 8 of each 16.  promotePair puts the results in element order.
HWY_INLINE V16 widenLower(VB codes) {
  const DB db;
  return hn::BitCast(D16(), hn::InterleaveLower(db, hn::Zero(db), codes));
}
HWY_INLINE V16 widenUpper(VB codes) {
  const DB db;
  return hn::BitCast(D16(), hn::InterleaveUpper(db, hn::Zero(db), codes));
}
HWY_INLINE Quad promotePair(V16 lower, V16 upper) {
  const DHalf dh;
  const VF ll = promoteHalf(hn::LowerHalf(dh, lower));
  const VF lu = promoteHalf(hn::UpperHalf(dh, lower));
  const VF ul = promoteHalf(hn::LowerHalf(dh, upper));
  const VF uu = promoteHalf(hn::UpperHalf(dh, upper));
  if (kLanes == 8)
    return {{ll, ul, lu, uu}};
  return {{ll, lu, ul, uu}};
}

/// E4M3 codes in high bytes to f16 bits of value * 2^-8; NaN codes give 480 *
/// 2^-8 and must have been looked for by hasE4M3NaN.
template <class V> HWY_INLINE V e4m3ToScaledF16(V codes) {
  const hn::DFromV<V> d;
  const hn::RebindToSigned<decltype(d)> ds;
  const V shifted = hn::BitCast(d, hn::ShiftRight<1>(hn::BitCast(ds, codes)));
  return hn::And(shifted, hn::Set(d, 0xBFFF));
}
/// Byte lanes all ones where the code is NaN.
HWY_INLINE VB findE4M3NaN(VB codes) {
  const VB nan = hn::Set(DB(), 0x7F);
  return hn::VecFromMask(DB(), hn::Eq(hn::And(codes, nan), nan));
}
/// The same with NaN codes as f16 NaN.
HWY_INLINE V16 e4m3ToScaledF16WithNaN(V16 codes) {
  const D16 d;
  const V16 nan = hn::Set(d, 0x7F00);
  return hn::IfThenElse(hn::Eq(hn::And(codes, nan), nan),
                        hn::And(codes, hn::Set(d, 0xFE00)),
                        e4m3ToScaledF16(codes));
}
constexpr float kE4M3Unscale = 256.0f;

/// E5M2 codes in high bytes are f16 bits; NaNs made canonical.
HWY_INLINE V16 e5m2ToF16WithNaN(V16 codes) {
  const D16 d;
  const hn::RebindToSigned<D16> ds;
  const auto isNaN = hn::Gt(hn::BitCast(ds, hn::And(codes, hn::Set(d, 0x7FFF))),
                            hn::Set(ds, 0x7C00));
  const V16 nan =
      hn::Or(hn::And(codes, hn::Set(d, 0x8000)), hn::Set(d, 0x7E00));
  return hn::IfThenElse(hn::RebindMask(d, isNaN), nan, codes);
}

/// High bytes of the f16 values of E2M1 codes (in the low nibbles of bytes
/// whose high nibble is zero); the low bytes are zero.
HWY_INLINE VB e2m1ToF16High(VB nibbles) {
  alignas(16) static constexpr uint8_t kTable[16] = {
      0x00, 0x38, 0x3C, 0x3E, 0x40, 0x42, 0x44, 0x46,
      0x80, 0xB8, 0xBC, 0xBE, 0xC0, 0xC2, 0xC4, 0xC6};
  return hn::TableLookupBytes(hn::LoadDup128(DB(), kTable), nibbles);
}
/// The f16 high bytes of the elements in the high (low) nibbles.
HWY_INLINE VB e2m1HighNibbles(VB bytes) {
  const hn::Repartition<uint16_t, DB> d;
  return e2m1ToF16High(
      hn::And(hn::BitCast(DB(), hn::ShiftRight<4>(hn::BitCast(d, bytes))),
              hn::Set(DB(), 0x0F)));
}
HWY_INLINE VB e2m1LowNibbles(VB bytes) {
  return e2m1ToF16High(hn::And(bytes, hn::Set(DB(), 0x0F)));
}

/// For sums in any order: f32 vectors of the elements in the even and odd bytes
/// of `nibbles`' lower and upper halves (of each 128 bits), through the bf16
/// bytes of the values: shuffles only, where f16 would convert.
struct NibbleVectors {
  VF lowerEven, lowerOdd, upperEven, upperOdd;
};
HWY_INLINE NibbleVectors decodeNibbles(VB nibbles) {
  alignas(16) static constexpr uint8_t kHigh[16] = {
      0x00, 0x3F, 0x3F, 0x3F, 0x40, 0x40, 0x40, 0x40,
      0x80, 0xBF, 0xBF, 0xBF, 0xC0, 0xC0, 0xC0, 0xC0};
  alignas(16) static constexpr uint8_t kLow[16] = {
      0x00, 0x00, 0x80, 0xC0, 0x00, 0x40, 0x80, 0xC0,
      0x00, 0x00, 0x80, 0xC0, 0x00, 0x40, 0x80, 0xC0};
  const DB db;
  const DF df;
  const DU du;
  const VB high = hn::TableLookupBytes(hn::LoadDup128(db, kHigh), nibbles);
  const VB low = hn::TableLookupBytes(hn::LoadDup128(db, kLow), nibbles);
  const VU lower = hn::BitCast(du, hn::InterleaveLower(db, low, high));
  const VU upper = hn::BitCast(du, hn::InterleaveUpper(db, low, high));
  const VU mask = hn::Set(du, 0xFFFF0000);
  return {hn::BitCast(df, hn::ShiftLeft<16>(lower)),
          hn::BitCast(df, hn::And(lower, mask)),
          hn::BitCast(df, hn::ShiftLeft<16>(upper)),
          hn::BitCast(df, hn::And(upper, mask))};
}
/// The byte whose nibble is lane `lane` of a vector of decodeNibbles.
constexpr int64_t getNibbleByte(int upper, int odd, int lane) {
  return lane / 4 * 16 + upper * 8 + lane % 4 * 2 + odd;
}

/// Exact decoders of one step of kStepBytes codes (I8 likewise).
HWY_INLINE Quad decodeE4M3(VB codes) {
  Quad quad = promotePair(e4m3ToScaledF16WithNaN(widenLower(codes)),
                          e4m3ToScaledF16WithNaN(widenUpper(codes)));
  for (VF &v : quad.v)
    v = hn::Mul(v, hn::Set(DF(), kE4M3Unscale));
  return quad;
}
HWY_INLINE Quad decodeE5M2(VB codes) {
  return promotePair(e5m2ToF16WithNaN(widenLower(codes)),
                     e5m2ToF16WithNaN(widenUpper(codes)));
}
HWY_INLINE VF decodeI8(const int8_t *codes) {
  const DF df;
  const hn::Rebind<int8_t, DF> d8;
  return hn::ConvertTo(df, hn::PromoteTo(DI(), hn::LoadU(d8, codes)));
}
/// kStepBytes bytes of E2M1 are two quads, in element order.
HWY_INLINE void decodeE2M1(VB first, VB second, Quad &lower, Quad &upper) {
  const DB db;
  const VB a = hn::InterleaveLower(db, first, second);
  const VB b = hn::InterleaveUpper(db, first, second);
  const Quad qa = promotePair(widenLower(a), widenUpper(a));
  const Quad qb = promotePair(widenLower(b), widenUpper(b));
  if (kLanes == 8) {
    lower = {{qa.v[0], qa.v[1], qb.v[0], qb.v[1]}};
    upper = {{qa.v[2], qa.v[3], qb.v[2], qb.v[3]}};
  } else {
    lower = qa;
    upper = qb;
  }
}
HWY_INLINE VF decodeBF16(const uint16_t *bits) {
  const VU value =
      hn::ShiftLeft<16>(hn::PromoteTo(DU(), hn::LoadU(DHalf(), bits)));
  return hn::BitCast(DF(), value);
}
HWY_INLINE VF decodeF16(const uint16_t *bits) {
  return promoteHalf(hn::LoadU(DHalf(), bits));
}
/// Quiets NaNs, as the scalar reference does.
HWY_INLINE VF quietNaN(VF value) {
  const DU du;
  const VU bits = hn::BitCast(du, value);
  const VU quiet = hn::Or(bits, hn::Set(du, 0x400000));
  return hn::BitCast(
      DF(), hn::IfThenElse(hn::RebindMask(du, hn::IsNaN(value)), quiet, bits));
}
HWY_INLINE VF decodeE8M0(const uint8_t *codes) {
  const DU du;
  const hn::Rebind<uint8_t, DF> d8;
  const VU code = hn::PromoteTo(du, hn::LoadU(d8, codes));
  VU bits = hn::ShiftLeft<23>(code);
  bits =
      hn::IfThenElse(hn::Eq(code, hn::Zero(du)), hn::Set(du, 0x400000), bits);
  bits = hn::IfThenElse(hn::Eq(code, hn::Set(du, 0xFF)),
                        hn::Set(du, 0x7FC00000), bits);
  return hn::BitCast(DF(), bits);
}

/// Rounds to nearest even in a float format of `Mantissa` bits whose smallest
/// normal is 2^MinExponent, clamping magnitudes to the f32 bits `Clamp`; NaN
/// becomes the code `NaN` (wide types: with its payload).  Codes without sign.
template <int Mantissa, int MinExponent, uint32_t Clamp, uint32_t NaN,
          bool Payload>
HWY_INLINE VU encodeMagnitude(VU mag) {
  const DF df;
  const DU du;
  const DI di;
  constexpr int kShift = 23 - Mantissa;
  const auto isNaN = hn::Gt(hn::BitCast(di, mag), hn::Set(di, 0x7F800000));
  const VU clamped = hn::BitCast(
      du, hn::Min(hn::BitCast(di, mag), hn::Set(di, int32_t(Clamp))));
  // Normal: drop bits with a carry into the exponent.
  const VU odd = hn::And(hn::ShiftRight<kShift>(clamped), hn::Set(du, 1));
  const VU rebias = hn::Set(du, uint32_t(126 + MinExponent) << 23);
  const VU rounded =
      hn::Add(hn::Sub(clamped, rebias),
              hn::Add(odd, hn::Set(du, (1u << (kShift - 1)) - 1)));
  const VU normal = hn::ShiftRight<kShift>(rounded);
  // Subnormal: an addition puts the spacing at the last bit.
  const VU magic =
      hn::Set(du, uint32_t(127 + 23 + MinExponent - Mantissa) << 23);
  const VU subnormal = hn::Sub(hn::BitCast(du, hn::Add(hn::BitCast(df, clamped),
                                                       hn::BitCast(df, magic))),
                               magic);
  const auto isSubnormal =
      hn::Lt(hn::BitCast(di, clamped),
             hn::Set(di, int32_t(uint32_t(127 + MinExponent) << 23)));
  const VU code =
      hn::IfThenElse(hn::RebindMask(du, isSubnormal), subnormal, normal);
  VU nan = hn::Set(du, NaN);
  if (Payload)
    nan = hn::Or(nan,
                 hn::ShiftRight<kShift>(hn::And(mag, hn::Set(du, 0x7FFFFF))));
  return hn::IfThenElse(hn::RebindMask(du, isNaN), nan, code);
}

/// Codes, one per 32-bit lane, of saturating conversions (wide: IEEE).
HWY_INLINE VU splitSign(VF value, VU &sign) {
  const DU du;
  const VU bits = hn::BitCast(du, value);
  sign = hn::And(bits, hn::Set(du, 0x80000000));
  return hn::Xor(bits, sign);
}
HWY_INLINE VU encodeE4M3(VF value) {
  VU sign;
  const VU mag = splitSign(value, sign);
  return hn::Or(hn::ShiftRight<24>(sign),
                encodeMagnitude<3, -6, 0x43E00000, 0x7F, false>(mag));
}
HWY_INLINE VU encodeE5M2(VF value) {
  VU sign;
  const VU mag = splitSign(value, sign);
  return hn::Or(hn::ShiftRight<24>(sign),
                encodeMagnitude<2, -14, 0x47600000, 0x7F, false>(mag));
}
HWY_INLINE VU encodeE2M1(VF value) {
  VU sign;
  const VU mag = splitSign(value, sign);
  const VU code = hn::Or(hn::ShiftRight<28>(sign),
                         encodeMagnitude<1, 0, 0x40C00000, 0, false>(mag));
  return hn::IfThenZeroElse(hn::RebindMask(DU(), hn::IsNaN(value)), code);
}
HWY_INLINE VU encodeF16(VF value) {
  VU sign;
  const VU mag = splitSign(value, sign);
  return hn::Or(hn::ShiftRight<16>(sign),
                encodeMagnitude<10, -14, 0x47800000, 0x7E00, true>(mag));
}
HWY_INLINE VU encodeBF16(VF value) {
  const DU du;
  const VU bits = hn::BitCast(du, value);
  const VU odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
  const VU rounded =
      hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(du, 0x7FFF))));
  const VU nan = hn::ShiftRight<16>(hn::Or(bits, hn::Set(du, 0x400000)));
  return hn::IfThenElse(hn::RebindMask(du, hn::IsNaN(value)), nan, rounded);
}
HWY_INLINE hn::Vec<DI> encodeI8(VF value) {
  const DF df;
  const VF clamped =
      hn::Min(hn::Max(value, hn::Set(df, -127.0f)), hn::Set(df, 127.0f));
  return hn::IfThenZeroElse(hn::RebindMask(DI(), hn::IsNaN(value)),
                            hn::NearestInt(clamped));
}
/// Stores codes below 256 as bytes, below 65536 as u16.
HWY_INLINE void storeBytes(VU codes, uint8_t *dst) {
  const hn::Rebind<uint8_t, DF> d8;
  hn::StoreU(hn::DemoteTo(d8, hn::BitCast(DI(), codes)), d8, dst);
}
HWY_INLINE void storeHalves(VU codes, uint16_t *dst) {
  hn::StoreU(hn::DemoteTo(DHalf(), hn::BitCast(DI(), codes)), DHalf(), dst);
}

#endif // HWY_TARGET != HWY_SCALAR
} // namespace HWY_NAMESPACE
} // namespace qmmrt
HWY_AFTER_NAMESPACE();

#endif // QMMRT_NUMERICS_DECODE_INL_H
