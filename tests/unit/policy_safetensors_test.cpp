// The safetensors reader, writer and shard index: against bytes of the reference library, a table
// of lying headers, and systematic damage.
#include "base/error.h"
#include "policy/checkpoint/half.h"
#include "policy/checkpoint/hf_weights.h"
#include "policy/checkpoint/safetensors.h"
#include "tests/memory_file.h"
#include "tests/temporary_folder.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace retort {
namespace {

namespace fs = std::filesystem;

class Safetensors : public testing::Test {
 protected:
  std::string path(const std::string& name = "t.safetensors") const {
    return dir_.path() + "/" + name;
  }
  void put(const std::string& bytes, const std::string& name = "t.safetensors") const {
    std::ofstream(path(name), std::ios::binary) << bytes;
  }
  std::string get(const std::string& name = "t.safetensors") const {
    std::ifstream in(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string refusal() const {
    try {
      SafetensorsFile::open(path());
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  }
  tests::TemporaryFolder dir_;
};

std::string with_length(const std::string& header, const std::string& data, uint64_t length) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}
std::string file_of(const std::string& header, const std::string& data) {
  return with_length(header, data, header.size());
}

std::vector<float> values(const SafetensorsFile& file, const std::string& name) {
  const TensorView& view = file.at(name);
  std::vector<float> out(static_cast<size_t>(view.size()));
  load_f32(file.path(), view, out.data());
  return out;
}

// safetensors.torch.save_file (0.8.0) of a fp32 zeros [2, 2], z fp32 one [], b bf16 ones [3], c
// fp16 one [1], with metadata {"format": "pt"}.
const std::string kReferenceHeader =
    R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
    R"("z":{"dtype":"F32","shape":[],"data_offsets":[16,20]},"b":{"dtype":"BF16","shape":[3],)"
    R"("data_offsets":[20,26]},"c.é\"":{"dtype":"F16","shape":[1],"data_offsets":[26,28]}}      )";
const std::string kReferenceData =
    std::string(18, '\0') + "\x80\x3f" + "\x80\x3f\x80\x3f\x80\x3f" + std::string("\0<", 2);

TEST_F(Safetensors, WritesTheBytesOfTheReferenceLibrary) {
  const std::vector<float> zeros(4, 0.0f), ones(3, 1.0f);
  write_safetensors(path(), {from_f32("b", {3}, Dtype::kBF16, ones.data()),
                             from_f32("z", {}, Dtype::kF32, ones.data()),
                             from_f32("c.é\"", {1}, Dtype::kF16, ones.data()),
                             from_f32("a", {2, 2}, Dtype::kF32, zeros.data())});
  EXPECT_EQ(get(), file_of(kReferenceHeader, kReferenceData));
  EXPECT_FALSE(fs::exists(path() + ".partial"));
}

TEST_F(Safetensors, ReadsTheReferenceLibrarysBytes) {
  put(file_of(kReferenceHeader, kReferenceData));
  const SafetensorsFile file = SafetensorsFile::open(path());
  ASSERT_EQ(file.tensors().size(), 4u);
  EXPECT_EQ(file.tensors()[0].name, "a");
  EXPECT_EQ(file.at("a").shape, (Shape{2, 2}));
  EXPECT_EQ(file.at("z").shape, Shape{});
  EXPECT_EQ(file.at("z").size(), 1);
  EXPECT_EQ(values(file, "a"), std::vector<float>(4, 0.0f));
  EXPECT_EQ(values(file, "b"), std::vector<float>(3, 1.0f));
  EXPECT_EQ(values(file, "c.é\""), std::vector<float>(1, 1.0f));
  EXPECT_EQ(file.find("d"), nullptr);
  EXPECT_THROW(file.at("d"), UserError);
}

TEST_F(Safetensors, AcceptsWhatTheReferenceLibraryAccepts) {
  const std::string data(8, '\0');
  for (
      const char* header : {
          R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}   )",
          R"( {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
          R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"more":{"x":[1,{"y":[]}]}}})",
          R"({"__metadata__":null,"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
          R"({"a":{"dtype":"F32","shape":[0,3],"data_offsets":[8,8]},"b":{"data_offsets":[0,8],"shape":[1,2],"dtype":"F32"}})",
          R"({"a":{"dtype":"F4","shape":[16],"data_offsets":[0,8]}})",
          R"({"a":{"dtype":"\u0046\u0033\u0032","shape":[2],"data_offsets":[0,8]}})",
          R"({"":{"dtype":"F64","shape":[],"data_offsets":[0,8]}})",
      }) {
    put(file_of(header, data));
    EXPECT_EQ(refusal(), "accepted") << header;
  }
  put(file_of("{}", ""));
  EXPECT_EQ(refusal(), "accepted");
}

