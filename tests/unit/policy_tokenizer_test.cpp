// The tokenizer apart from its agreement with the tokenizers library (tests/parity): what it says
// about broken files and texts, its two ways to merge, streaming, threads, and the tiny base's
// tokenizer.
#include "base/error.h"
#include "policy/tokenizer/regex.h"
#include "policy/tokenizer/tokenizer.h"
#include "policy/tokenizer/utf8.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace retort {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A model of characters with a few merges.
json small_file() {
  return json::parse(R"({
    "version": "1.0", "added_tokens": [], "normalizer": null, "pre_tokenizer": null,
    "post_processor": null, "decoder": {"type": "Fuse"},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3, "bc": 4, "abc": 5},
              "merges": ["b c", ["a", "bc"], "a b"]}})");
}

Tokenizer load_text(const std::string& text) {
  const fs::path path = fs::path(testing::TempDir()) / "retort_tokenizer_test.json";
  std::ofstream(path, std::ios::binary) << text;
  return Tokenizer::from_file(path.string());
}

Tokenizer load(const json& file) { return load_text(file.dump()); }

std::string complaint(const json& file) {
  try {
    load(file);
    return "loaded";
  } catch (const UserError& error) {
    return error.what();
  }
}

void expect_complaint(const json& file, const std::vector<std::string>& parts) {
  const std::string said = complaint(file);
  for (const std::string& part : parts) {
    EXPECT_NE(said.find(part), std::string::npos) << "no '" << part << "' in: " << said;
  }
}

TEST(Tokenizer, MergesBothNotationsByRank) {
  json file = small_file();
  file["model"]["merges"] = {"b c", "a bc", "a b"};
  EXPECT_EQ(load(file).encode("abcab", false), (std::vector<int32_t>{5, 3}));
  file["model"]["merges"] = json::parse(R"([["a", "b"], ["b", "c"], ["a", "bc"]])");
  EXPECT_EQ(load(file).encode("abc", false), (std::vector<int32_t>{3, 2}));
}

TEST(Tokenizer, BrokenFilesAreNamedWithTheKey) {
  EXPECT_THROW(Tokenizer::from_file("no/such/tokenizer.json"), UserError);
  EXPECT_THROW(load_text("{\"model\": "), UserError);
  EXPECT_THROW(load_text("[]"), UserError);
  json file = small_file();
  file["model"]["type"] = "Unigram";
  file["model"]["vocab"] = json::parse(R"([["a", -1.5]])");
  expect_complaint(file,
                   {"retort_tokenizer_test.json: model.type", "unknown model 'Unigram'", "BPE"});
  file = small_file();
  file["model"].erase("vocab");
  expect_complaint(file, {": model", "'vocab' is missing"});
  file = small_file();
  file["model"]["vocab"]["x"] = "y";
  expect_complaint(file, {"model.vocab", "entry 7"});
  file = small_file();
  file["model"]["vocab"]["x"] = 4294967296;
  expect_complaint(file, {"model.vocab", "entry 7"});
  file = small_file();
  file["model"]["merges"] = {"a b", "a b c"};
  expect_complaint(file, {"model.merges", "entry 2"});
  file["model"]["merges"] = {"a b", "a z"};
  expect_complaint(file, {"model.merges", "entry 2", "'z' is not in the vocabulary"});
  file = small_file();
  file["model"]["dropout"] = 0.1;
  expect_complaint(file, {"model.dropout"});
  file = small_file();
  file["version"] = "2.0";
  expect_complaint(file, {"version", "1.0"});
}

