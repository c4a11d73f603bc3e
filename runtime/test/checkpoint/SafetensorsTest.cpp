//===- checkpoint/SafetensorsTest.cpp - Rules of the format -*- C++ -*-===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See Safetensors.h.
//
//===----------------------------------------------------------------------===//
#include "FileBuilder.h"

#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace qmmrt;
using namespace qmmrt::test;

static Status parseStatus(const std::string &bytes) {
  // An exact copy on the heap, so that a sanitizer sees the first byte past it.
  std::vector<char> copy(bytes.begin(), bytes.end());
  auto file = SafetensorsFile::parse(copy.data(), copy.size(), "mem");
  return file.ok() ? Status() : file.getStatus();
}

static void expectMalformed(const std::string &bytes,
                            std::initializer_list<const char *> parts) {
  Status status = parseStatus(bytes);
  expectError(status, QMM_STATUS_MALFORMED, parts);
  EXPECT_EQ(status.getMessage().substr(0, 5), "mem: ");
}

/// One tensor 'a' of four bytes.
static std::string withFields(const std::string &fields) {
  return rawFile("{\"a\":{" + fields + "}}", "abcd");
}

TEST(Safetensors, ReadsTensorsInDataOrder) {
  std::string header =
      R"({"__metadata__":{"k":"v"},"late":{"dtype":"I8","shape":[2],)"
      R"("data_offsets":[4,6]},"early":{"dtype":"F32","shape":[],)"
      R"("data_offsets":[0,4]},"none":{"dtype":"F16","shape":[0,7],)"
      R"("data_offsets":[4,4]}}   )";
  std::string bytes = rawFile(header, f32({2.5f}) + "xy");
  auto file = SafetensorsFile::parse(bytes.data(), bytes.size(), "mem");
  ASSERT_TRUE(file.ok()) << file.getStatus().getMessage();
  SafetensorsFile moved = std::move(*file);
  const auto &tensors = moved.getTensors();
  ASSERT_EQ(tensors.size(), 3u);
  EXPECT_EQ(tensors[0].name, "early");
  EXPECT_EQ(tensors[1].name, "none");
  EXPECT_EQ(tensors[2].name, "late");
  EXPECT_EQ(tensors[0].dtype, QMM_DTYPE_F32);
  EXPECT_EQ(std::memcmp(tensors[0].data, f32({2.5f}).data(), 4), 0);
  EXPECT_EQ(tensors[2].data[1], 'y');
  EXPECT_EQ(tensors[2].fileOffset, 8 + header.size() + 4);
  EXPECT_EQ(tensors[1].bytes, 0u);
  EXPECT_EQ(tensors[1].shape, (std::vector<int64_t>{0, 7}));
  EXPECT_EQ(moved.find("late"), &tensors[2]);
  EXPECT_EQ(moved.find("lat"), nullptr);
  EXPECT_EQ(moved.getMetadata().at("k"), "v");
}

TEST(Safetensors, AcceptsAFileWithoutTensors) {
  EXPECT_TRUE(parseStatus(rawFile("{}")).ok());
}

TEST(Safetensors, KnowsEveryDType) {
  struct Case {
    const char *name;
    qmm_dtype dtype;
    int64_t bitsOfTwo;
  } cases[] = {
      {"F64", QMM_DTYPE_F64, 128},     {"F32", QMM_DTYPE_F32, 64},
      {"BF16", QMM_DTYPE_BF16, 32},    {"F16", QMM_DTYPE_F16, 32},
      {"F8_E4M3", QMM_DTYPE_E4M3, 16}, {"F8_E5M2", QMM_DTYPE_E5M2, 16},
      {"F8_E8M0", QMM_DTYPE_E8M0, 16}, {"F8_E8M0FNU", QMM_DTYPE_E8M0, 16},
      {"F4", QMM_DTYPE_E2M1, 8},       {"F4_E2M1", QMM_DTYPE_E2M1, 8},
      {"I8", QMM_DTYPE_I8, 16},        {"U8", QMM_DTYPE_U8, 16},
      {"I16", QMM_DTYPE_I16, 32},      {"U16", QMM_DTYPE_U16, 32},
      {"I32", QMM_DTYPE_I32, 64},      {"U32", QMM_DTYPE_U32, 64},
      {"I64", QMM_DTYPE_I64, 128},     {"U64", QMM_DTYPE_U64, 128},
      {"BOOL", QMM_DTYPE_BOOL, 16},
  };
  for (const Case &c : cases) {
    std::string bytes =
        FileBuilder().addFilled("a", c.name, {2}, c.bitsOfTwo / 8).build();
    auto file = SafetensorsFile::parse(bytes.data(), bytes.size(), "mem");
    ASSERT_TRUE(file.ok()) << file.getStatus().getMessage();
    EXPECT_EQ(file->getTensors()[0].dtype, c.dtype) << c.name;
    EXPECT_EQ(file->getTensors()[0].dtypeName, c.name);
  }
}

