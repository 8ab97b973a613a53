// retort inspect: what a model directory holds, without computing anything.
#include "base/error.h"
#include "policy/chat_template/chat_template.h"
#include "policy/checkpoint/hf_weights.h"
#include "policy/hf_model.h"
#include "policy/tokenizer/tokenizer.h"
#include "tools/retort/arguments.h"
#include "tools/retort/commands.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <filesystem>

namespace retort {
namespace {

using Json = nlohmann::ordered_json;

// "ok", or why the directory's template cannot be used.
Json chat_template_state(const std::string& dir) {
  try {
    ChatTemplate::from_model_dir(dir);
    return "ok";
  } catch (const UserError& error) {
    return std::string(error.what());
  }
}

Json describe(const std::string& dir) {
  const ModelConfig config = ModelConfig::from_dir(dir);
  Json json;
  json["model"] = dir;
  json["architecture"] = std::string(config.architecture->name);
  int64_t parameters = 0, bytes = 0;
  Json dtypes = Json::object();
  const HfWeights weights = HfWeights::open(dir);
  for (const std::string& name : weights.names()) {
    const TensorView& tensor = *weights.find(name);
    const std::string dtype(dtype_name(tensor.dtype));
    parameters += tensor.size();
    bytes += static_cast<int64_t>(tensor.bytes.size());
    dtypes[dtype] = dtypes.value(dtype, int64_t{0}) + 1;
  }
  json["parameters"] = parameters;
  json["bytes"] = bytes;
  json["tensors"] = dtypes;
  json["layers"] = config.layers;
  json["hidden_size"] = config.hidden_size;
  json["intermediate_size"] = config.intermediate_size;
  json["heads"] = config.heads;
  json["kv_heads"] = config.kv_heads;
  json["head_dim"] = config.head_dim;
  json["vocab_size"] = config.vocab_size;
  json["tie_word_embeddings"] = config.tie_word_embeddings;
  json["max_position_embeddings"] = config.max_position_embeddings;
  json["rope"] = std::string(rotary_kind_name(config.rotary.kind));
  json["rope_theta"] = config.rotary.theta;
  json["eos_ids"] = config.eos_ids;
  json["kv_cache_bytes_per_token_fp32"] = config.layers * config.kv_size() * 2 * 4;
  if (std::filesystem::exists(dir + "/tokenizer.json")) {
    const Tokenizer tokenizer = Tokenizer::from_file(dir + "/tokenizer.json");
    json["tokenizer_vocab_size"] = tokenizer.vocab_size();
    Json names = Json::array();
    for (const int32_t id : config.eos_ids) names.push_back(tokenizer.id_to_token(id));
    json["eos_tokens"] = names;
  }
  json["chat_template"] = chat_template_state(dir);
  return json;
}

}  // namespace

int run_inspect(const CommandArguments& arguments) {
  std::string path;
  bool as_json = false;
  Arguments parser("inspect", "What a model is: sizes, types, tokenizer, template.",
                   "retort inspect configs/tiny_base");
  parser.positional("PATH", path, "Hugging Face directory, checkpoint or run");
  parser.flag("--json", as_json, "one JSON object");
  if (!parser.parse(arguments)) return 0;
  const Json json = describe(resolve_model_dir(path, "PATH"));
  if (as_json) {
    fmt::print("{}\n", json.dump(-1, ' ', false, Json::error_handler_t::replace));
    return 0;
  }
  for (const auto& [key, value] : json.items())
    fmt::print("{:30} {}\n", key,
               value.is_string() ? value.get<std::string>()
                                 : value.dump(-1, ' ', false, Json::error_handler_t::replace));
  return 0;
}

}  // namespace retort