TEST(Tokenizer, EndlessNestingIsRefused) {
  const auto nested = [](size_t depth) {
    std::string text = R"({"type": "Fuse"})";
    std::string open, close;
    for (size_t i = 0; i < depth; ++i) {
      open += R"({"type": "Sequence", "decoders": [)";
      close += "]}";
    }
    std::string file = small_file().dump();
    const std::string plain = R"({"type":"Fuse"})";
    file.replace(file.find(plain), plain.size(), open + text + close);
    return file;
  };
  EXPECT_EQ(load_text(nested(50)).decode(std::vector<int32_t>{0, 1}, false), "ab");
  try {
    load_text(nested(100'000));
    ADD_FAILURE() << "loaded";
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("nested too deeply"), std::string::npos);
  }
}

TEST(Tokenizer, UnknownKindsNameTheKnownOnes) {
  json file = small_file();
  file["normalizer"] = {{"type", "Sequence"},
                        {"normalizers", {{{"type", "NFC"}}, {{"type", "NFQ"}}}}};
  expect_complaint(file, {"normalizer.normalizers[1].type", "'NFQ'", "Lowercase", "NFKD"});
  file = small_file();
  file["pre_tokenizer"] = {{"type", "Splitt"}};
  expect_complaint(file, {"pre_tokenizer.type", "'Splitt'", "did you mean", "WhitespaceSplit"});
  file["pre_tokenizer"] = json::object();
  expect_complaint(file, {"pre_tokenizer", "'type' is missing"});
  file["pre_tokenizer"] = {
      {"type", "Split"}, {"pattern", {{"Regex", "a"}}}, {"behavior", "Isolate"}, {"invert", false}};
  expect_complaint(file, {"pre_tokenizer.behavior", "'Isolate'", "Isolated"});
  file = small_file();
  file["post_processor"] = {{"type", "BertProcessing"}};
  expect_complaint(file, {"post_processor.type", "TemplateProcessing"});
  file["post_processor"] = json::parse(
      R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}], "special_tokens": {}})");
  expect_complaint(file,
                   {"post_processor.single[0].SpecialToken", "'<s>' is not in special_tokens"});
  file = small_file();
  file["decoder"] = {{"type", "WordPiece"}};
  expect_complaint(file, {"decoder.type", "ByteFallback"});
}

TEST(Tokenizer, PatternsThatPcre2CannotRunAreNamed) {
  for (const char* pattern : {"(", "[a", "a)", "*a", "[[:nope:]]", "\\p{Nope}", "(?(1)a|b)",
                              "(?~a)", "[z-a]", "\\p", "(?<=a+)b"}) {
    json file = small_file();
    file["pre_tokenizer"] = {{"type", "Split"},
                             {"pattern", {{"Regex", pattern}}},
                             {"behavior", "Isolated"},
                             {"invert", false}};
    expect_complaint(file, {"pre_tokenizer.pattern.Regex", "regular expression"});
  }
}

// Oniguruma's meaning where PCRE2's own differs.
TEST(Regex, MeansWhatOnigurumaMeans) {
  const auto found = [](const std::string& pattern, const std::string& text) {
    std::vector<TextRange> matches;
    Regex(pattern, "test").find_all(text, &matches);
    std::string shown;
    for (const TextRange& match : matches)
      shown += text.substr(match.begin, match.end - match.begin) + "|";
    return shown;
  };
  EXPECT_EQ(found("a{1,2}+", "aaaaa"), "aaaaa|");  // not possessive: a{1,2}, repeated
  // Optional, not lazy. An empty match counts unless it touches the match before.
  EXPECT_EQ(found("a{2}?", "aaa"), "aa||");
  EXPECT_EQ(found("\\s", "\u180E\u0085"), "\u0085|");   // U+180E is no space
  EXPECT_EQ(found("\\w+", "a\u0301_b"), "a\u0301_b|");  // marks belong to words
  EXPECT_EQ(found("\\h+", "x1aFg"), "1aF|");            // hexadecimal digits
  EXPECT_EQ(found("(?m)a.b", "a\nb"), "a\nb|");         // m: the dot takes newlines
  EXPECT_EQ(found("^b$", "a\nb\nc"), "b|");             // always line by line
  EXPECT_EQ(found("[\\w&&[^\\d]]+", "a1b_"), "a|b_|");
  EXPECT_EQ(found("[\\p{L}]+", "\U0001E4D0\U00031350"), "\U0001E4D0\U00031350|");  // Unicode 15
  EXPECT_EQ(found("x(?i)a|b", "xB xb B"), "xB|xb|");  // the option reaches over the bar
}

