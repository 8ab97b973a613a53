// retort generate: completions with log-probabilities.
#include "base/error.h"
#include "base/json.h"
#include "policy/hf_model.h"
#include "tools/retort/arguments.h"
#include "tools/retort/commands.h"
#include "tools/retort/messages.h"
#include "tools/retort/model.h"
#include "tools/retort/progress.h"
#include "tools/retort/rows.h"
#include "tools/retort/sampling_options.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>

namespace retort {
namespace {

struct Options {
  std::string model, prompt, in, out = "-", device = "auto";
  int64_t samples = 1, top_k = 0, max_new_tokens = 0, seed = 0, max_sequences = 64, threads = 0;
  double temperature = 1.0, top_p = 1.0;
  std::vector<std::string> stop;
  bool hex = false, json = false;
};

// One line of the input.
struct Prompt {
  nlohmann::ordered_json id;
  std::vector<int32_t> tokens;
  std::string place;  // FILE:LINE
};

// Messages with all that the template reads of them, calls of tools too.
std::vector<int32_t> chat_tokens(const PromptCodec& codec, const nlohmann::ordered_json& row,
                                 const std::string& place) {
  const nlohmann::ordered_json& messages = checked_messages(row["messages"], place);
  const nlohmann::ordered_json tools = tools_of(row, place);
  codec.chat_template();  // a model without one is not the row's fault
  try {
    return codec.encode_messages(messages, tools);
  } catch (const UserError& error) {
    throw UserError(place, error.what(), "mend the row");
  }
}

std::vector<Prompt> read_prompts(const Options& options, const PromptCodec& codec) {
  std::vector<Prompt> prompts;
  if (options.in.empty()) return {{0, codec.encode_text(options.prompt), "--prompt"}};
  read_json_lines(options.in, [&](const nlohmann::ordered_json& row, const std::string& place) {
    Prompt prompt;
    prompt.place = place;
    prompt.id = row.contains("id") ? row["id"] : nlohmann::ordered_json(prompts.size());
    if (row.contains("messages"))
      prompt.tokens = chat_tokens(codec, row, place);
    else if (row.contains("prompt") && row["prompt"].is_string())
      prompt.tokens = codec.encode_text(row["prompt"].get<std::string>());
    else
      throw UserError(place, "has neither a text \"prompt\" nor \"messages\"",
                      "write {\"prompt\": \"…\"} or {\"messages\": […]}");
    prompts.push_back(std::move(prompt));
  });
  return prompts;
}

std::string row_of(const Sample& sample, const Prompt& prompt, const PromptCodec& codec, bool hex) {
  const std::vector<int32_t> ids(sample.tokens.begin() + sample.prompt_length, sample.tokens.end());
  const nlohmann::json text = codec.completion(sample).text;
  return fmt::format(
      R"({{"id":{},"sample":{},"text":{},"ids":{},"logprobs":{},"stop":"{}","prompt_tokens":{},"version":{}}})",
      prompt.id.dump(), sample.id.slot,
      text.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), int_list(ids),
      float_list(sample.logprobs, hex), stop_name(sample.stop), sample.prompt_length,
      sample.version_max());
}

SamplingOptions sampling_options(const Options& options) {
  return {options.temperature,   options.top_k,   options.top_p,
          options.seed,          options.samples, options.max_new_tokens,
          options.max_sequences, options.threads, options.stop};
}

// Before the cache is made for the longest of them.
void check_lengths(const std::vector<Prompt>& prompts, int64_t max_new_tokens, int64_t positions) {
  for (const Prompt& prompt : prompts)
    if (static_cast<int64_t>(prompt.tokens.size()) + max_new_tokens > positions)
      throw UserError(prompt.place,
                      fmt::format("a prompt of {} tokens and {} new ones exceed the model's {} "
                                  "positions",
                                  prompt.tokens.size(), max_new_tokens, positions),
                      "shorten the prompt, or lower --max-new-tokens");
}

void check(const Options& options) {
  if (options.prompt.empty() == options.in.empty())
    throw UserError("generate", "needs one of --prompt and --in",
                    "give --prompt TEXT or --in FILE.jsonl");
  check(sampling_options(options));
}

}  // namespace

