// The GGUF reader and its conversion to the Hugging Face layout: against Transformers' own GGUF
// loader and the tokenizers library (tests/parity/make_gguf_fixtures.py), against files that lie,
// and against systematic damage.
#include "base/error.h"
#include "policy/checkpoint/decoder_tensors.h"
#include "policy/checkpoint/half.h"
#include "policy/gguf/convert_gguf.h"
#include "policy/gguf/gguf_file.h"
#include "policy/gguf/gguf_tokenizer.h"
#include "tests/memory_file.h"
#include "tests/temporary_folder.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <xxhash.h>

#include <cstring>
#include <filesystem>
#include <fstream>

namespace retort {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kFixtures = "tests/parity/gguf/";

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string digest(const void* data, size_t bytes) {
  const XXH128_hash_t hash = XXH3_128bits(data, bytes);
  char text[33];
  snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(hash.high64),
           static_cast<unsigned long long>(hash.low64));
  return text;
}

// Every tensor of the directory has the digest that the fixture says, and there is no other.
void expect_tensors(const json& want, const std::string& dir) {
  const HfWeights weights = HfWeights::open(dir);
  EXPECT_EQ(weights.names().size(), want.size());
  for (const auto& [name, tensor] : want.items()) {
    const auto shape = tensor["shape"].get<Shape>();
    const TensorView& view = weights.at(name, shape);
    std::vector<float> values(static_cast<size_t>(view.size()));
    weights.load_f32(name, shape, values.data());
    EXPECT_EQ(digest(values.data(), values.size() * sizeof(float)),
              tensor["xxh3_128"].get<std::string>())
        << name;
  }
}

class Gguf : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return dir_.path() + "/" + name; }
  void put(const std::string& bytes) const {
    std::ofstream(path("t.gguf"), std::ios::binary) << bytes;
  }

  // What opening, or converting when `convert`, says about the bytes.
  std::string refusal(const std::string& bytes, bool convert = false) const {
    put(bytes);
    try {
      if (convert)
        convert_gguf(path("t.gguf"), path("out"), std::nullopt);
      else
        GgufFile::open(path("t.gguf"));
    } catch (const UserError& error) {
      EXPECT_FALSE(fs::exists(path("out")));
      EXPECT_FALSE(fs::exists(path("out.retort-partial")));
      return error.what();
    }
    fs::remove_all(path("out"));
    return "accepted";
  }
  tests::TemporaryFolder dir_;
};

TEST_F(Gguf, EveryTensorEqualsTransformersLoaders) {
  for (const char* name : {"tied", "untied"}) {
    SCOPED_TRACE(name);
    const json want = json::parse(read(kFixtures + std::string(name) + ".json"));
    const std::string out = path(name);
    std::vector<int64_t> told;
    const ConvertReport report = convert_gguf(
        kFixtures + std::string(name) + ".gguf", out, std::nullopt, [&](int64_t done, int64_t of) {
          told.push_back(done);
          EXPECT_EQ(of, static_cast<int64_t>(want["tensors"].size()));
        });
    ASSERT_EQ(static_cast<int64_t>(told.size()), report.tensors);
    for (size_t i = 0; i < told.size(); ++i) EXPECT_EQ(told[i], static_cast<int64_t>(i) + 1);
    EXPECT_EQ(report.tensors, static_cast<int64_t>(want["tensors"].size()));
    expect_tensors(want["tensors"], out);
    EXPECT_EQ(json::parse(read(fs::path(out) / "tokenizer.json")), want["tokenizer"]);
    const json tokenizer_config = json::parse(read(fs::path(out) / "tokenizer_config.json"));
    EXPECT_EQ(tokenizer_config["chat_template"], want["chat_template"]);
    EXPECT_EQ(tokenizer_config["bos_token"], "<|im_start|>");
    EXPECT_EQ(tokenizer_config["eos_token"], "<|im_end|>");
    EXPECT_EQ(tokenizer_config["pad_token"], "<|im_end|>");
    EXPECT_EQ(tokenizer_config["unk_token"], "<|endoftext|>");
    EXPECT_EQ(tokenizer_config["model_max_length"], 128);
    const ModelConfig config = ModelConfig::from_dir(out);
    check_decoder_tensors(config, HfWeights::open(out));
    EXPECT_EQ(config.rms_norm_eps, 1e-5);
    EXPECT_EQ(config.rotary.theta, 100000.0);
    EXPECT_EQ(config.eos_ids, (std::vector<int32_t>{2}));
    EXPECT_EQ(config.bos_id, 1);
    EXPECT_EQ(config.dtype, "float32");
    const bool tied = std::string(name) == "tied";
    EXPECT_EQ(config.tie_word_embeddings, tied);
    EXPECT_EQ(config.attention_bias, !tied);
    EXPECT_EQ(config.head_dim, tied ? 8 : 16);
    EXPECT_EQ(config.rotary.kind, tied ? RotaryKind::kDefault : RotaryKind::kLinear);
  }
}

