#pragma once
// The model families that the policy runs: one row each. A new family that is made of the same
// parts is a new row.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace retort {

// Whether a family's projections have bias vectors: never, always, or as the config's flag says.
enum class BiasRule { kNever, kAlways, kFlag };

struct Architecture {
  std::string_view name;        // class in config.json's "architectures"
  std::string_view model_type;  // "model_type" there
  std::string_view help;
  BiasRule qkv_bias, output_bias;  // flag: "attention_bias"
  BiasRule mlp_bias;               // flag: "mlp_bias"
  bool qk_norm;                    // RMSNorm over each head of q and k, before the rotation
  bool heads_divide_hidden;  // hidden_size must be a multiple of the heads even with a head_dim
  bool sliding_layers;       // reads use_sliding_window, max_window_layers, layer_types
  // What an absent key means, as the family's configuration class in Transformers has it.
  int64_t vocab_size, intermediate_size, max_position_embeddings;
  std::optional<int64_t> kv_heads;  // absent: as many as heads
  std::optional<int64_t> head_dim;  // absent: hidden_size / heads
  std::optional<int64_t> bos_id, eos_id;
};

std::span<const Architecture> architectures();

// The row for a config's model_type and architectures (either may be empty); UserError at `file`
// that names the known ones when there is none or the two disagree.
const Architecture& find_architecture(const std::string& file, std::string_view model_type,
                                      std::span<const std::string> architecture_names);

}  // namespace retort
