#include "policy/gguf/gguf_tokenizer.h"

#include "base/error.h"

#include <nlohmann/json.hpp>

#include <unordered_map>

namespace retort {

namespace {

using nlohmann::ordered_json;

// ggml's kinds of tokens that the tokenizer treats apart.
constexpr int64_t kControl = 3, kUserDefined = 4;
constexpr const char* kOtherFile = "use the model's Hugging Face files instead";

std::string json_text(std::string_view text) { return ordered_json(text).dump(); }

void check_kind(const GgufFile& file) {
  const std::string_view model = file.text("tokenizer.ggml.model");
  if (model != "gpt2")
    file.fail("tokenizer.ggml.model", "is '" + std::string(model) + "'", "known: gpt2");
  const std::string_view split = file.find_text("tokenizer.ggml.pre").value_or("");
  if (split != "smollm")
    file.fail("tokenizer.ggml.pre", "is '" + std::string(split) + "'", "known: smollm");
  for (const char* key : {"tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_eos_token"})
    if (file.find_flag(key).value_or(false)) file.fail(key, "is true", kOtherFile);
}

ordered_json added_tokens(const GgufFile& file, const std::vector<std::string_view>& tokens) {
  ordered_json added = ordered_json::array();
  const std::vector<int64_t>* types = file.find_integers("tokenizer.ggml.token_type");
  if (types == nullptr) return added;
  if (types->size() != tokens.size())
    file.fail("tokenizer.ggml.token_type", "has another length than the tokens", kOtherFile);
  for (size_t id = 0; id < tokens.size(); ++id) {
    const int64_t type = (*types)[id];
    if (type != kControl && type != kUserDefined) continue;
    added.push_back({{"id", id},
                     {"content", tokens[id]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", type == kControl}});
  }
  return added;
}

// Token -> id, every token once.
std::unordered_map<std::string_view, size_t> index_tokens(
    const GgufFile& file, const std::vector<std::string_view>& tokens) {
  std::unordered_map<std::string_view, size_t> ids;
  for (size_t id = 0; id < tokens.size(); ++id)
    if (!ids.emplace(tokens[id], id).second)
      file.fail("tokenizer.ggml.tokens", "has " + json_text(tokens[id]) + " twice", kOtherFile);
  return ids;
}

std::string merges_json(const GgufFile& file,
                        const std::unordered_map<std::string_view, size_t>& ids) {
  std::string text = "[";
  for (const std::string_view merge : file.texts("tokenizer.ggml.merges")) {
    const size_t space = merge.find(' ');
    const std::string_view left = merge.substr(0, space);
    const std::string_view right = space == std::string_view::npos ? "" : merge.substr(space + 1);
    const std::string merged = std::string(left).append(right);
    if (left.empty() || right.empty() || right.find(' ') != std::string_view::npos ||
        !ids.contains(left) || !ids.contains(right) || !ids.contains(merged))
      file.fail("tokenizer.ggml.merges",
                "has " + json_text(merge) + ", which joins no two tokens into a third", kOtherFile);
    text.append(text.size() > 1 ? ",[" : "[")
        .append(json_text(left))
        .append(",")
        .append(json_text(right)) += "]";
  }
  return text + "]";
}

// The token named by an id key, as tokenizer_config.json names it.
void name_token(const GgufFile& file, const char* id_key, const char* name,
                const std::vector<std::string_view>& tokens, ordered_json* config) {
  const auto last = static_cast<int64_t>(tokens.size()) - 1;
  if (const auto id = file.find_integer(id_key, 0, last))
    (*config)[name] = tokens[static_cast<size_t>(*id)];
}

}  // namespace

TokenizerFiles read_gguf_tokenizer(const GgufFile& file, int64_t vocab_size,
                                   int64_t max_positions) {
  check_kind(file);
  const std::vector<std::string_view>& tokens = file.texts("tokenizer.ggml.tokens");
  if (tokens.empty() || static_cast<int64_t>(tokens.size()) > vocab_size)
    file.fail("tokenizer.ggml.tokens",
              "has " + std::to_string(tokens.size()) + " tokens for " + std::to_string(vocab_size) +
                  " rows",
              kOtherFile);
  const std::unordered_map<std::string_view, size_t> ids = index_tokens(file, tokens);

  // The vocabulary and the merges are written as text: a document of 50,000 ordered keys is slow to
  // make.
  std::string vocabulary = "{";
  for (size_t id = 0; id < tokens.size(); ++id)
    vocabulary.append(id == 0 ? "" : ",")
        .append(json_text(tokens[id]))
        .append(":")
        .append(std::to_string(id));
  vocabulary += "}";
  const ordered_json pre_tokenizer = {{"type", "Sequence"},
                                      {"pretokenizers",
                                       {{{"type", "Digits"}, {"individual_digits", true}},
                                        {{"type", "ByteLevel"},
                                         {"add_prefix_space", false},
                                         {"trim_offsets", true},
                                         {"use_regex", true}}}}};
  const ordered_json decoder = {{"type", "ByteLevel"},
                                {"add_prefix_space", true},
                                {"trim_offsets", true},
                                {"use_regex", true}};
  TokenizerFiles files;
  files.tokenizer_json
      .append(R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":)")
      .append(added_tokens(file, tokens).dump())
      .append(R"(,"normalizer":null,"pre_tokenizer":)")
      .append(pre_tokenizer.dump())
      .append(R"(,"post_processor":null,"decoder":)")
      .append(decoder.dump())
      .append(
          R"(,"model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,)")
      .append(
          R"("end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"ignore_merges":false,"vocab":)")
      .append(vocabulary)
      .append(R"(,"merges":)")
      .append(merges_json(file, ids))
      .append("}}\n");

  ordered_json config;
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  name_token(file, "tokenizer.ggml.bos_token_id", "bos_token", tokens, &config);
  name_token(file, "tokenizer.ggml.eos_token_id", "eos_token", tokens, &config);
  name_token(file, "tokenizer.ggml.padding_token_id", "pad_token", tokens, &config);
  name_token(file, "tokenizer.ggml.unknown_token_id", "unk_token", tokens, &config);
  config["clean_up_tokenization_spaces"] = false;
  config["model_max_length"] = max_positions;
  if (const auto chat_template = file.find_text("tokenizer.chat_template"))
    config["chat_template"] = *chat_template;
  files.tokenizer_config_json = config.dump(2) + "\n";
  return files;
}

}  // namespace retort