TEST_F(Gguf, TheSmallFilesHoldAllFiveTypes) {
  std::vector<GgmlType> types;
  for (const char* name : {"tied.gguf", "untied.gguf"}) {
    const GgufFile file = GgufFile::open(kFixtures + std::string(name));
    for (const GgufTensor& tensor : file.tensors()) types.push_back(tensor.type);
  }
  for (const GgmlType type :
       {GgmlType::kF32, GgmlType::kF16, GgmlType::kQ4_1, GgmlType::kQ8_0, GgmlType::kBF16})
    EXPECT_NE(std::find(types.begin(), types.end(), type), types.end()) << static_cast<int>(type);
}

TEST_F(Gguf, ReadsVersion2Alike) {
  std::string bytes = read(kFixtures + std::string("tied.gguf"));
  bytes[4] = 2;
  EXPECT_EQ(refusal(bytes, true), "accepted");
}

TEST_F(Gguf, WritesTheAskedDtype) {
  convert_gguf(kFixtures + std::string("tied.gguf"), path("bf16"), Dtype::kBF16);
  convert_gguf(kFixtures + std::string("tied.gguf"), path("fp32"), Dtype::kF32);
  EXPECT_EQ(ModelConfig::from_dir(path("bf16")).dtype, "bfloat16");
  const HfWeights narrow = HfWeights::open(path("bf16")), wide = HfWeights::open(path("fp32"));
  for (const std::string& name : narrow.names()) {
    const TensorView& view = *narrow.find(name);
    EXPECT_EQ(view.dtype, Dtype::kBF16);
    std::vector<float> got(static_cast<size_t>(view.size())), want(got.size());
    narrow.load_f32(name, view.shape, got.data());
    wide.load_f32(name, view.shape, want.data());
    for (size_t i = 0; i < got.size(); ++i)
      ASSERT_EQ(got[i], f32_from_bf16(bf16_from_f32(want[i])));
  }
}

TEST_F(Gguf, AHuggingFaceDirectoryConvertsBackAndForth) {
  const std::string in = "tests/parity/logits/llama_biases_mixed";
  convert_hf(in, path("same"), std::nullopt);
  const HfWeights before = HfWeights::open(in), after = HfWeights::open(path("same"));
  ASSERT_EQ(after.names(), before.names());
  for (const std::string& name : before.names()) {
    const TensorView &a = *before.find(name), &b = *after.find(name);
    EXPECT_EQ(a.dtype, b.dtype);
    ASSERT_EQ(a.bytes.size(), b.bytes.size());
    EXPECT_EQ(std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()), 0) << name;
  }
  EXPECT_TRUE(ModelConfig::from_dir(path("same")) == ModelConfig::from_dir(in));
  convert_hf("tests/parity/logits/llama_sharded", path("wide"), Dtype::kF32);
  EXPECT_EQ(ModelConfig::from_dir(path("wide")).dtype, "float32");
  convert_hf(path("wide"), path("narrow"), Dtype::kBF16);
  const HfWeights shards = HfWeights::open("tests/parity/logits/llama_sharded"),
                  narrow = HfWeights::open(path("narrow"));
  for (const std::string& name : shards.names()) {
    const TensorView &a = *shards.find(name), &b = *narrow.find(name);
    EXPECT_EQ(std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()), 0) << name;
  }
  EXPECT_THROW(convert_hf(in, path("same"), std::nullopt), UserError)
      << "the directory is not empty";
  EXPECT_THROW(convert_hf(in, in, std::nullopt), UserError);
}

