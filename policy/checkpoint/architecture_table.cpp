#include "policy/checkpoint/architecture_table.h"

#include "base/error.h"

#include <algorithm>
#include <vector>

namespace retort {

namespace {

constexpr Architecture kArchitectures[] = {
    {.name = "LlamaForCausalLM",
     .model_type = "llama",
     .help = "Llama 1 to 3, SmolLM2 and whatever else has their layout",
     .qkv_bias = BiasRule::kFlag,
     .output_bias = BiasRule::kFlag,
     .mlp_bias = BiasRule::kFlag,
     .qk_norm = false,
     .heads_divide_hidden = true,
     .sliding_layers = false,
     .vocab_size = 32000,
     .intermediate_size = 11008,
     .max_position_embeddings = 2048,
     .kv_heads = std::nullopt,
     .head_dim = std::nullopt,
     .bos_id = 1,
     .eos_id = 2},
    {.name = "Qwen2ForCausalLM",
     .model_type = "qwen2",
     .help = "Qwen2, Qwen2.5: biases on q, k, v",
     .qkv_bias = BiasRule::kAlways,
     .output_bias = BiasRule::kNever,
     .mlp_bias = BiasRule::kNever,
     .qk_norm = false,
     .heads_divide_hidden = false,
     .sliding_layers = true,
     .vocab_size = 151936,
     .intermediate_size = 22016,
     .max_position_embeddings = 32768,
     .kv_heads = 32,
     .head_dim = std::nullopt,
     .bos_id = std::nullopt,
     .eos_id = std::nullopt},
    {.name = "Qwen3ForCausalLM",
     .model_type = "qwen3",
     .help = "Qwen3 (dense): norms on q and k, heads of their own size",
     .qkv_bias = BiasRule::kFlag,
     .output_bias = BiasRule::kFlag,
     .mlp_bias = BiasRule::kNever,
     .qk_norm = true,
     .heads_divide_hidden = false,
     .sliding_layers = true,
     .vocab_size = 151936,
     .intermediate_size = 22016,
     .max_position_embeddings = 32768,
     .kv_heads = 32,
     .head_dim = 128,
     .bos_id = std::nullopt,
     .eos_id = std::nullopt},
};

[[noreturn]] void unknown(const std::string& file, const std::string& what) {
  std::vector<std::string> known;
  for (const Architecture& row : kArchitectures)
    known.push_back(std::string(row.name) + " (" + std::string(row.model_type) + ")");
  throw UserError(file, what, "known: " + join(known));
}

}  // namespace

std::span<const Architecture> architectures() { return kArchitectures; }

const Architecture& find_architecture(const std::string& file, std::string_view model_type,
                                      std::span<const std::string> architecture_names) {
  const std::vector<std::string> names(architecture_names.begin(), architecture_names.end());
  if (model_type.empty() && names.empty())
    unknown(file, "has neither 'model_type' nor 'architectures'");
  for (const Architecture& row : kArchitectures) {
    const bool named = std::find(names.begin(), names.end(), row.name) != names.end();
    if (model_type.empty() ? !named : row.model_type != model_type) continue;
    if (!names.empty() && !named)
      unknown(file, "'architectures' is " + join(names) + ", but 'model_type' is " +
                        std::string(model_type));
    return row;
  }
  if (names.empty() || model_type.empty())
    unknown(file, "unknown architecture '" +
                      (names.empty() ? std::string(model_type) : join(names)) + "'");
  unknown(file, "unknown architecture '" + join(names) + "' of model_type '" +
                    std::string(model_type) + "'");
}

}  // namespace retort