TEST_F(Safetensors, NamesWhatIsWrongWithAHeader) {
  const std::string data(8, '\0');
  const struct {
    const char* header;
    const char* message;
  } kCases[] = {
      {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})",
       "tensor 'a': shape [3] of F32 does not fill the 8 bytes of data_offsets [0, 8]"},
      {R"({"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,8]}})",
       "shape [2] of BF16 does not fill"},
      {R"({"a":{"dtype":"X9","shape":[2],"data_offsets":[0,8]}})",
       "tensor 'a': unknown dtype 'X9'"},
      {R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})",
       "tensor 'a': data_offsets [0, 16] reach past the 8 bytes of data"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
       "4 bytes after the last tensor"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
       "tensor 'a': data_offsets [4, 8] leave a gap"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}})", "end before they begin"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
       "tensor 'b': data_offsets [4, 8] overlap another tensor"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
       "tensor 'a': is in the header twice"},
      {R"({"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
       "has two fields 'dtype'"},
      {R"({"a":{"shape":[2],"data_offsets":[0,8]}})", "tensor 'a': has no dtype"},
      {R"({"a":{"dtype":"F32","data_offsets":[0,8]}})", "tensor 'a': has no shape"},
      {R"({"a":{"dtype":"F32","shape":[2]}})", "tensor 'a': has no data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}})", "fewer than two numbers"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}})", "more than two numbers"},
      {R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", "shape has a negative number"},
      {R"({"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})", "shape has a fraction"},
      {R"({"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}})",
       "shape has a number where a list"},
      {R"({"a":{"dtype":"F32","shape":[[2]],"data_offsets":[0,8]}})", "shape has a list"},
      {R"({"a":{"dtype":7,"shape":[2],"data_offsets":[0,8]}})", "dtype is a number"},
      {R"({"a":[1]})", "tensor 'a': is a list, not an object"},
      {R"([1])", "header is not a JSON object"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})",
       "header is not valid JSON at byte"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}x)", "header is not valid JSON"},
      {"{\"a\xff\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
       "header is not valid JSON"},
      {"\xef\xbb\xbf{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
       "byte-order mark"},
      {R"({"__metadata__":{"x":1},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
       "__metadata__ has a number"},
      {R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]}})",
       "shape has the size 18446744073709551615"},
      // 2^63 x 2^63 x 0 elements: the product overflows on its way to 0.
      {R"({"a":{"dtype":"F32","shape":[4611686018427387904,4611686018427387904,0],"data_offsets":[0,0]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
       "tensor 'a': shape"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[18446744073709551608,18446744073709551615]}})",
       "reach past"},
      {R"({"a":{"dtype":"F4","shape":[15],"data_offsets":[0,8]}})", "does not fill"},
  };
  for (const auto& test : kCases) {
    put(file_of(test.header, data));
    const std::string message = refusal();
    EXPECT_TRUE(message.starts_with(path() + ": ")) << message;
    EXPECT_NE(message.find(test.message), std::string::npos) << test.header << "\n  " << message;
  }
}

TEST_F(Safetensors, NamesALyingLength) {
  const std::string header = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  const std::string data(8, '\0');
  put("");
  EXPECT_NE(refusal().find("has 0 bytes"), std::string::npos);
  put("1234567");
  EXPECT_NE(refusal().find("has 7 bytes"), std::string::npos);
  for (const uint64_t length :
       {~uint64_t{0}, uint64_t{1} << 63, uint64_t{1} << 40, uint64_t{1000}}) {
    put(with_length(header, data, length));
    EXPECT_NE(refusal().find("says its header has " + std::to_string(length) + " bytes"),
              std::string::npos)
        << refusal();
  }
  put(with_length(header, data, header.size() - 1));
  EXPECT_NE(refusal().find("not valid JSON"), std::string::npos);
  put(file_of(header, data.substr(1)));
  EXPECT_NE(refusal().find("reach past the 7 bytes"), std::string::npos);
  put(file_of(header, data + "x"));
  EXPECT_NE(refusal().find("1 bytes after the last tensor"), std::string::npos);
  EXPECT_THROW(SafetensorsFile::open(path("missing")), UserError);
  EXPECT_THROW(SafetensorsFile::open(dir_.path()), UserError);
}