TEST_F(Gguf, AValueTooLargeForTheDtypeIsRefused) {
  TensorSource source =
      narrowed("file: tensor 'x'", "x", {1}, Dtype::kF16, [](float* out) { *out = 70000.0f; });
  std::vector<std::byte> bytes(2);
  EXPECT_THROW(source.fill(bytes), UserError);
}

// Builds a file from parts, so that each can lie.
struct Builder {
  std::string keys, tensors, data;
  uint64_t key_count = 0, tensor_count = 0;

  template <class Number>
  static std::string number(Number value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
  }
  static std::string text(const std::string& value) {
    return number(uint64_t{value.size()}) + value;
  }
  Builder& key(const std::string& name, uint32_t type, const std::string& value) {
    keys += text(name) + number(type) + value;
    ++key_count;
    return *this;
  }
  Builder& tensor(const std::string& name, const std::vector<uint64_t>& dims, uint32_t type,
                  uint64_t offset) {
    tensors += text(name) + number(static_cast<uint32_t>(dims.size()));
    for (const uint64_t dim : dims) tensors += number(dim);
    tensors += number(type) + number(offset);
    ++tensor_count;
    return *this;
  }
  std::string bytes(uint32_t version = 3, const std::string& magic = "GGUF") const {
    std::string out =
        magic + number(version) + number(tensor_count) + number(key_count) + keys + tensors;
    out.resize((out.size() + 31) / 32 * 32);
    return out + data;
  }
};