TEST(Safetensors, RefusesEmptyFile) { expectMalformed("", {"is empty"}); }

TEST(Safetensors, RefusesTooShortForALength) {
  expectMalformed("1234567", {"7 bytes", "too few"});
}

TEST(Safetensors, RefusesHeaderPastTheEnd) {
  expectMalformed(rawFile("{}").substr(0, 9),
                  {"truncated", "header has 2 bytes", "only 1"});
}

TEST(Safetensors, RefusesHeaderOverTheLimit) {
  std::string bytes("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10);
  expectMalformed(bytes, {"18446744073709551615", "at most 100000000"});
}

TEST(Safetensors, RefusesAHeaderThatIsNoObject) {
  expectMalformed(rawFile("[]"), {"doesn't begin with '{'"});
  expectMalformed(rawFile(""), {"doesn't begin with '{'"});
  expectMalformed(rawFile(" {}"), {"doesn't begin with '{'"});
}

TEST(Safetensors, RefusesBadJson) {
  expectMalformed(rawFile(R"({"a":)"), {"not valid JSON at byte"});
  expectMalformed(rawFile("{}x"), {"not valid JSON at byte 3"});
}

TEST(Safetensors, RefusesInvalidUtf8) {
  expectMalformed(rawFile("{\"\xff\":{}}"), {"not valid JSON", "UTF-8"});
}

TEST(Safetensors, RefusesZeroByteInHeader) {
  expectMalformed(rawFile(std::string("{}\0{", 4)), {"zero byte at 2"});
}

TEST(Safetensors, RefusesDeepNesting) {
  // Refused at the first level that doesn't belong, however deep the rest.
  std::string deep(1u << 20, '[');
  expectMalformed(rawFile("{\"a\":" + deep), {"'a' is an array"});
  expectMalformed(rawFile("{\"a\":{\"shape\":[" + deep),
                  {"tensor 'a'", "'shape' has an array"});
}

TEST(Safetensors, RefusesDuplicateNames) {
  std::string entry = R"("a":{"dtype":"I8","shape":[0],"data_offsets":[0,0]})";
  expectMalformed(rawFile("{" + entry + "," + entry + "}"),
                  {"names 'a' twice"});
}

TEST(Safetensors, RefusesDuplicateFields) {
  expectMalformed(withFields(R"("dtype":"I8","dtype":"I8")"),
                  {"tensor 'a'", "'dtype' occurs twice"});
}

TEST(Safetensors, RefusesDuplicateMetadata) {
  expectMalformed(rawFile(R"({"__metadata__":{"k":"1","k":"2"}})"),
                  {"'k' twice"});
  expectMalformed(rawFile(R"({"__metadata__":{},"__metadata__":{}})"),
                  {"'__metadata__' twice"});
}

TEST(Safetensors, RefusesMetadataThatIsNoString) {
  expectMalformed(rawFile(R"({"__metadata__":{"k":1}})"),
                  {"the number 1", "'k'", "expected a string"});
  expectMalformed(rawFile(R"({"__metadata__":[]})"),
                  {"'__metadata__' is an array"});
}

TEST(Safetensors, RefusesUnknownField) {
  expectMalformed(withFields(R"("strides":[1])"),
                  {"tensor 'a'", "unknown field 'strides'"});
}

TEST(Safetensors, RefusesMissingField) {
  expectMalformed(withFields(R"("dtype":"I8","shape":[4])"),
                  {"tensor 'a'", "no 'data_offsets'"});
  expectMalformed(withFields(R"("shape":[4],"data_offsets":[0,4])"),
                  {"tensor 'a'", "no 'dtype'"});
  expectMalformed(withFields(R"("dtype":"I8","data_offsets":[0,4])"),
                  {"tensor 'a'", "no 'shape'"});
}

TEST(Safetensors, RefusesWrongKinds) {
  expectMalformed(withFields(R"("dtype":7)"),
                  {"tensor 'a'", "the number 7", "string for 'dtype'"});
  expectMalformed(withFields(R"("shape":"4")"),
                  {"tensor 'a'", "a string", "array of extents"});
  expectMalformed(withFields(R"("data_offsets":null)"),
                  {"tensor 'a'", "null", "two numbers"});
  expectMalformed(rawFile(R"({"a":true})"), {"'a' is a boolean"});
}

TEST(Safetensors, RefusesBadExtents) {
  expectMalformed(withFields(R"("shape":[-4])"), {"tensor 'a'", "-4"});
  expectMalformed(withFields(R"("shape":[4.5])"), {"tensor 'a'", "4.5"});
  expectMalformed(withFields(R"("shape":[9223372036854775808])"),
                  {"tensor 'a'", "9223372036854775808"});
  expectMalformed(withFields(R"("shape":[99999999999999999999])"),
                  {"tensor 'a'", "99999999999999999999"});
}

TEST(Safetensors, RefusesTooManyDimensions) {
  std::string extents;
  for (int i = 0; i < 64; ++i)
    extents += "1,";
  expectMalformed(withFields("\"shape\":[" + extents + "1]"),
                  {"tensor 'a'", "more than 64 dimensions"});
}

TEST(Safetensors, RefusesUnknownDType) {
  expectError(parseStatus(withFields(
                  R"("dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3])")),
              QMM_STATUS_UNSUPPORTED, {"mem: ", "tensor 'a'", "'F6_E2M3'"});
}

TEST(Safetensors, RefusesShapeOverflow) {
  expectMalformed(
      withFields(
          R"("dtype":"I8","shape":[4294967296,4294967296],"data_offsets":[0,4])"),
      {"tensor 'a'", "overflows"});
  expectMalformed(
      withFields(
          R"("dtype":"F64","shape":[4611686018427387904],"data_offsets":[0,4])"),
      {"tensor 'a'", "overflows"});
  // A zero doesn't hide the overflow of what comes before it.
  expectMalformed(
      withFields(
          R"("dtype":"I8","shape":[4294967296,4294967296,0],"data_offsets":[0,0])"),
      {"tensor 'a'", "overflows"});
}

TEST(Safetensors, RefusesHalfAByteOfF4) {
  expectMalformed(
      withFields(R"("dtype":"F4","shape":[7],"data_offsets":[0,4])"),
      {"tensor 'a'", "F4 [7]", "even number"});
}

TEST(Safetensors, RefusesWrongSize) {
  expectMalformed(
      withFields(R"("dtype":"BF16","shape":[3],"data_offsets":[0,4])"),
      {"tensor 'a'", "hold 4 bytes", "BF16 [3] takes 6"});
}

TEST(Safetensors, RefusesBadOffsets) {
  expectMalformed(
      withFields(R"("dtype":"I8","shape":[4],"data_offsets":[4,0])"),
      {"tensor 'a'", "[4, 0]", "end before"});
  expectMalformed(withFields(R"("data_offsets":[0])"),
                  {"tensor 'a'", "1 numbers"});
  expectMalformed(withFields(R"("data_offsets":[0,4,4])"),
                  {"tensor 'a'", "more than two"});
  expectMalformed(withFields(R"("data_offsets":[-1,4])"), {"tensor 'a'", "-1"});
}

TEST(Safetensors, RefusesTruncatedData) {
  std::string bytes = FileBuilder()
                          .addFilled("a", "I8", {4}, 4)
                          .addFilled("b", "I8", {4}, 4)
                          .build();
  bytes.resize(bytes.size() - 1);
  expectMalformed(bytes, {"truncated", "tensor 'b'", "7 bytes of data"});
}

TEST(Safetensors, RefusesOverlap) {
  expectMalformed(
      rawFile(R"({"a":{"dtype":"I8","shape":[3],"data_offsets":[0,3]},)"
              R"("b":{"dtype":"I8","shape":[2],"data_offsets":[2,4]}})",
              "abcd"),
      {"tensor 'b'", "overlap tensor 'a'", "ends at 3"});
}

TEST(Safetensors, RefusesGap) {
  expectMalformed(
      rawFile(R"({"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},)"
              R"("b":{"dtype":"I8","shape":[2],"data_offsets":[2,4]}})",
              "abcd"),
      {"tensor 'b'", "gap", "end at 1"});
  expectMalformed(
      withFields(R"("dtype":"I8","shape":[3],"data_offsets":[1,4])"),
      {"tensor 'a'", "gap"});
}

