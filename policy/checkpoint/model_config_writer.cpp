#include "base/check.h"
#include "policy/checkpoint/model_config.h"

#include <nlohmann/json.hpp>

namespace retort {

namespace {

using nlohmann::ordered_json;

ordered_json ids_json(const std::vector<int32_t>& ids) {
  if (ids.empty()) return nullptr;
  if (ids.size() == 1) return ids.front();
  return ids;
}

ordered_json id_json(const std::optional<int32_t>& id) {
  return id ? ordered_json(*id) : ordered_json(nullptr);
}

ordered_json rotary_json(const RotaryParameters& rotary) {
  ordered_json out;
  out["rope_type"] = rotary_kind_name(rotary.kind);
  out["rope_theta"] = rotary.theta;
  if (rotary.kind == RotaryKind::kDefault) return out;
  out["factor"] = rotary.factor;
  if (rotary.kind == RotaryKind::kLlama3 || rotary.kind == RotaryKind::kYarn)
    out["original_max_position_embeddings"] = rotary.original_max_position_embeddings;
  if (rotary.kind == RotaryKind::kLlama3) {
    out["low_freq_factor"] = rotary.low_freq_factor;
    out["high_freq_factor"] = rotary.high_freq_factor;
  }
  if (rotary.kind == RotaryKind::kYarn) {
    out["beta_fast"] = rotary.beta_fast;
    out["beta_slow"] = rotary.beta_slow;
    if (rotary.attention_factor) out["attention_factor"] = *rotary.attention_factor;
    if (rotary.mscale) out["mscale"] = *rotary.mscale;
    if (rotary.mscale_all_dim) out["mscale_all_dim"] = *rotary.mscale_all_dim;
    out["truncate"] = rotary.truncate;
  }
  return out;
}

// Every key of a config made in code, in the order written.
ordered_json all_fields(const ModelConfig& model) {
  ordered_json out;
  out["architectures"] = {model.architecture->name};
  out["model_type"] = model.architecture->model_type;
  out["vocab_size"] = model.vocab_size;
  out["hidden_size"] = model.hidden_size;
  out["intermediate_size"] = model.intermediate_size;
  out["num_hidden_layers"] = model.layers;
  out["num_attention_heads"] = model.heads;
  out["num_key_value_heads"] = model.kv_heads;
  out["head_dim"] = model.head_dim;
  out["hidden_act"] = "silu";
  out["max_position_embeddings"] = model.max_position_embeddings;
  out["initializer_range"] = model.initializer_range;
  out["rms_norm_eps"] = model.rms_norm_eps;
  out["attention_bias"] = model.attention_bias;
  out["mlp_bias"] = model.mlp_bias;
  out["tie_word_embeddings"] = model.tie_word_embeddings;
  out["rope_parameters"] = rotary_json(model.rotary);
  out["bos_token_id"] = id_json(model.bos_id);
  out["eos_token_id"] = ids_json(model.eos_ids);
  out["pad_token_id"] = id_json(model.pad_id);
  out["dtype"] = model.dtype.empty() ? ordered_json(nullptr) : ordered_json(model.dtype);
  return out;
}

}  // namespace

std::string ModelConfig::to_json() const {
  RT_CHECK(architecture != nullptr) << "a config without an architecture";
  const ordered_json fields = all_fields(*this);
  if (source_text_.empty()) return fields.dump(2) + "\n";
  ordered_json out = ordered_json::parse(source_text_);
  // Ids that came from generation_config.json and were left alone are not copied into config.json.
  const ordered_json before = all_fields(parse("", source_text_, generation_text_));
  for (const auto& [key, value] : fields.items()) {
    if (value == before[key]) continue;
    if (key == "rope_parameters") {
      out.erase("rope_theta");
      out.erase("rope_scaling");
    }
    const bool old_name = key == "dtype" && out.contains("torch_dtype") && !out.contains("dtype");
    out[old_name ? "torch_dtype" : key] = value;
  }
  return out.dump(2) + "\n";
}

std::string ModelConfig::generation_json() const {
  const ordered_json fields = all_fields(*this);
  ordered_json out = ordered_json::object();
  ordered_json before = ordered_json::object();
  if (!generation_text_.empty()) {
    out = ordered_json::parse(generation_text_);
    before = all_fields(parse("", source_text_, generation_text_));
  }
  for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"}) {
    if (before.contains(key) && before[key] == fields[key]) continue;
    out[key] = fields[key];
  }
  return out.dump(2) + "\n";
}

}  // namespace retort