TEST_F(Gguf, NamesWhatIsWrongWithAFile) {
  const auto expect = [&](const std::string& bytes, const std::string& message) {
    const std::string got = refusal(bytes);
    EXPECT_TRUE(got.starts_with(path("t.gguf"))) << got;
    EXPECT_NE(got.find(message), std::string::npos) << "wanted " << message << "\n  got " << got;
  };
  const auto one_tensor = [](std::vector<uint64_t> dims, uint32_t type, uint64_t offset,
                             size_t data) {
    Builder builder;
    builder.tensor("x", std::move(dims), type, offset);
    builder.data.assign(data, '\0');
    return builder.bytes();
  };
  EXPECT_EQ(refusal(one_tensor({8}, 0, 0, 32)), "accepted");
  EXPECT_EQ(refusal(one_tensor({32, 2}, 3, 0, 40)), "accepted");
  EXPECT_EQ(refusal(one_tensor({0, 5}, 0, 0, 0)), "accepted");
  expect("", "ends at byte 0, inside the magic number");
  expect("GGML", "is not a GGUF file");
  expect(Builder().bytes(1), "is GGUF version 1; versions 2 and 3");
  expect(Builder().bytes(0x03000000), "is a big-endian GGUF file");
  expect(one_tensor({8}, 0, 0, 31),
         "tensor 'x': needs 32 bytes at offset 0, but the file has 31 bytes of data");
  expect(one_tensor({8}, 0, 64, 64), "needs 32 bytes at offset 64, but the file has 64");
  expect(one_tensor({8}, 0, ~uint64_t{31}, 64), "but the file has 64");
  expect(one_tensor({8}, 0, 8, 64), "offset 8 is not a multiple of 32");
  expect(one_tensor({16, 2}, 3, 0, 64), "shape [2, 16] is none of Q4_1");
  expect(one_tensor({uint64_t{1} << 62, 4}, 0, 0, 64),
         "shape [4, 4611686018427387904] is none of F32");
  expect(one_tensor({~uint64_t{0}}, 0, 0, 64), "is none of F32");
  expect(one_tensor({32, 1}, 14, 0, 64),
         "tensor 'x': has the type Q6_K; known: F32, F16, Q4_1, Q8_0, BF16");
  expect(one_tensor({32, 1}, 99, 0, 64), "has the type number 99");
  expect(one_tensor({1, 1, 1, 1, 1}, 0, 0, 64), "has 5 dims");
  Builder twice;
  twice.tensor("x", {8}, 0, 0).tensor("x", {8}, 0, 32).data.assign(64, '\0');
  expect(twice.bytes(), "tensor 'x' is there twice");
  Builder overlap;
  overlap.tensor("x", {16}, 0, 0).tensor("y", {8}, 0, 32).data.assign(64, '\0');
  expect(overlap.bytes(), "tensor 'y': overlaps tensor 'x'");

  expect(Builder().key("a", 13, "").bytes(), "key 'a': unknown value type 13");
  expect(Builder().key("a", 7, "\2").bytes(), "key 'a': the truth value 2");
  expect(Builder().key("a", 0, "\1").key("a", 0, "\1").bytes(), "key 'a' is there twice");
  expect(Builder().key("a", 10, std::string(8, '\xff')).bytes(),
         "the number 18446744073709551615 is out of range");
  expect(Builder().key("a", 8, Builder::text("\xff")).bytes(), "is not UTF-8");
  expect(Builder().key("a", 8, Builder::text("\xed\xa0\x80")).bytes(), "is not UTF-8");
  expect(Builder().key("a", 8, Builder::number(uint64_t{1} << 60)).bytes(),
         "said to have 1152921504606846976 parts");
  expect(Builder()
             .key("a", 9, Builder::number(uint32_t{0}) + Builder::number(uint64_t{1} << 50))
             .bytes(),
         "a list is said to have 1125899906842624 parts");
  expect(Builder().key("a", 9, Builder::number(uint32_t{9}) + Builder::number(uint64_t{0})).bytes(),
         "a list of lists");
  expect(Builder().key("general.alignment", 4, Builder::number(uint32_t{24})).bytes(),
         "is no power of two");
  expect(Builder().key("general.alignment", 4, Builder::number(uint32_t{0})).bytes(),
         "it must be from 1");
  Builder many_keys, many_tensors;
  many_keys.key_count = uint64_t{1} << 40;
  many_tensors.tensor_count = ~uint64_t{0};
  expect(many_keys.bytes(), "the metadata is said to have 1099511627776 parts");
  expect(many_tensors.bytes(), "the table of tensors is said to have 18446744073709551615 parts");
}

// Replaces the first `from` by `to` of the same length.
std::string swapped(std::string bytes, const std::string& from, const std::string& to) {
  const size_t at = bytes.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  EXPECT_EQ(from.size(), to.size());
  return bytes.replace(at, from.size(), to);
}

