// retort inspect: what a model directory holds, without computing anything; how a run went.
#include "base/error.h"
#include "base/log.h"
#include "policy/chat_template/chat_template.h"
#include "policy/checkpoint/hf_weights.h"
#include "policy/hf_model.h"
#include "policy/tokenizer/tokenizer.h"
#include "tools/retort/arguments.h"
#include "tools/retort/commands.h"
#include "tools/retort/inspect_run.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <optional>

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

// Of the run's best checkpoint, else of the model it began with.
std::optional<Tokenizer> tokenizer_of(const RunReport& report) {
  std::string path = report.dir + "/checkpoints/best/tokenizer.json";
  if (!std::filesystem::exists(path)) {
    const std::string quoted = report.setting("model.path");
    if (quoted.size() > 2) path = quoted.substr(1, quoted.size() - 2) + "/tokenizer.json";
  }
  if (!std::filesystem::exists(path)) return std::nullopt;
  return Tokenizer::from_file(path);
}

int inspect_run(const std::string& path, const std::string& sample, bool as_json) {
  const RunReport report = read_run_report(path, sample);
  std::optional<Tokenizer> tokenizer;
  if (report.sample) tokenizer = tokenizer_of(report);
  const TokenText token_text = [&](int32_t id) {
    return tokenizer ? tokenizer->id_to_token(id) : std::string();
  };
  fmt::print("{}",
             as_json ? run_report_json(report, token_text)
                     : run_report_text(report, token_text, {stdout_width(), stdout_has_colours()}));
  return 0;
}

}  // namespace

int run_inspect(const CommandArguments& arguments) {
  std::string path, sample;
  bool as_json = false;
  Arguments parser("inspect",
                   "What a model is: sizes, types, tokenizer, template. How a run goes, also while "
                   "it does: configuration, curves, times, outcomes, one sample.",
                   "retort inspect runs/quickstart --sample 1/0/3");
  parser.positional("PATH", path, "Hugging Face directory, checkpoint or run");
  parser.option("--sample", sample,
                "STEP/TASK/SLOT: the sample of a run to show; default the first of the last step");
  parser.flag("--json", as_json, "one JSON object");
  if (!parser.parse(arguments)) return 0;
  if (is_run_dir(path)) return inspect_run(path, sample, as_json);
  if (!sample.empty())
    throw UserError("--sample", "'" + path + "' is no run", "give the directory of a run");
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