TEST(Safetensors, RefusesTrailingBytes) {
  expectMalformed(FileBuilder().addFilled("a", "I8", {4}, 4).build() + "xyz",
                  {"3 bytes after its last tensor"});
}

TEST(Safetensors, EscapesNamesInMessages) {
  expectMalformed(rawFile("{\"a\\n\":7}"), {"'a\\x0a'"});
}

TEST(Safetensors, OpenSaysWhatItFound) {
  std::string folder = ::testing::TempDir();
  expectError(SafetensorsFile::open(folder + "no-such-file").getStatus(),
              QMM_STATUS_NOT_FOUND, {"no-such-file", "cannot open"});
  expectError(SafetensorsFile::open(folder).getStatus(), QMM_STATUS_IO,
              {"is a directory"});
  std::string pipe = folder + "qmm-test-pipe-" + std::to_string(::getpid());
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  expectError(SafetensorsFile::open(pipe).getStatus(), QMM_STATUS_IO,
              {"not a regular file"});
  ::unlink(pipe.c_str());
  std::string empty = folder + "qmm-test-empty-" + std::to_string(::getpid());
  std::ofstream(empty).close();
  expectError(SafetensorsFile::open(empty).getStatus(), QMM_STATUS_MALFORMED,
              {"is empty"});
  ::unlink(empty.c_str());
}