TEST(Tokenizer, TextThatIsNotUtf8IsRefused) {
  const Tokenizer tokenizer = load(small_file());
  for (const char* text : {"ab\xFF", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE3\x81"}) {
    try {
      tokenizer.encode(text, true);
      ADD_FAILURE() << "encoded";
    } catch (const UserError& error) {
      EXPECT_NE(std::string(error.what()).find("text: not UTF-8 at byte"), std::string::npos);
    }
  }
  EXPECT_EQ(first_invalid_byte("abcdefghij\xFF"), 10U);
  EXPECT_FALSE(first_invalid_byte("aé日🙂\xF4\x8F\xBF\xBF"));
}

// Unicode 3.9, table 3-8: the standard's own example of maximal subparts.
TEST(Utf8, ReplacesMaximalSubparts) {
  std::string text;
  append_lossy("\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64", &text);
  EXPECT_EQ(text, "a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd");
}

// Byte-pair encoding by its definition: the leftmost pair of lowest rank, until there is none.
std::vector<int32_t> merged_by_definition(const json& file, const std::string& word) {
  std::map<std::pair<std::string, std::string>, size_t> ranks;
  for (const json& merge : file["model"]["merges"]) ranks[{merge[0], merge[1]}] = ranks.size();
  std::vector<std::string> symbols;
  for (const char c : word) symbols.emplace_back(1, c);
  while (true) {
    size_t best = ranks.size();
    size_t at = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto rank = ranks.find({symbols[i], symbols[i + 1]});
      if (rank != ranks.end() && rank->second < best) {
        best = rank->second;
        at = i;
      }
    }
    if (best == ranks.size()) break;
    symbols[at] += symbols[at + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
  std::vector<int32_t> ids;
  for (const std::string& symbol : symbols) ids.push_back(file["model"]["vocab"][symbol]);
  return ids;
}

TEST(Tokenizer, ShortAndLongWordsMergeByDefinition) {
  uint32_t state = 12345;
  const auto random = [&](uint32_t below) {
    state = state * 1664525 + 1013904223;
    return (state >> 8) % below;
  };
  for (int round = 0; round < 20; ++round) {
    json file = small_file();
    std::vector<std::string> tokens = {"a", "b", "c"};
    json vocabulary = {{"a", 0}, {"b", 1}, {"c", 2}};
    json merges = json::array();
    while (merges.size() < 40) {
      const std::string left = tokens[random(static_cast<uint32_t>(tokens.size()))];
      const std::string right = tokens[random(static_cast<uint32_t>(tokens.size()))];
      if (left.size() + right.size() > 8 || vocabulary.contains(left + right)) continue;
      merges.push_back({left, right});
      vocabulary[left + right] = vocabulary.size();
      tokens.push_back(left + right);
    }
    file["model"]["merges"] = merges;
    file["model"]["vocab"] = vocabulary;
    const Tokenizer tokenizer = load(file);
    for (uint32_t length : {1U, 2U, 7U, 30U, 47U, 48U, 49U, 50U, 120U, 300U, 1000U}) {
      std::string word;
      for (uint32_t i = 0; i < length; ++i) word += static_cast<char>('a' + random(3));
      EXPECT_EQ(tokenizer.encode(word, false), merged_by_definition(file, word)) << word;
    }
  }
}

TEST(Tokenizer, WordsAreRememberedWithoutChange) {
  const Tokenizer tokenizer = load(small_file());
  const std::vector<int32_t> once = tokenizer.encode("abcab", false);
  EXPECT_EQ(tokenizer.encode("abcab", false), once);
  EXPECT_EQ(tokenizer.encode_tracked("abcab", false).ids, once);
  EXPECT_EQ(tokenizer.encode_tracked("abcab", false).origins,
            (std::vector<Origin>{{0, 3}, {3, 5}}));
}

TEST(Tokenizer, ThreadsShareOne) {
  const Tokenizer tokenizer = Tokenizer::from_file("tests/parity/tokenizer/gpt2.json");
  const std::string text = "The quick brown fox, 123 times! שלום \n\n  x";
  const std::vector<int32_t> expected = tokenizer.encode(text, true);
  std::vector<std::thread> threads;
  std::vector<int> equal(4, 0);
  for (int& count : equal) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) count += tokenizer.encode(text, true) == expected;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(equal, std::vector<int>(4, 200));
}

TEST(StreamDecoder, GivesWholeCharacters) {
  const Tokenizer tokenizer = Tokenizer::from_file("tests/parity/tokenizer/gpt2.json");
  const std::string text = "é日🙂 naïve 👩‍👩‍👧 end";
  StreamDecoder stream(tokenizer, true);
  std::string all;
  for (const int32_t id : tokenizer.encode(text, true)) {
    const std::string part = stream.push(id);
    EXPECT_FALSE(first_invalid_byte(part));
    EXPECT_EQ(part.find("\uFFFD"), std::string::npos);
    all += part;
  }
  EXPECT_EQ(all + stream.finish(), text);
}

TEST(StreamDecoder, HoldsBackWhatMayBecomeACharacter) {
  const Tokenizer tokenizer = Tokenizer::from_file("tests/parity/tokenizer/gpt2.json");
  const int32_t first = *tokenizer.token_to_id("Ã");   // byte C3
  const int32_t second = *tokenizer.token_to_id("©");  // byte A9
  const int32_t letter = *tokenizer.token_to_id("x");
  StreamDecoder whole(tokenizer, true);
  EXPECT_EQ(whole.push(first), "");
  EXPECT_EQ(whole.push(second), "é");
  StreamDecoder broken(tokenizer, true);
  EXPECT_EQ(broken.push(first), "");
  EXPECT_EQ(broken.push(letter), "\uFFFDx");
  StreamDecoder ended(tokenizer, true);
  EXPECT_EQ(ended.push(first), "");
  EXPECT_EQ(ended.finish(), "\uFFFD");
}

TEST(MaskOfRanges, CountsFromTheFirstToTheLastCharactersToken) {
  const Tokenizer tokenizer = load(small_file());
  const Encoding encoding = tokenizer.encode_tracked("abcab", false);  // abc, ab
  const auto mask = [&](std::vector<TextRange> ranges) {
    return mask_of_ranges(encoding, "abcab", ranges);
  };
  EXPECT_EQ(mask({{3, 5}}), (std::vector<uint8_t>{0, 1}));
  EXPECT_EQ(mask({{1, 4}}), (std::vector<uint8_t>{1, 1}));
  EXPECT_EQ(mask({}), (std::vector<uint8_t>{0, 0}));
  // Transformers takes a last token 0 for none, and none for the end.
  EXPECT_EQ(mask({{0, 2}}), (std::vector<uint8_t>{1, 1}));
  EXPECT_EQ(mask({{9, 10}, {3, 5}}), (std::vector<uint8_t>{0, 0}));
}

// Issue: each byte's character is its ASCII code, seven added tokens, <bos> before a prompt only.
TEST(TinyBase, IdsAreAsciiCodes) {
  const Tokenizer tokenizer = Tokenizer::from_file("configs/tiny_base/tokenizer.json");
  EXPECT_EQ(tokenizer.vocab_size(), 128);
  EXPECT_EQ(tokenizer.id_bound(), 128);
  const char* added[] = {"<pad>", "<bos>", "<eos>", "<think>", "</think>", "<answer>", "</answer>"};
  for (int32_t id = 0; id < 7; ++id) {
    EXPECT_EQ(tokenizer.token_to_id(added[id]), id);
    EXPECT_EQ(tokenizer.is_special(id), id < 3);
  }
  std::string ascii;
  std::vector<int32_t> codes;
  for (int32_t code = 7; code < 128; ++code) {
    ascii += static_cast<char>(code);
    codes.push_back(code);
  }
  EXPECT_EQ(tokenizer.encode(ascii, false), codes);
  EXPECT_EQ(tokenizer.decode(codes, true), ascii);
  EXPECT_EQ(tokenizer.encode("1+2=", true), (std::vector<int32_t>{1, '1', '+', '2', '='}));
  EXPECT_EQ(tokenizer.encode("<think>3</think><answer>3</answer><eos>", false),
            (std::vector<int32_t>{3, '3', 4, 5, '3', 6, 2}));
  EXPECT_EQ(tokenizer.decode(std::vector<int32_t>{1, 5, '3', 6, 2}, true), "<answer>3</answer>");
}

}  // namespace
}  // namespace retort
