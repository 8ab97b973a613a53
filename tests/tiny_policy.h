#pragma once
// A small random policy for tests: Qwen3 layout, two layers, 48 tokens, in memory.
#include "policy/policy.h"

#include <memory>

namespace retort::testing {

inline std::unique_ptr<Policy> tiny_policy(uint32_t seed, bool tied = true) {
  const std::string config =
      std::string(
          R"({"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 32,
    "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    "vocab_size": 48, "max_position_embeddings": 256, "rms_norm_eps": 1e-6, "hidden_act": "silu", "eos_token_id": 2,
    "rope_theta": 10000.0, "tie_word_embeddings": )") +
      (tied ? "true}" : "false}");
  Weights weights = allocate_weights(ModelConfig::parse("tiny", config, ""));
  initialise_weights(weights, seed);
  // Larger embeddings than training starts from: distributions that are not flat.
  weights.embedding.value.mul_(20.0);
  return std::make_unique<Policy>(std::move(weights));
}

}  // namespace retort::testing
