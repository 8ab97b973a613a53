// Token ids, byte ranges and decoded texts equal to those of the tokenizers library, as recorded by
// make_tokenizer_fixtures.py.
#include "policy/tokenizer/tokenizer.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace retort {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kFixtures = "tests/parity/tokenizer";
constexpr const char* kWholeVocabularies = ".retort/parity/tokenizer";

json read(const fs::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path << ": run from the root of the sources";
  return json::parse(file);
}

std::vector<std::string> read_texts(const fs::path& dir) {
  std::vector<std::string> texts;
  for (const json& entry : read(dir / "texts.json")) {
    if (entry.is_string()) {
      texts.push_back(entry);
      continue;
    }
    std::string text;
    for (int i = 0; i < entry[0].get<int>(); ++i) text += entry[1].get<std::string>();
    texts.push_back(text);
  }
  return texts;
}

std::string digest(const std::string& bytes) {
  uint64_t value = 0xCBF29CE484222325U;
  for (const char c : bytes) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  std::string hex(10, '0');
  std::snprintf(hex.data(), hex.size() + 1, "%010llx",
                static_cast<unsigned long long>(value >> 24));
  return hex;
}

std::string joined(const std::vector<int32_t>& ids) {
  std::string text;
  for (const int32_t id : ids) text += (text.empty() ? "" : ",") + std::to_string(id);
  return text;
}

// The lines that the script digests as well.
std::string describe(const Tokenizer& tokenizer, const std::string& text) {
  const Encoding tracked = tokenizer.encode_tracked(text, true);
  const std::vector<int32_t> special = tokenizer.encode(text, true);
  EXPECT_EQ(tracked.ids, special) << text;
  std::string ranges;
  for (const Origin& origin : tracked.origins) {
    ranges += (ranges.empty() ? "" : ",") + std::to_string(origin.begin) + "-" +
              std::to_string(origin.end);
  }
  return joined(tokenizer.encode(text, false)) + "\n" + joined(special) + "\n" + ranges + "\n" +
         tokenizer.decode(special, false) + "\n" + tokenizer.decode(special, true);
}

std::string streamed(const Tokenizer& tokenizer, const std::vector<int32_t>& ids, bool skip) {
  StreamDecoder stream(tokenizer, skip);
  std::string text;
  for (const int32_t id : ids) text += stream.push(id);
  return text + stream.finish();
}

void compare(const Tokenizer& tokenizer, const json& expected,
             const std::vector<std::string>& texts, bool check_streams) {
  const std::string digests = expected["digests"];
  ASSERT_GT(digests.size(), 1000U);
  size_t differing = 0;
  for (size_t i = 0; i * 10 < digests.size(); ++i) {
    const std::string ours = describe(tokenizer, texts[i]);
    if (digest(ours) == digests.substr(i * 10, 10)) continue;
    if (++differing <= 3)
      ADD_FAILURE() << "text " << i << ": " << json(texts[i]).dump() << "\n" << ours;
  }
  EXPECT_EQ(differing, 0U);
  for (const auto& [index, ids] : expected["ids"].items()) {
    EXPECT_EQ(tokenizer.encode(texts[std::stoul(index)], true), ids.get<std::vector<int32_t>>());
  }
  for (const json& sample : expected["decode"]) {
    const auto ids = sample[0].get<std::vector<int32_t>>();
    EXPECT_EQ(tokenizer.decode(ids, false), sample[1].get<std::string>());
    EXPECT_EQ(tokenizer.decode(ids, true), sample[2].get<std::string>());
    if (check_streams) {
      EXPECT_EQ(streamed(tokenizer, ids, false), sample[1].get<std::string>());
      EXPECT_EQ(streamed(tokenizer, ids, true), sample[2].get<std::string>());
    }
  }
  EXPECT_EQ(tokenizer.vocab_size(), expected["vocab_size"]);
}

TEST(TokenizerParity, TwoThousandTextsForEachTokenizer) {
  const std::vector<std::string> texts = read_texts(kFixtures);
  ASSERT_GE(texts.size(), 2000U);
  const json expected = read(fs::path(kFixtures) / "expected.json")["texts"];
  ASSERT_GE(expected.size(), 8U);
  for (const auto& [name, results] : expected.items()) {
    SCOPED_TRACE(name);
    ASSERT_EQ(results["digests"].get<std::string>().size(), texts.size() * 10);
    compare(Tokenizer::from_file(fs::path(kFixtures) / (name + ".json")), results, texts,
            name != "spm");
  }
}

TEST(TokenizerParity, EveryKindOfEverySeam) {
  const std::vector<std::string> texts = read_texts(kFixtures);
  const json expected = read(fs::path(kFixtures) / "expected.json")["variants"];
  const fs::path file = fs::path(testing::TempDir()) / "retort_tokenizer_variant.json";
  for (const json& variant : read(fs::path(kFixtures) / "variants.json")) {
    const std::string name = variant[0];
    SCOPED_TRACE(name);
    json tokenizer = read(fs::path(kFixtures) / (variant[1].get<std::string>() + ".json"));
    for (const auto& [key, value] : variant[2].items()) tokenizer[key] = value;
    for (const auto& [key, value] : variant[3].items()) tokenizer["model"][key] = value;
    std::ofstream(file) << tokenizer;
    compare(Tokenizer::from_file(file), expected.at(name), texts, variant[1] != "spm");
  }
  fs::remove(file);
}

TEST(TokenizerParity, WholeVocabularies) {
  if (!fs::exists(kWholeVocabularies)) {
    GTEST_SKIP() << "make_tokenizer_fixtures.py --full writes " << kWholeVocabularies;
  }
  const std::vector<std::string> texts = read_texts(kWholeVocabularies);
  const json all = read(fs::path(kWholeVocabularies) / "expected.json")["texts"];
  for (const auto& [name, results] : all.items()) {
    SCOPED_TRACE(name);
    compare(Tokenizer::from_file(fs::path(kWholeVocabularies) / (name + ".json")), results, texts,
            true);
  }
}

// The check sees a difference: one id, one byte range, one character of a decoded text.
TEST(TokenizerParity, ADigestTellsTextsApart) {
  EXPECT_EQ(digest(""), "cbf29ce484");
  EXPECT_NE(digest("1,2\n1,2\n0-1,1-2\nab\nab"), digest("1,3\n1,2\n0-1,1-2\nab\nab"));
  EXPECT_NE(digest("1,2\n1,2\n0-1,1-2\nab\nab"), digest("1,2\n1,2\n0-1,1-3\nab\nab"));
  EXPECT_NE(digest("1,2\n1,2\n0-1,1-2\nab\nab"), digest("1,2\n1,2\n0-1,1-2\nab\na"));
}

}  // namespace
}  // namespace retort
