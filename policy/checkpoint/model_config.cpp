#include "policy/checkpoint/model_config.h"

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "policy/checkpoint/json_fields.h"
#include "policy/checkpoint/rotary_parameters.h"

#include <algorithm>
#include <filesystem>

namespace retort {

namespace {

namespace fs = std::filesystem;

// Bounds that keep every product of two sizes far inside 64 bits.
constexpr int64_t kMaxSize = int64_t{1} << 24;
constexpr int64_t kMaxLayers = int64_t{1} << 16;
constexpr int64_t kMaxVocabulary = int64_t{1} << 30;
constexpr int64_t kMaxPositions = int64_t{1} << 40;
constexpr int64_t kMaxId = std::numeric_limits<int32_t>::max();

bool applies(BiasRule rule, bool flag) {
  return rule == BiasRule::kAlways || (rule == BiasRule::kFlag && flag);
}

const Architecture& read_architecture(const JsonFields& config) {
  const std::string model_type = config.find_text("model_type").value_or("");
  const auto names =
      config.find_texts("architectures", Null::kAbsent).value_or(std::vector<std::string>{});
  return find_architecture(config.file(), model_type, names);
}

void refuse_other_layers(const JsonFields& config,
                         const std::optional<std::vector<std::string>>& layer_types) {
  if (!layer_types) return;
  for (const std::string& type : *layer_types)
    if (type != "full_attention") config.fail("layer_types", "only full_attention is available");
}

// What would change the forward and that the policy does not compute.
void refuse_unsupported(const JsonFields& config, const ModelConfig& model) {
  if (config.has("quantization_config"))
    config.fail("quantization_config", "use an unquantised checkpoint");
  if (config.has("per_layer_config"))
    config.fail("per_layer_config", "use a checkpoint of equal layers");
  if (!config.find_flag("is_causal").value_or(true)) config.fail("is_causal", "use a causal model");
  const std::string activation = config.find_text("hidden_act").value_or("silu");
  if (activation != "silu" && activation != "swish") config.fail("hidden_act", "known: silu");
  const auto layer_types = config.find_texts("layer_types", Null::kAbsent);
  if (!model.architecture->sliding_layers) {
    refuse_other_layers(config, layer_types);
    return;
  }
  config.find_integer("sliding_window", 0, kMaxPositions, Null::kAbsent);  // checks its kind
  const bool window =
      config.find_flag("use_sliding_window").value_or(false) && !config.is_null("sliding_window");
  const int64_t first_sliding =
      config.find_integer("max_window_layers", 0, kMaxPositions).value_or(28);
  if (!layer_types) {
    if (window && first_sliding < model.layers)
      config.fail("use_sliding_window",
                  "sliding attention is not available; use a model with full attention");
    return;
  }
  if (static_cast<int64_t>(layer_types->size()) != model.layers)
    config.fail("layer_types",
                "list one type for each of the " + std::to_string(model.layers) + " layers");
  refuse_other_layers(config, layer_types);
}

void read_sizes(const JsonFields& config, ModelConfig* model) {
  const Architecture& family = *model->architecture;
  model->vocab_size =
      config.find_integer("vocab_size", 1, kMaxVocabulary).value_or(family.vocab_size);
  model->hidden_size = config.find_integer("hidden_size", 1, kMaxSize).value_or(4096);
  model->intermediate_size =
      config.find_integer("intermediate_size", 1, kMaxSize).value_or(family.intermediate_size);
  model->layers = config.find_integer("num_hidden_layers", 1, kMaxLayers).value_or(32);
  model->heads = config.find_integer("num_attention_heads", 1, kMaxSize).value_or(32);
  const auto kv_heads = config.find_integer("num_key_value_heads", 1, kMaxSize, Null::kAbsent);
  const bool all_heads = config.is_null("num_key_value_heads") || !family.kv_heads;
  model->kv_heads = kv_heads.value_or(all_heads ? model->heads : *family.kv_heads);
  if (model->heads % model->kv_heads != 0)
    config.fail(kv_heads ? "num_key_value_heads" : "num_attention_heads",
                "heads (" + std::to_string(model->heads) +
                    ") must be a multiple of key/value heads (" + std::to_string(model->kv_heads) +
                    ")");
  // A family with a head_dim of its own has no null there.
  const auto head_dim = config.find_integer("head_dim", 1, kMaxSize,
                                            family.head_dim ? Null::kRefused : Null::kAbsent);
  if ((family.heads_divide_hidden || !(head_dim || family.head_dim)) &&
      model->hidden_size % model->heads != 0)
    config.fail("hidden_size", "set a multiple of the " + std::to_string(model->heads) + " heads");
  model->head_dim =
      head_dim ? *head_dim : family.head_dim.value_or(model->hidden_size / model->heads);
  if (model->head_dim % 2 != 0)
    config.fail(
        head_dim ? "head_dim" : "hidden_size",
        "heads of " + std::to_string(model->head_dim) + " dims cannot be rotated; make that even");
  model->max_position_embeddings = config.find_integer("max_position_embeddings", 1, kMaxPositions)
                                       .value_or(family.max_position_embeddings);
}

void read_numbers_and_flags(const JsonFields& config, ModelConfig* model) {
  model->rms_norm_eps = config.find_number("rms_norm_eps").value_or(model->rms_norm_eps);
  if (model->rms_norm_eps < 0 || model->rms_norm_eps > 1)
    config.fail("rms_norm_eps", "set a number from 0 to 1");
  model->initializer_range =
      config.find_number("initializer_range").value_or(model->initializer_range);
  if (model->initializer_range < 0) config.fail("initializer_range", "set a number of 0 or more");
  model->attention_bias = config.find_flag("attention_bias").value_or(false);
  model->mlp_bias = config.find_flag("mlp_bias").value_or(false);
  model->tie_word_embeddings = config.find_flag("tie_word_embeddings").value_or(false);
  const std::string_view dtype_key = config.has("dtype") ? "dtype" : "torch_dtype";
  model->dtype = config.find_text(dtype_key, Null::kAbsent).value_or("");
  if (!model->dtype.empty() && model->dtype != "float32" && model->dtype != "bfloat16" &&
      model->dtype != "float16")
    config.fail(dtype_key, "known: float32, bfloat16, float16");
}

// Ids from generation_config.json, else config.json, else the family's. Negative ids, which older
// files write for "none", are dropped.
std::vector<int32_t> read_ids(const JsonFields* generation, const JsonFields& config,
                              std::string_view key, std::optional<int64_t> absent) {
  std::optional<std::vector<int64_t>> ids;
  if (generation != nullptr) ids = generation->find_integers(key, -1, kMaxId, Null::kAbsent);
  if (!ids) ids = config.find_integers(key, -1, kMaxId, Null::kAbsent);
  if (!ids && absent && !config.is_null(key)) ids = {*absent};
  std::vector<int32_t> kept;
  for (const int64_t id : ids.value_or(std::vector<int64_t>{}))
    if (id >= 0 && std::find(kept.begin(), kept.end(), id) == kept.end())
      kept.push_back(static_cast<int32_t>(id));
  return kept;
}

std::optional<int32_t> read_id(const JsonFields* generation, const JsonFields& config,
                               std::string_view key, std::optional<int64_t> absent) {
  const std::vector<int32_t> ids = read_ids(generation, config, key, absent);
  return ids.empty() ? std::nullopt : std::optional(ids.front());
}

}  // namespace

bool ModelConfig::qkv_bias() const { return applies(architecture->qkv_bias, attention_bias); }
bool ModelConfig::output_bias() const { return applies(architecture->output_bias, attention_bias); }
bool ModelConfig::has_mlp_bias() const { return applies(architecture->mlp_bias, mlp_bias); }

bool ModelConfig::operator==(const ModelConfig& other) const {
  const auto fields = [](const ModelConfig& m) {
    return std::tie(m.architecture, m.vocab_size, m.hidden_size, m.intermediate_size, m.layers,
                    m.heads, m.kv_heads, m.head_dim, m.max_position_embeddings, m.rms_norm_eps,
                    m.initializer_range, m.attention_bias, m.mlp_bias, m.tie_word_embeddings,
                    m.eos_ids, m.bos_id, m.pad_id, m.dtype);
  };
  return fields(*this) == fields(other) && rotary == other.rotary;
}

ModelConfig ModelConfig::from_dir(const std::string& dir) {
  const std::string config = (fs::path(dir) / "config.json").string();
  const std::string generation = (fs::path(dir) / "generation_config.json").string();
  std::error_code ignored;
  if (!fs::is_directory(dir, ignored))
    throw UserError(dir, "is not a directory",
                    "name a directory with config.json and model.safetensors");
  if (!fs::exists(config, ignored))
    throw UserError(dir, "has no config.json", "name a Hugging Face model directory");
  return parse(dir, read_file(config),
               fs::exists(generation, ignored) ? read_file(generation) : "");
}

ModelConfig ModelConfig::parse(const std::string& place, std::string_view config_text,
                               std::string_view generation_text) {
  const JsonDocument document =
      JsonDocument::parse((fs::path(place) / "config.json").string(), config_text);
  std::optional<JsonDocument> generation_document;
  std::optional<JsonFields> generation;
  if (!generation_text.empty()) {
    generation_document =
        JsonDocument::parse((fs::path(place) / "generation_config.json").string(), generation_text);
    generation = generation_document->fields();
  }
  const JsonFields config = document.fields();
  ModelConfig model;
  model.source_text_ = config_text;
  model.generation_text_ = generation_text;
  model.architecture = &read_architecture(config);
  read_sizes(config, &model);
  read_numbers_and_flags(config, &model);
  model.rotary = read_rotary_parameters(config, model.head_dim, model.max_position_embeddings);
  const JsonFields* ids = generation ? &*generation : nullptr;
  model.eos_ids = read_ids(ids, config, "eos_token_id", model.architecture->eos_id);
  model.bos_id = read_id(ids, config, "bos_token_id", model.architecture->bos_id);
  model.pad_id = read_id(ids, config, "pad_token_id", std::nullopt);
  refuse_unsupported(config, model);
  return model;
}

}  // namespace retort
