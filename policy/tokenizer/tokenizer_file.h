#pragma once
// tokenizer.json as read from disk. The two big lists, the model's vocabulary and its merges, are
// taken out while parsing (a document tree of 300,000 strings costs seconds); the rest stays a
// document.
#include "policy/tokenizer/json_node.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace retort {

struct TokenizerFile {
  std::string path;
  // without the content of model.vocab and model.merges
  std::shared_ptr<const nlohmann::json> document;
  std::vector<std::pair<std::string, int32_t>> vocabulary;  // in the file's order
  std::vector<std::pair<std::string, std::string>> merges;  // best first

  // What is wrong with model.vocab or model.merges ("" when nothing is). Not thrown at once: a
  // model of another kind has another vocabulary, and should be refused for its kind.
  std::string vocabulary_problem;
  std::string merges_problem;

  JsonNode root() const;
};

// UserError when the file cannot be read or is not JSON.
TokenizerFile read_tokenizer_file(const std::string& path);

}  // namespace retort
