#pragma once
// The sizes and switches of a decoder, from a Hugging Face directory's config.json and
// generation_config.json (both generations of names) with the defaults of Transformers'
// configuration classes.
#include "policy/checkpoint/architecture_table.h"
#include "policy/checkpoint/rotary_table.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

struct ModelConfig {
  const Architecture* architecture = nullptr;  // a row of the table; never null once read
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;  // divides heads
  int64_t head_dim = 0;  // even
  int64_t max_position_embeddings = 0;
  double rms_norm_eps = 1e-6;
  double initializer_range = 0.02;
  bool attention_bias = false,
       mlp_bias = false;  // the config's flags; see qkv_bias() for what they do
  bool tie_word_embeddings = false;
  RotaryParameters rotary;
  std::vector<int32_t> eos_ids;  // any of them ends a text; may be empty
  std::optional<int32_t> bos_id, pad_id;
  std::string dtype;  // "float32", "bfloat16", "float16", or empty when the config does not say

  bool qkv_bias() const;
  bool output_bias() const;  // of the attention's output projection
  bool has_mlp_bias() const;
  bool qk_norm() const { return architecture->qk_norm; }
  int64_t query_size() const { return heads * head_dim; }
  int64_t kv_size() const { return kv_heads * head_dim; }
  int64_t position_limit() const { return rotary_position_limit(rotary, max_position_embeddings); }

  // UserError `FILE: 'KEY' is VALUE; FIX` for anything missing, of the wrong kind, out of range,
  // inconsistent, or that asks for a computation which the policy does not have.
  static ModelConfig from_dir(const std::string& dir);
  // The same from texts; `generation_text` empty: there is no generation_config.json. `place`
  // stands before the file names in errors.
  static ModelConfig parse(const std::string& place, std::string_view config_text,
                           std::string_view generation_text);

  // config.json: the text that was read with the fields changed since then replaced (unknown keys
  // and key order kept), or, for a config made in code, everything Transformers needs.
  std::string to_json() const;
  // generation_config.json with the ids above, likewise.
  std::string generation_json() const;

  // Sizes, switches, ids and dtype; not the text that was read.
  bool operator==(const ModelConfig& other) const;

 private:
  std::string source_text_;      // config.json as read; empty when made in code
  std::string generation_text_;  // generation_config.json likewise
};

}  // namespace retort
