#pragma once
// The tokenizer inside a GGUF file, written as Hugging Face's files.
#include "policy/gguf/gguf_file.h"

#include <string>

namespace retort {

struct TokenizerFiles {
  std::string tokenizer_json;
  std::string tokenizer_config_json;  // with the chat template, when the file has one
};

// Byte-level BPE (model `gpt2`) with the splits of `smollm`: single digits, then GPT-2's pattern.
// UserError for another model or split, for merges of pieces that are no tokens, and for token
// lists that do not fit `vocab_size` rows.
TokenizerFiles read_gguf_tokenizer(const GgufFile& file, int64_t vocab_size, int64_t max_positions);

}  // namespace retort