int run_generate(const CommandArguments& arguments) {
  Options options;
  Arguments parser("generate", "Completions with log-probabilities.",
                   "retort generate --model configs/tiny_base --prompt \"8+19=\" --samples 4");
  parser.option("--model", options.model, "Hugging Face directory, checkpoint or run", true);
  parser.option("--prompt", options.prompt, "one text prompt");
  parser.option(
      "--in", options.in,
      "JSON Lines of {\"prompt\"} or {\"messages\"}, optional \"id\"; - is standard input");
  parser.option("--out", options.out, "JSON Lines, one a sample; - is standard output");
  parser.option("--samples", options.samples, "completions of each prompt");
  parser.option("--temperature", options.temperature, "0 is greedy, ties to the lower id");
  parser.option("--top-k", options.top_k, "keep the k most probable tokens; 0 keeps all");
  parser.option("--top-p", options.top_p,
                "keep the smallest set with this probability; 1 keeps all");
  parser.option("--max-new-tokens", options.max_new_tokens,
                "longest completion; 0: 256, or what the model's positions leave");
  parser.option("--stop", options.stop, "string that ends a completion (repeatable)");
  parser.option("--seed", options.seed, "decides the samples, whatever the batch");
  parser.option("--max-sequences", options.max_sequences, "most sequences in one forward");
  parser.option("--device", options.device, "auto, cpu or cuda");
  parser.option("--threads", options.threads, "CPU threads; 0 takes all cores");
  parser.flag("--hex", options.hex, "log-probabilities as the 8 hex digits of their bits");
  parser.flag("--json", options.json,
              "JSON Lines on standard output (the default for --out FILE and --in)");
  if (!parser.parse(arguments)) return 0;
  check(options);
  refuse_same_file(options.in, options.out);
  set_cpu_threads(options.threads);
  const LoadedModel model = load_model(options.model, "--model", options.device);
  say_terminal_is_read(options.in, parser.quiet());
  const std::vector<Prompt> prompts = read_prompts(options, *model.codec);

  EngineSettings settings = engine_settings(model);
  settings.sampling = sampling_settings(sampling_options(options), Purpose::kSampling);
  int64_t longest = 0;
  for (const Prompt& prompt : prompts)
    longest = std::max(longest, static_cast<int64_t>(prompt.tokens.size()));
  settings.max_new_tokens =
      options.max_new_tokens > 0 ? options.max_new_tokens : default_new_tokens(model, longest, 256);
  check_lengths(prompts, settings.max_new_tokens, model.policy->config().max_position_embeddings);
  settings.max_length = longest + settings.max_new_tokens;
  settings.length_setting = "--max-new-tokens";
  settings.stop = options.stop;
  settings.max_sequences = options.max_sequences;
  std::vector<GroupRequest> requests;
  for (size_t i = 0; i < prompts.size(); ++i)
    requests.push_back(
        {{0, static_cast<uint32_t>(i), 0, 0}, 0, prompts[i].tokens, options.samples});
  const bool for_a_person = options.in.empty() && options.out == "-" && !options.json;
  std::optional<RowWriter> out;  // before the work: a place that cannot be written is told at once
  if (!for_a_person) out.emplace(options.out);
  Engine engine(*model.policy, settings);
  std::vector<Sample> samples;
  {
    Progress progress("samples", static_cast<int64_t>(prompts.size()) * options.samples,
                      parser.quiet());
    samples = engine.run(requests, [&](int64_t finished) { progress.update(finished); });
  }

  if (for_a_person) {
    for (const Sample& sample : samples) fmt::print("{}\n", model.codec->readable(sample));
    return 0;
  }
  for (const Sample& sample : samples)
    out->write(row_of(sample, prompts[sample.id.task], *model.codec, options.hex));
  out->close();
  return 0;
}

}  // namespace retort