TEST_F(Gguf, NamesWhatTheConversionDoesNotKnow) {
  const std::string good = read(kFixtures + std::string("tied.gguf"));
  const auto expect = [&](const std::string& from, const std::string& to,
                          const std::string& message) {
    const std::string got = refusal(swapped(good, from, to), true);
    EXPECT_NE(got.find(message), std::string::npos) << "wanted " << message << "\n  got " << got;
  };
  ASSERT_EQ(refusal(good, true), "accepted");
  const auto text = Builder::text;
  const auto u32 = [](uint32_t value) { return Builder::number(value); };
  expect(text("llama"), text("qwen2"), "key 'general.architecture' is 'qwen2'; known: llama");
  expect("smollm", "llama3", "key 'tokenizer.ggml.pre' is 'llama3'; known: smollm");
  expect(text("gpt2"), text("bert"), "key 'tokenizer.ggml.model' is 'bert'; known: gpt2");
  expect("llama.block_count" + u32(4) + u32(1), "llama.block_count" + u32(4) + u32(2),
         "'blk.1.attn_norm.weight': is missing");
  expect("llama.block_count", "llama.block_coun_", "key 'llama.block_count' is missing");
  expect("head_count_kv" + u32(4) + u32(2), "head_count_kv" + u32(4) + u32(3),
         "does not divide the heads");
  expect("vocab_size" + u32(4) + u32(48), "vocab_size" + u32(4) + u32(49),
         "but the keys ask for [49, 32]");
  expect("vocab_size" + u32(4) + u32(48), "vocab_size" + u32(4) + u32(9),
         "tensor 'token_embd.weight': has the shape");
  expect("dimension_count" + u32(4) + u32(8), "dimension_count" + u32(4) + u32(6),
         "has the shape [32, 32], but the keys ask for [24, 32]");
  expect("blk.0.ffn_up.weight", "blk.0.ffn_xx.weight", "'blk.0.ffn_up.weight': is missing");
  expect("th e", "th z", "which joins no two tokens into a third");
  expect("add_bos_token" + u32(7) + std::string(1, '\0'),
         "add_bos_token" + u32(7) + std::string(1, '\1'), "is true");
  expect(text("e") + text("t"), text("e") + text("e"), "has \"e\" twice");
  expect(text("general.architecture"), text("general.architectur_"),
         "'general.architecture' is missing");
  const std::string untied = read(kFixtures + std::string("untied.gguf"));
  EXPECT_NE(
      refusal(swapped(untied, "linear", "xlinea"), true).find("'xlinea'; known: none, linear"),
      std::string::npos);
  EXPECT_NE(refusal(swapped(untied, "blk.0.attn_output.bias", "blk.0.attn_outpux.bias"), true)
                .find("'blk.0.attn_output.bias': is missing"),
            std::string::npos);
}

// Flipped bits, replaced bytes and truncations all over the header (and a few in the data): a
// UserError, or a conversion that runs to its end.
TEST_F(Gguf, SurvivesDamage) {
  tests::MemoryFile damaged_file;
  const std::string whole = read(kFixtures + std::string("tied.gguf"));
  const size_t header = whole.size() - 13'000;  // beyond the table of tensors
  int refused = 0, opened = 0;
  const auto survives = [&](const std::string& damaged) {
    damaged_file.put(damaged);
    try {
      const GgufFile file = GgufFile::open(damaged_file.path());
      ++opened;
      const ModelConfig config = read_gguf_config(file);
      std::vector<std::byte> bytes;
      for (const TensorSource& source : read_gguf_tensors(file, config, Dtype::kF32)) {
        size_t count = 4;
        for (const int64_t dim : source.shape) count *= static_cast<size_t>(dim);
        bytes.resize(count);
        source.fill(bytes);
      }
      read_gguf_tokenizer(file, config.vocab_size, config.max_position_embeddings);
    } catch (const UserError&) {
      ++refused;
    }
  };
  for (size_t i = 0; i < whole.size(); i += i < header ? 1 : 501) survives(whole.substr(0, i));
  EXPECT_EQ(opened, 0) << "no part of the file is a file";
  for (size_t i = 0; i < header; ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
    survives(damaged);
    if (i % 3 != 0) continue;
    damaged[i] = i % 2 == 0 ? '\xff' : '\0';
    survives(damaged);
  }
  EXPECT_GT(refused, 1000);
}

TEST_F(Gguf, SmolLM2EqualsTransformersLoader) {
  const std::string dir = "models/smollm2-135m-instruct";
  if (!fs::exists(dir + "/model.safetensors"))
    GTEST_SKIP() << dir << " is absent; tools/get_base_model.sh smollm2-135m makes it";
  const json want = json::parse(read(kFixtures + std::string("smollm2-135m-instruct.json")));
  expect_tensors(want["tensors"], dir);
  const std::string tokenizer = json::parse(read(dir + "/tokenizer.json")).dump();
  EXPECT_EQ(digest(tokenizer.data(), tokenizer.size()),
            want["tokenizer_xxh3_128"].get<std::string>());
  EXPECT_EQ(json::parse(read(dir + "/tokenizer_config.json"))["chat_template"],
            want["chat_template"]);
}

}  // namespace
}  // namespace retort
