#include "base/error.h"
#include "policy/gguf/convert_gguf.h"

#include <charconv>
#include <limits>

namespace retort {

namespace {

constexpr int64_t kMaxSize = int64_t{1} << 24;
constexpr int64_t kMaxPositions = int64_t{1} << 40;
constexpr int64_t kMaxId = std::numeric_limits<int32_t>::max();
constexpr const char* kOtherFile = "use the model's Hugging Face files instead";

// The file holds fp32: the shortest decimal that rounds to `value` is what the model's config.json
// said.
double shortest_decimal(float value) {
  char digits[64];
  const auto written = std::to_chars(digits, digits + sizeof digits, value);
  double result = 0;
  std::from_chars(digits, written.ptr, result);
  return result;
}

std::optional<int32_t> token_id(const GgufFile& file, std::string_view key) {
  const auto id = file.find_integer(key, 0, kMaxId);
  return id ? std::optional(static_cast<int32_t>(*id)) : std::nullopt;
}

RotaryParameters read_rotary(const GgufFile& file) {
  RotaryParameters rotary;
  rotary.theta = file.find_number("llama.rope.freq_base").value_or(10000.0);
  if (rotary.theta <= 1) file.fail("llama.rope.freq_base", "is not above 1", kOtherFile);
  if (file.find_tensor("rope_freqs.weight") != nullptr)
    throw UserError(file.path() + ": tensor 'rope_freqs.weight'",
                    "scales the rotary frequencies one by one", kOtherFile);
  const std::string_view kind = file.find_text("llama.rope.scaling.type").value_or("none");
  double factor = file.find_number("llama.rope.scaling.factor").value_or(1.0);
  if (const auto linear = file.find_number("llama.rope.scale_linear")) factor = *linear;
  if (kind != "none" && kind != "linear")
    file.fail("llama.rope.scaling.type", "is '" + std::string(kind) + "'", "known: none, linear");
  if (factor < 1) file.fail("llama.rope.scaling.factor", "is below 1", kOtherFile);
  if (factor != 1) {
    rotary.kind = RotaryKind::kLinear;
    rotary.factor = factor;
  }
  return rotary;
}

// Heads of one size that are rotated whole.
int64_t read_head_dim(const GgufFile& file, int64_t hidden_size, int64_t heads) {
  const int64_t rotated =
      file.find_integer("llama.rope.dimension_count", 2, kMaxSize).value_or(hidden_size / heads);
  for (const char* key : {"llama.attention.key_length", "llama.attention.value_length"})
    if (file.find_integer(key, 1, kMaxSize).value_or(rotated) != rotated)
      file.fail(key, "differs from the " + std::to_string(rotated) + " rotated dims", kOtherFile);
  if (rotated % 2 != 0) file.fail("llama.rope.dimension_count", "is odd", kOtherFile);
  return rotated;
}

}  // namespace

ModelConfig read_gguf_config(const GgufFile& file) {
  const std::string_view architecture = file.text("general.architecture");
  if (architecture != "llama")
    file.fail("general.architecture", "is '" + std::string(architecture) + "'", "known: llama");
  if (file.find_integer("llama.expert_count", 0, kMaxSize).value_or(0) != 0)
    file.fail("llama.expert_count", "says that the model has experts", "use a dense model");
  ModelConfig config;
  config.architecture = &find_architecture(file.path(), "llama", {});
  config.hidden_size = file.integer("llama.embedding_length", 1, kMaxSize);
  config.intermediate_size = file.integer("llama.feed_forward_length", 1, kMaxSize);
  config.layers = file.integer("llama.block_count", 1, int64_t{1} << 16);
  config.heads = file.integer("llama.attention.head_count", 1, kMaxSize);
  config.kv_heads =
      file.find_integer("llama.attention.head_count_kv", 1, kMaxSize).value_or(config.heads);
  if (config.heads % config.kv_heads != 0)
    file.fail("llama.attention.head_count_kv", "does not divide the heads", kOtherFile);
  if (config.hidden_size % config.heads != 0)
    file.fail("llama.embedding_length", "is no multiple of the heads", kOtherFile);
  config.head_dim = read_head_dim(file, config.hidden_size, config.heads);
  config.max_position_embeddings = file.integer("llama.context_length", 1, kMaxPositions);
  const auto epsilon = file.find_number("llama.attention.layer_norm_rms_epsilon");
  if (!epsilon || *epsilon < 0 || *epsilon > 1)
    file.fail("llama.attention.layer_norm_rms_epsilon", "is missing or not from 0 to 1",
              kOtherFile);
  config.rms_norm_eps = shortest_decimal(static_cast<float>(*epsilon));
  config.rotary = read_rotary(file);
  const GgufTensor* embedding = file.find_tensor("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2)
    throw UserError(file.path(), "has no tensor 'token_embd.weight' of two dims", kOtherFile);
  config.vocab_size =
      file.find_integer("llama.vocab_size", 1, int64_t{1} << 30).value_or(embedding->shape[0]);
  config.tie_word_embeddings = file.find_tensor("output.weight") == nullptr;
  config.attention_bias = file.find_tensor("blk.0.attn_q.bias") != nullptr;
  config.mlp_bias = file.find_tensor("blk.0.ffn_gate.bias") != nullptr;
  config.bos_id = token_id(file, "tokenizer.ggml.bos_token_id");
  config.pad_id = token_id(file, "tokenizer.ggml.padding_token_id");
  if (const auto eos = token_id(file, "tokenizer.ggml.eos_token_id")) config.eos_ids = {*eos};
  return config;
}

}  // namespace retort
