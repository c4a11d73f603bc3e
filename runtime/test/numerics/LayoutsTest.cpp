//===- test/numerics/LayoutsTest.cpp - Shapes, offsets, refusals ----------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sizes and offsets against written-out numbers, and one case for every rule
// that a descriptor can break, each with its whole message.
//
//===----------------------------------------------------------------------===//
#include "TestTensor.h"

#include <set>

using namespace qmmrt;
using namespace qmmrt_test;

namespace {

struct Sizes {
  size_t data, scale, tensorScale;
};

Sizes getSizes(const std::vector<int64_t> &shape, const qmm_scheme &scheme,
               const qmm_layout &layout) {
  qmm_tensor tensor = getDescriptor(shape, scheme, layout);
  Sizes sizes = {};
  EXPECT_EQ(
      qmm_tensor_sizes(&tensor, &sizes.data, &sizes.scale, &sizes.tensorScale),
      QMM_STATUS_OK)
      << qmm_last_error();
  return sizes;
}

void expectSizes(const std::vector<int64_t> &shape, const char *name,
                 qmm_layout layout, Sizes expected) {
  Sizes found = getSizes(shape, getScheme(name), layout);
  EXPECT_EQ(found.data, expected.data) << name;
  EXPECT_EQ(found.scale, expected.scale) << name;
  EXPECT_EQ(found.tensorScale, expected.tensorScale) << name;
}

TEST(Layouts, Presets) {
  const std::pair<const char *, qmm_scheme> expected[] = {
      {"fp8", {QMM_DTYPE_E4M3, QMM_DTYPE_F32, 0, 0, 0, 0}},
      {"fp8_e5m2", {QMM_DTYPE_E5M2, QMM_DTYPE_F32, 0, 0, 0, 0}},
      {"fp8_row", {QMM_DTYPE_E4M3, QMM_DTYPE_F32, 1, 0, 0, 0}},
      {"fp8_1x128", {QMM_DTYPE_E4M3, QMM_DTYPE_F32, 1, 128, 0, 0}},
      {"fp8_128x128", {QMM_DTYPE_E4M3, QMM_DTYPE_F32, 128, 128, 0, 0}},
      {"mxfp8", {QMM_DTYPE_E4M3, QMM_DTYPE_E8M0, 1, 32, 0, 0}},
      {"mxfp8_e5m2", {QMM_DTYPE_E5M2, QMM_DTYPE_E8M0, 1, 32, 0, 0}},
      {"mxfp4", {QMM_DTYPE_E2M1, QMM_DTYPE_E8M0, 1, 32, 0, 0}},
      {"nvfp4", {QMM_DTYPE_E2M1, QMM_DTYPE_E4M3, 1, 16, 1, 0}},
      {"int8", {QMM_DTYPE_I8, QMM_DTYPE_F32, 0, 0, 0, 0}},
      {"int8_row", {QMM_DTYPE_I8, QMM_DTYPE_F32, 1, 0, 0, 0}},
      {"int8_128x128", {QMM_DTYPE_I8, QMM_DTYPE_F32, 128, 128, 0, 0}},
      {"f32", {QMM_DTYPE_F32, QMM_DTYPE_NONE, 0, 0, 0, 0}},
      {"bf16", {QMM_DTYPE_BF16, QMM_DTYPE_NONE, 0, 0, 0, 0}},
      {"f16", {QMM_DTYPE_F16, QMM_DTYPE_NONE, 0, 0, 0, 0}},
  };
  for (const auto &[name, scheme] : expected) {
    qmm_scheme found = getScheme(name);
    EXPECT_TRUE(found == scheme) << name;
    EXPECT_STREQ(getSchemeName(found), name);
    EXPECT_EQ(describeScheme(found), name);
    EXPECT_EQ(isWide(found), scheme.scale == QMM_DTYPE_NONE);
  }
}

TEST(Layouts, UnknownPreset) {
  qmm_scheme scheme = {};
  EXPECT_EQ(qmm_scheme_from_name("fp6", &scheme), QMM_STATUS_NOT_FOUND);
  EXPECT_STREQ(qmm_last_error(),
               "scheme 'fp6' is unknown, expected one of fp8, fp8_e5m2, "
               "fp8_row, fp8_1x128, fp8_128x128, mxfp8, mxfp8_e5m2, mxfp4, "
               "nvfp4, int8, int8_row, int8_128x128, f32, bf16, f16");
  EXPECT_EQ(qmm_scheme_from_name(nullptr, &scheme),
            QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(qmm_last_error(), "qmm_scheme_from_name: name is NULL");
  EXPECT_EQ(qmm_scheme_from_name("fp8", nullptr), QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(qmm_last_error(), "qmm_scheme_from_name: scheme is NULL");
  EXPECT_EQ(qmm_tensor_sizes(nullptr, nullptr, nullptr, nullptr),
            QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(qmm_last_error(), "qmm_tensor_sizes: tensor is NULL");
}

TEST(Layouts, DescribesOtherSchemes) {
  EXPECT_EQ(getSchemeName({QMM_DTYPE_E4M3, QMM_DTYPE_F32, 64, 64, 0, 0}),
            nullptr);
  EXPECT_EQ(describeScheme({QMM_DTYPE_E4M3, QMM_DTYPE_F32, 64, 64, 0, 0}),
            "e4m3 with f32 scales per 64 x 64");
  EXPECT_EQ(describeScheme({QMM_DTYPE_E2M1, QMM_DTYPE_E4M3, 0, 32, 1, 0}),
            "e2m1 with e4m3 scales per whole x 32 and a tensor scale");
  EXPECT_EQ(describeScheme(getWideScheme(QMM_DTYPE_I32)), "i32");
}

TEST(Layouts, Equality) {
  qmm_layout exact = {}, alsoExact = {};
  alsoExact.pad_outer = alsoExact.pad_k = alsoExact.scale_pad = 1;
  EXPECT_TRUE(exact == alsoExact);
  for (int field = 0; field < 5; ++field) {
    qmm_layout other = {};
    if (field == 0)
      other.scales = QMM_SCALES_OUTER_MAJOR;
    if (field == 1)
      other.nibbles = QMM_NIBBLES_HI_FIRST;
    if (field == 2)
      other.pad_outer = 16;
    if (field == 3)
      other.pad_k = 16;
    if (field == 4)
      other.scale_pad = 4;
    EXPECT_FALSE(exact == other) << field;
  }
  qmm_scheme nvfp4 = getScheme("nvfp4"), other = nvfp4;
  other.has_tensor_scale = 0;
  EXPECT_FALSE(nvfp4 == other);
  other = nvfp4;
  other.block_k = 32;
  EXPECT_FALSE(nvfp4 == other);
}

TEST(Layouts, Sizes) {
  constexpr uint32_t kHi = QMM_NIBBLES_HI_FIRST;
  expectSizes({130, 96}, "bf16", {}, {130 * 96 * 2, 0, 0});
  expectSizes({130, 96}, "fp8", {}, {130 * 96, 4, 0});
  expectSizes({3, 130, 96}, "fp8", {}, {3 * 130 * 96, 4, 0});
  expectSizes({3, 130, 96}, "fp8_row", {}, {3 * 130 * 96, 3 * 130 * 4, 0});
  expectSizes({130, 300}, "fp8_1x128", {}, {130 * 300, 130 * 3 * 4, 0});
  expectSizes({130, 300}, "fp8_1x128", {QMM_SCALES_OUTER_MAJOR, 0, 0, 0, 4},
              {130 * 300, 132 * 3 * 4, 0});
  expectSizes({130, 300}, "fp8_128x128", {}, {130 * 300, 2 * 3 * 4, 0});
  expectSizes({130, 300}, "fp8_128x128",
              {QMM_SCALES_BLOCKS_128X128, 0, 0, 0, 0},
              {130 * 300, 2 * 4 * 4, 0});
  expectSizes({130, 96}, "nvfp4", {QMM_SCALES_TILED_128X4, kHi, 16, 16, 0},
              {144 * 48, 256 * 8, 4});
  expectSizes({130, 96}, "nvfp4", {0, kHi, 0, 0, 0}, {130 * 48, 130 * 6, 4});
  expectSizes({130, 96}, "mxfp8", {QMM_SCALES_TILED_128X4, 0, 32, 32, 0},
              {160 * 96, 256 * 4, 0});
  expectSizes({2, 0, 96}, "mxfp8", {QMM_SCALES_TILED_128X4, 0, 32, 32, 0},
              {0, 0, 0});
  expectSizes({0, 8, 96}, "fp8_row", {}, {0, 0, 0});
  expectSizes({0, 8, 96}, "fp8", {}, {0, 4, 0});
  expectSizes({5, 0}, "fp8_row", {}, {0, 5 * 4, 0});
  // Raw builtin data: any rank, E2M1 packed with an odd K rounded up.
  EXPECT_EQ(getSizes({}, getWideScheme(QMM_DTYPE_I64), {}).data, 8u);
  EXPECT_EQ(getSizes({7}, getWideScheme(QMM_DTYPE_F16), {}).data, 14u);
  EXPECT_EQ(
      getSizes({3, 7}, getWideScheme(QMM_DTYPE_E2M1), {0, kHi, 0, 0, 0}).data,
      12u);
  EXPECT_EQ(
      getSizes({3, 7}, getWideScheme(QMM_DTYPE_F32), {0, 0, 4, 8, 0}).data,
      4u * 8 * 4);
}

TEST(Layouts, SizesWritesOnlyWhatIsAsked) {
  qmm_tensor tensor = getDescriptor({4, 32}, getScheme("mxfp8"), {});
  EXPECT_EQ(qmm_tensor_sizes(&tensor, nullptr, nullptr, nullptr),
            QMM_STATUS_OK);
}

TEST(Layouts, DynamicExtents) {
  qmm_scheme mxfp8 = getScheme("mxfp8");
  qmm_layout tiled = {QMM_SCALES_TILED_128X4, 0, 32, 32, 0};
  EXPECT_EQ(getStorageOuter(tiled, kDynamic), kDynamic);
  EXPECT_EQ(getStorageOuter(tiled, 33), 64);
  EXPECT_EQ(getStorageK(tiled, kDynamic), kDynamic);
  EXPECT_EQ(getRowBytes(mxfp8, tiled, kDynamic), kDynamic);
  ScaleExtents logical = getLogicalScales(mxfp8, kDynamic, 96);
  EXPECT_EQ(logical.rows, kDynamic);
  EXPECT_EQ(logical.cols, 3);
  ScaleExtents storage = getStorageScales(mxfp8, tiled, kDynamic, 96);
  EXPECT_EQ(storage.rows, kDynamic);
  EXPECT_EQ(storage.cols, 4);
  ScaleExtents row = getLogicalScales(getScheme("fp8_row"), kDynamic, kDynamic);
  EXPECT_EQ(row.rows, kDynamic);
  EXPECT_EQ(row.cols, 1);
  ScaleExtents whole = getLogicalScales(getScheme("fp8"), kDynamic, kDynamic);
  EXPECT_EQ(whole.rows, 1);
  EXPECT_EQ(whole.cols, 1);
  ScaleExtents major =
      getStorageScales(getScheme("fp8_1x128"),
                       {QMM_SCALES_OUTER_MAJOR, 0, 0, 0, 4}, kDynamic, 300);
  EXPECT_EQ(major.rows, 3);
  EXPECT_EQ(major.cols, kDynamic);
}

// Written out from the layout's picture: a tile of 128 rows by 4 columns is 32
// lines of 16 bytes; line l holds rows l, l + 32, l + 64, l + 96, 4 bytes each.
TEST(Layouts, TiledOffsetsFollowThePicture) {
  qmm_layout tiled = {QMM_SCALES_TILED_128X4, 0, 0, 0, 0};
  ScaleExtents logical = {300, 10}; // 3 x 3 tiles
  std::set<int64_t> seen;
  int64_t offset = 0;
  for (int64_t tileRow = 0; tileRow < 3; ++tileRow)
    for (int64_t tileColumn = 0; tileColumn < 3; ++tileColumn)
      for (int64_t line = 0; line < 32; ++line)
        for (int64_t quarter = 0; quarter < 4; ++quarter)
          for (int64_t i = 0; i < 4; ++i, ++offset) {
            int64_t r = tileRow * 128 + quarter * 32 + line;
            int64_t c = tileColumn * 4 + i;
            if (r >= logical.rows || c >= logical.cols)
              continue;
            ASSERT_EQ(getScaleOffset(tiled, logical, r, c), offset);
            seen.insert(offset);
          }
  EXPECT_EQ(offset, 9 * 512);
  EXPECT_EQ(seen.size(), 3000u);
}

TEST(Layouts, OffsetsOfTheOtherLayouts) {
  ScaleExtents logical = {5, 6};
  for (int64_t r = 0; r < 5; ++r)
    for (int64_t c = 0; c < 6; ++c) {
      EXPECT_EQ(getScaleOffset({}, logical, r, c), r * 6 + c);
      EXPECT_EQ(
          getScaleOffset({QMM_SCALES_OUTER_MAJOR, 0, 0, 0, 0}, logical, r, c),
          c * 5 + r);
      EXPECT_EQ(
          getScaleOffset({QMM_SCALES_OUTER_MAJOR, 0, 0, 0, 4}, logical, r, c),
          c * 8 + r);
      EXPECT_EQ(getScaleOffset({QMM_SCALES_BLOCKS_128X128, 0, 0, 0, 0}, logical,
                               r, c),
                r * 8 + c);
    }
}

struct Refusal {
  const char *name;
  qmm_scheme scheme;
  qmm_layout layout;
  const char *message;
};

class SchemeRefused : public testing::TestWithParam<Refusal> {};

TEST_P(SchemeRefused, WithItsReason) {
  Status status = verifySchemeAndLayout(GetParam().scheme, GetParam().layout);
  EXPECT_EQ(status.getCode(), QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(status.getMessage(), GetParam().message);
  // The C ABI says the same, with the tensor's name before it.
  qmm_tensor tensor =
      getDescriptor({128, 128}, GetParam().scheme, GetParam().layout);
  EXPECT_EQ(qmm_tensor_sizes(&tensor, nullptr, nullptr, nullptr),
            QMM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(std::string(qmm_last_error()),
            std::string("tensor: ") + GetParam().message);
}

constexpr uint32_t kE4M3 = QMM_DTYPE_E4M3, kE2M1 = QMM_DTYPE_E2M1,
                   kE8M0 = QMM_DTYPE_E8M0, kF32 = QMM_DTYPE_F32;

const Refusal kRefusals[] = {
    {"NoElement",
     {0, 0, 0, 0, 0, 0},
     {},
     "scheme: element type is none, expected a known dtype"},
    {"UnknownElement",
     {99, 0, 0, 0, 0, 0},
     {},
     "scheme: element type is number 99, expected a known dtype"},
    {"Reserved",
     {kE4M3, kF32, 0, 0, 0, 7},
     {},
     "scheme: reserved field is 7, expected 0"},
    {"TensorScaleFlag",
     {kE4M3, kF32, 0, 0, 2, 0},
     {},
     "scheme: has_tensor_scale is 2, expected 0 or 1"},
    {"NegativeBlock",
     {kE4M3, kF32, 1, -1, 0, 0},
     {},
     "scheme: block is 1 x -1, expected extents of at least 0"},
    {"WideBlock",
     {kF32, 0, 1, 0, 0, 0},
     {},
     "scheme: block 1 x whole without a scale type, expected 0 x 0"},
    {"WideTensorScale",
     {kF32, 0, 0, 0, 1, 0},
     {},
     "scheme: a tensor scale without a scale type, expected "
     "has_tensor_scale 0"},
    {"ScaledWide",
     {QMM_DTYPE_BF16, kF32, 0, 0, 0, 0},
     {},
     "scheme: scaled element type is bf16, expected e4m3, e5m2, e2m1 or i8"},
    {"ScaleType",
     {kE4M3, QMM_DTYPE_BF16, 0, 0, 0, 0},
     {},
     "scheme: scale type is bf16, expected none, f32, e4m3 or e8m0"},
    {"OddE2M1Block",
     {kE2M1, kF32, 1, 3, 0, 0},
     {0, 1, 0, 0, 0},
     "scheme: e2m1 blocks of 3 along K, expected an even extent: two codes "
     "share a byte"},
    {"MissingNibbles",
     {kE2M1, kE8M0, 1, 32, 0, 0},
     {},
     "layout: nibble order is 0 for e2m1, expected hi_first (1) or lo_first "
     "(2)"},
    {"UnknownNibbles",
     {kE2M1, 0, 0, 0, 0, 0},
     {0, 3, 0, 0, 0},
     "layout: nibble order is 3 for e2m1, expected hi_first (1) or lo_first "
     "(2)"},
    {"NeedlessNibbles",
     {kE4M3, kF32, 0, 0, 0, 0},
     {0, 1, 0, 0, 0},
     "layout: nibble order is 1 for e4m3, expected none (0)"},
    {"NegativePad",
     {kE4M3, kF32, 0, 0, 0, 0},
     {0, 0, -1, 2, 3},
     "layout: pads are -1 (outer), 2 (K), 3 (scales), expected multiples of at "
     "least 0"},
    {"UnknownLayout",
     {kE4M3, kF32, 1, 128, 0, 0},
     {4, 0, 0, 0, 0},
     "layout: scale layout is number 4, expected 0 to 3"},
    {"NeedlessScalePad",
     {kE4M3, kF32, 1, 128, 0, 0},
     {0, 0, 0, 0, 4},
     "layout: scale_pad is 4 for linear, expected 0 or 1: only outer_major has "
     "one"},
    {"WideScaleLayout",
     {kF32, 0, 0, 0, 0, 0},
     {1, 0, 0, 0, 0},
     "layout: scale layout is outer_major for f32, which has no scale matrix, "
     "expected linear"},
    {"WholeScaleLayout",
     {kE4M3, kF32, 0, 0, 0, 0},
     {3, 0, 0, 0, 0},
     "layout: scale layout is tiled_128x4 for fp8, which has no scale matrix, "
     "expected linear"},
    {"BlocksOfE8M0",
     {kE4M3, kE8M0, 128, 128, 0, 0},
     {2, 0, 0, 0, 0},
     "layout: blocks_128x128 with e8m0 scales, expected f32"},
    {"BlocksOfRows",
     {kE4M3, kF32, 1, 128, 0, 0},
     {2, 0, 0, 0, 0},
     "layout: blocks_128x128 with blocks of 1 x 128, expected both extents of "
     "at least 2"},
    {"TiledF32",
     {kE4M3, kF32, 1, 128, 0, 0},
     {3, 0, 0, 0, 0},
     "layout: tiled_128x4 with f32 scales, expected one-byte scales (e4m3 or "
     "e8m0)"},
    {"TiledBlocks",
     {kE4M3, kE8M0, 32, 32, 0, 0},
     {3, 0, 0, 0, 0},
     "layout: tiled_128x4 with blocks of 32 x 32, expected one row by a part "
     "of K"},
    {"TiledRows",
     {kE4M3, kE8M0, 1, 0, 0, 0},
     {3, 0, 0, 0, 0},
     "layout: tiled_128x4 with blocks of 1 x whole, expected one row by a part "
     "of K"},
};

INSTANTIATE_TEST_SUITE_P(Rules, SchemeRefused, testing::ValuesIn(kRefusals),
                         [](const testing::TestParamInfo<Refusal> &info) {
                           return info.param.name;
                         });

/// The message of verifyTensor for a descriptor called "weight".
std::string refuse(const qmm_tensor &tensor) {
  Status status = verifyTensor(tensor, "weight");
  EXPECT_EQ(status.getCode(), QMM_STATUS_INVALID_ARGUMENT);
  return status.getMessage();
}

TEST(Tensor, Refused) {
  qmm_scheme nvfp4 = getScheme("nvfp4");
  OwnedTensor owned({16, 32}, nvfp4);
  ASSERT_TRUE(verifyTensor(owned.tensor, "weight").ok());

  qmm_tensor tensor = owned.tensor;
  tensor.struct_size = 8;
  EXPECT_EQ(refuse(tensor), "weight: struct_size is 8, expected " +
                                std::to_string(sizeof(qmm_tensor)));
  tensor = owned.tensor;
  tensor.rank = 9;
  EXPECT_EQ(refuse(tensor), "weight: rank is 9, expected at most 8");
  tensor.rank = 1;
  EXPECT_EQ(refuse(tensor), "weight: rank is 1, expected at least 2 for nvfp4");
  tensor = owned.tensor;
  tensor.shape[0] = -1;
  EXPECT_EQ(refuse(tensor), "weight: dimension 0 is -1, expected at least 0");
  tensor = owned.tensor;
  tensor.shape[1] = 40;
  EXPECT_EQ(refuse(tensor), "weight: K is 40 (40 with padding), expected a "
                            "multiple of the block, 16, for nvfp4");
  tensor.layout.pad_k = 7;
  EXPECT_EQ(refuse(tensor), "weight: K is 40 (42 with padding), expected a "
                            "multiple of the block, 16, for nvfp4");
  tensor = owned.tensor;
  tensor.layout.nibbles = QMM_NIBBLES_NONE;
  EXPECT_EQ(refuse(tensor), "weight: layout: nibble order is 0 for e2m1, "
                            "expected hi_first (1) or lo_first (2)");
  tensor = owned.tensor;
  tensor.data = nullptr;
  EXPECT_EQ(refuse(tensor), "weight: data is NULL, expected 256 bytes for "
                            "nvfp4 of shape 16 x 32");
  tensor = owned.tensor;
  tensor.scale = nullptr;
  EXPECT_EQ(refuse(tensor), "weight: scale is NULL, expected 32 bytes for "
                            "nvfp4 of shape 16 x 32");
  tensor = owned.tensor;
  tensor.tensor_scale = nullptr;
  EXPECT_EQ(refuse(tensor), "weight: tensor_scale is NULL, expected 4 bytes "
                            "for nvfp4 of shape 16 x 32");

  OwnedTensor wide({4}, getWideScheme(QMM_DTYPE_F32));
  ASSERT_TRUE(verifyTensor(wide.tensor, "weight").ok());
  tensor = wide.tensor;
  tensor.layout.pad_k = 16;
  EXPECT_EQ(refuse(tensor),
            "weight: rank is 1, expected at least 2 for a padded layout");
}

// Only schemes with f32 scales may end in a short block, and E2M1 never may.
TEST(Tensor, ShortLastBlock) {
  for (const char *name : {"fp8_1x128", "fp8_128x128", "int8_128x128"}) {
    qmm_tensor tensor = getDescriptor({130, 300}, getScheme(name), {});
    EXPECT_EQ(qmm_tensor_sizes(&tensor, nullptr, nullptr, nullptr),
              QMM_STATUS_OK)
        << qmm_last_error();
  }
  qmm_scheme e2m1 = {QMM_DTYPE_E2M1, QMM_DTYPE_F32, 1, 32, 0, 0};
  for (qmm_scheme scheme : {e2m1, getScheme("mxfp8")}) {
    qmm_tensor tensor = getDescriptor({8, 40}, scheme, getPlainLayout(scheme));
    EXPECT_EQ(qmm_tensor_sizes(&tensor, nullptr, nullptr, nullptr),
              QMM_STATUS_INVALID_ARGUMENT);
    tensor.layout.pad_k = 32;
    EXPECT_EQ(qmm_tensor_sizes(&tensor, nullptr, nullptr, nullptr),
              QMM_STATUS_OK)
        << qmm_last_error();
  }
}

TEST(Tensor, NullPointersWithoutBytes) {
  qmm_tensor tensor = getDescriptor({0, 64}, getScheme("mxfp8"), {});
  EXPECT_TRUE(verifyTensor(tensor, "empty").ok());
  // But one whole-tensor scale there always is.
  tensor = getDescriptor({0, 64}, getScheme("fp8"), {});
  EXPECT_EQ(verifyTensor(tensor, "empty").getMessage(),
            "empty: scale is NULL, expected 4 bytes for fp8 of shape 0 x 64");
}

TEST(Tensor, SizesThatOverflow) {
  const char *message =
      "tensor: the tensor's size in bytes doesn't fit in 63 bits";
  auto expectOverflow = [&](const std::vector<int64_t> &shape,
                            const qmm_scheme &scheme, qmm_layout layout) {
    qmm_tensor tensor = getDescriptor(shape, scheme, layout);
    EXPECT_EQ(qmm_tensor_sizes(&tensor, nullptr, nullptr, nullptr),
              QMM_STATUS_INVALID_ARGUMENT);
    EXPECT_STREQ(qmm_last_error(), message);
  };
  constexpr int64_t kHuge = INT64_MAX, kLarge = int64_t(1) << 31;
  qmm_scheme f32 = getWideScheme(QMM_DTYPE_F32), row = getScheme("fp8_row");
  expectOverflow({kHuge}, f32, {});
  expectOverflow({kHuge, 1}, f32, {});
  expectOverflow({kLarge, kLarge}, f32, {});
  expectOverflow({kLarge, kLarge, 1, 1}, f32, {});
  expectOverflow({kLarge, kLarge, kLarge, 4}, f32, {});
  // A zero extent doesn't hide the others.
  expectOverflow({kLarge, kLarge, kLarge, 0}, f32, {});
  expectOverflow({0, kLarge, kLarge}, f32, {});
  expectOverflow({2, 2}, f32, {0, 0, kHuge, 0, 0});
  expectOverflow({2, 2}, f32, {0, 0, 0, kHuge, 0});
  expectOverflow({4, 4}, row, {QMM_SCALES_OUTER_MAJOR, 0, 0, 0, kHuge});
  // The scales alone: one f32 for each of 2^62 rows of no elements.
  expectOverflow({kLarge, kLarge, 0}, row, {});
}

} // namespace