// Every bit flipped, every byte replaced, every truncation: a UserError, or a file whose tensors
// can be read to the last byte.
TEST_F(Safetensors, SurvivesDamage) {
  tests::MemoryFile damaged_file;
  const std::string whole = file_of(kReferenceHeader, kReferenceData);
  int accepted = 0;
  const auto survives = [&](const std::string& damaged) {
    damaged_file.put(damaged);
    try {
      const SafetensorsFile file = SafetensorsFile::open(damaged_file.path());
      for (const TensorView& view : file.tensors()) {
        std::vector<float> out(static_cast<size_t>(view.size()));
        try {
          load_f32(file.path(), view, out.data());
        } catch (const UserError&) {
        }
      }
      ++accepted;
    } catch (const UserError&) {
    }
  };
  for (size_t i = 0; i <= whole.size(); ++i) survives(whole.substr(0, i));
  EXPECT_EQ(accepted, 1) << "only the whole file is one";
  for (size_t i = 0; i < whole.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      survives(damaged);
    }
    for (const char c : {'\0', '"', '[', '}', '9', '-'}) {
      std::string damaged = whole;
      damaged[i] = c;
      survives(damaged);
    }
  }
  EXPECT_GT(accepted, 1) << "a flipped bit of the data is still a file";
  survives(file_of(std::string(100'000, '['), ""));
  survives(file_of("{\"a\":{\"x\":" + std::string(100'000, '['), ""));
}

TEST_F(Safetensors, LoadsWeightsOnly) {
  put(file_of(R"({"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}})", std::string(8, '\0')));
  const SafetensorsFile file = SafetensorsFile::open(path());
  float out[1];
  try {
    load_f32(file.path(), file.at("a"), out);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what())
                  .find("tensor 'a': has the dtype I64; weights must be F32, BF16 or F16"),
              std::string::npos)
        << error.what();
  }
}

TEST_F(Safetensors, LoadsFromAnyAlignment) {
  // A header of odd length puts the data at an odd address.
  std::string header = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  if (header.size() % 2 == 0) header += ' ';
  const float wanted[] = {1.5f, -3.25f};
  put(file_of(header, std::string(reinterpret_cast<const char*>(wanted), 8)));
  EXPECT_EQ(values(SafetensorsFile::open(path()), "a"), (std::vector<float>{1.5f, -3.25f}));
}

TEST_F(Safetensors, ReadsShardsAndChecksTheirIndex) {
  const float one[] = {1.0f}, two[] = {2.0f, 3.0f};
  write_safetensors(path("model-00001-of-00002.safetensors"),
                    {from_f32("a", {1}, Dtype::kF32, one)});
  write_safetensors(path("model-00002-of-00002.safetensors"),
                    {from_f32("b", {2}, Dtype::kBF16, two)});
  const std::string kIndex = "model.safetensors.index.json";
  const auto refusal_of = [&](const std::string& index) -> std::string {
    put(index, kIndex);
    try {
      HfWeights::open(dir_.path());
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  };
  const std::string good =
      R"({"metadata":{"total_size":8},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}})";
  ASSERT_EQ(refusal_of(good), "accepted");
  const HfWeights weights = HfWeights::open(dir_.path());
  EXPECT_EQ(weights.names(), (std::vector<std::string>{"a", "b"}));
  float out[2];
  weights.load_f32("b", {2}, out);
  EXPECT_EQ(out[1], 3.0f);
  EXPECT_THROW(weights.load_f32("b", {1, 2}, out), UserError);
  EXPECT_THROW(weights.load_f32("c", {1}, out), UserError);

  EXPECT_NE(
      refusal_of(
          R"({"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors","c":"model-00002-of-00002.safetensors"}})")
          .find("tensor 'c' is missing from model-00002-of-00002.safetensors"),
      std::string::npos);
  EXPECT_NE(
      refusal_of(
          R"({"weight_map":{"a":"model-00001-of-00002.safetensors","c":"model-00002-of-00002.safetensors"}})")
          .find("does not say that tensor 'b' is in model-00002-of-00002.safetensors"),
      std::string::npos);
  EXPECT_NE(
      refusal_of(
          R"({"weight_map":{"a":"model-00002-of-00002.safetensors","b":"model-00001-of-00002.safetensors"}})")
          .find("does not say that tensor"),
      std::string::npos);
  EXPECT_NE(refusal_of(R"({"weight_map":{"a":"gone.safetensors"}})").find("gone.safetensors"),
            std::string::npos);
  EXPECT_NE(refusal_of(R"({"weight_map":{"a":"../t.safetensors"}})")
                .find("name a file of the same directory"),
            std::string::npos);
  EXPECT_NE(refusal_of(R"({"weight_map":{"a":1}})").find("'weight_map.a' is 1"), std::string::npos);
  EXPECT_NE(refusal_of(R"({"weight_map":{}})").find("'weight_map' is empty"), std::string::npos);
  EXPECT_NE(refusal_of(R"({})").find("'weight_map' is missing"), std::string::npos);
  EXPECT_NE(refusal_of("{").find("is not valid JSON"), std::string::npos);
  fs::remove(path(kIndex));
  EXPECT_THROW(HfWeights::open(dir_.path()), UserError);
  write_safetensors(path("model.safetensors"), {from_f32("a", {1}, Dtype::kF32, one)});
  EXPECT_EQ(HfWeights::open(dir_.path()).names(), (std::vector<std::string>{"a"}));
}

TEST_F(Safetensors, AFailedWriteLeavesTheOldFile) {
  put("old");
  TensorSource failing{
      "a", Dtype::kF32, {1}, [](std::span<std::byte>) { throw UserError("a", "b", "c"); }};
  EXPECT_THROW(write_safetensors(path(), {failing}), UserError);
  EXPECT_EQ(get(), "old");
  EXPECT_FALSE(fs::exists(path() + ".partial"));
  EXPECT_THROW(write_safetensors(path("no/such/folder"), {}), UserError);
}

// The compiler's own _Float16 conversions are the oracle.
TEST(Half, Fp16EqualsTheCompilers) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const auto wanted = static_cast<float>(std::bit_cast<_Float16>(half));
    const float got = f32_from_f16(half);
    if (std::isnan(wanted)) {
      EXPECT_TRUE(std::isnan(got));
      EXPECT_TRUE(std::isnan(f32_from_f16(f16_from_f32(got))));
      continue;
    }
    ASSERT_EQ(std::bit_cast<uint32_t>(got), std::bit_cast<uint32_t>(wanted)) << bits;
    ASSERT_EQ(f16_from_f32(got), half);
  }
  // Around every fp16 value and every midpoint of two: their neighbours in fp32, both signs.
  for (uint32_t bits = 0; bits < 0x7c00; ++bits) {
    const float low = f32_from_f16(static_cast<uint16_t>(bits));
    const float high =
        bits + 1 == 0x7c00 ? 65536.0f : f32_from_f16(static_cast<uint16_t>(bits + 1));
    const float middle = low + (high - low) / 2;
    for (const float at : {low, middle, std::nextafter(middle, 0.0f), std::nextafter(middle, 1e6f)})
      for (const float value : {at, -at})
        ASSERT_EQ(f16_from_f32(value), std::bit_cast<uint16_t>(static_cast<_Float16>(value)))
            << value;
  }
  for (const float value :
       {65504.0f, 65519.996f, 65520.0f, 1e38f, INFINITY, 2.98e-8f, 2.9802322e-8f, 1e-45f})
    EXPECT_EQ(f16_from_f32(value), std::bit_cast<uint16_t>(static_cast<_Float16>(value))) << value;
}

TEST(Half, Bf16RoundsToTheNearestTiesToEven) {
  for (uint32_t bits = 0; bits < 0x7f80; ++bits) {
    const auto low_bits = static_cast<uint16_t>(bits);
    const uint16_t high_bits = low_bits + 1;
    const uint32_t wide = bits << 16;
    ASSERT_EQ(std::bit_cast<uint32_t>(f32_from_bf16(low_bits)), wide);
    const uint16_t even = bits % 2 == 0 ? low_bits : high_bits;
    ASSERT_EQ(bf16_from_f32(std::bit_cast<float>(wide)), low_bits);
    ASSERT_EQ(bf16_from_f32(std::bit_cast<float>(wide + 0x7fff)), low_bits);
    ASSERT_EQ(bf16_from_f32(std::bit_cast<float>(wide + 0x8000)), even);
    ASSERT_EQ(bf16_from_f32(std::bit_cast<float>(wide + 0x8001)), high_bits);
    ASSERT_EQ(bf16_from_f32(-std::bit_cast<float>(wide + 0x8001)), high_bits | 0x8000);
  }
  EXPECT_TRUE(std::isnan(f32_from_bf16(bf16_from_f32(std::bit_cast<float>(0x7f800001u)))));
  EXPECT_TRUE(std::isnan(f32_from_bf16(bf16_from_f32(std::bit_cast<float>(0xffffffffu)))));
}

}  // namespace
}  // namespace retort
