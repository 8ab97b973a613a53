// retort eval: accuracy of a model on tasks, with confidence intervals, by family and level.
#include "base/error.h"
#include "base/log.h"
#include "tasks/evaluation_set.h"
#include "tools/retort/arguments.h"
#include "tools/retort/commands.h"
#include "tools/retort/evaluation.h"
#include "tools/retort/progress.h"
#include "tools/retort/sampling_options.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>

namespace retort {
namespace {

std::vector<int64_t> parse_pass_at(const std::string& text, int64_t samples) {
  std::vector<int64_t> ks;
  for (const char *at = text.data(), *end = at + text.size(); at < end; ++at) {
    int64_t k = 0;
    const auto [stop, error] = std::from_chars(at, end, k);
    if (error != std::errc() || k < 1 || (stop != end && *stop != ','))
      throw UserError("--pass-at", "got '" + text + "'", "write numbers joined by commas, as 1,8");
    if (k > samples)
      throw UserError("--pass-at", fmt::format("got {} with {} samples a task", k, samples),
                      fmt::format("set --samples to {} or more", k));
    ks.push_back(k);
    at = stop;
  }
  if (std::find(ks.begin(), ks.end(), 1) == ks.end()) ks.insert(ks.begin(), 1);
  return ks;
}

nlohmann::ordered_json json_of(const EvaluationCell& cell, const EvaluationResult& result) {
  nlohmann::ordered_json json;
  json["n"] = cell.right.size();
  for (const int64_t k : result.pass_at) {
    json["pass@" + std::to_string(k)] = cell.pass_at(k, result.samples);
    if (k == 1) json["ci95"] = {cell.ci95(result.samples).first, cell.ci95(result.samples).second};
  }
  return json;
}

void print_row(const std::string& name, const EvaluationCell& cell,
               const EvaluationResult& result) {
  fmt::print("{:24} {:>6}", name, cell.right.size());
  for (const int64_t k : result.pass_at) fmt::print("   {:>7.4f}", cell.pass_at(k, result.samples));
  const auto [low, high] = cell.ci95(result.samples);
  fmt::print("   [{:.4f}, {:.4f}]\n", low, high);
}

}  // namespace

int run_eval(const CommandArguments& arguments) {
  std::string model_path, spec, pass_at = "1", device = "auto", reward = "task";
  EvaluationSettings settings;
  settings.max_new_tokens = 0;
  settings.length_setting = "--max-new-tokens";
  TaskOptions task_options;
  int64_t seed = 0, threads = 0;
  bool json = false;
  Arguments parser("eval", "Accuracy with 95 % confidence intervals, by family and level.",
                   "retort eval --model configs/tiny_base --tasks "
                   "chain_sum:1-6:120:1,countdown:1-6:120:1 --samples 8 --pass-at 1,8");
  parser.option("--model", model_path, "Hugging Face directory, checkpoint or run", true);
  parser.option(
      "--tasks", spec,
      "FAMILY:LEVELS:COUNT:SEED[:train][:repeat], a store tasks.db[:where] or a JSON Lines file; "
      "several joined by commas; retort tasks make --list shows the families",
      true);
  parser.option("--samples", settings.samples, "completions of each task");
  parser.option("--temperature", settings.temperature, "0 is greedy");
  parser.option("--top-k", settings.top_k, "keep the k most probable tokens; 0 keeps all");
  parser.option("--top-p", settings.top_p,
                "keep the smallest set with this probability; 1 keeps all");
  parser.option("--max-new-tokens", settings.max_new_tokens,
                "longest completion; 0: 256, or what the model's positions leave");
  parser.option("--stop", settings.stop, "string that ends a completion (repeatable)");
  parser.option("--pass-at", pass_at, "k of pass@k, joined by commas");
  parser.option("--reward", reward, "one of retort score --list; a score above 1/2 is right");
  parser.option("--prompt-key", task_options.prompt_key, "key of the prompt in the rows of a file");
  parser.option("--answer-key", task_options.answer_key,
                "key of the gold answer in the rows of a file");
  parser.option("--seed", seed, "decides the samples");
  parser.option("--max-sequences", settings.max_sequences, "most sequences in one forward");
  parser.option("--device", device, "auto, cpu or cuda");
  parser.option("--threads", threads, "CPU threads; 0 takes all cores");
  parser.flag("--json", json, "one JSON object on standard output");
  if (!parser.parse(arguments)) return 0;
  check(SamplingOptions{settings.temperature, settings.top_k, settings.top_p, seed,
                        settings.samples, settings.max_new_tokens, settings.max_sequences, threads,
                        settings.stop});
  settings.pass_at = parse_pass_at(pass_at, settings.samples);
  settings.seed = static_cast<uint32_t>(seed);
  const RewardSet rewards({{reward, 1.0}}, "--reward");
  rewards.self_test();
  const std::vector<Task> tasks =
      evaluation_tasks(parse_evaluation_spec(spec, "--tasks"), task_options);
  check_golds(tasks, rewards, "--tasks");
  set_cpu_threads(threads);
  const LoadedModel model = load_model(model_path, "--model", device);
  settings.reward_setting = "--reward";
  EvaluationResult result;
  {
    Progress progress("samples", static_cast<int64_t>(tasks.size()) * settings.samples,
                      parser.quiet());
    settings.progress = [&](int64_t finished) { progress.update(finished); };
    result = evaluate(model, tasks, rewards, settings);
  }
  if (result.left_out == static_cast<int64_t>(tasks.size()))
    throw UserError("--reward", "'" + reward + "' scores none of the tasks: " + result.left_out_why,
                    "name a reward that fits them, or mend their answers");
  if (result.left_out > 0)
    fmt::print(stderr, "{} of {} tasks are left out, their answers cannot be judged: {}\n",
               result.left_out, tasks.size(), one_line(result.left_out_why));
  const double rate = static_cast<double>(result.tokens) / std::max(result.seconds, 1e-9);

  if (json) {
    nlohmann::ordered_json out = {{"model", model_path},
                                  {"tasks", spec},
                                  {"samples", settings.samples},
                                  {"temperature", settings.temperature}};
    for (const auto& [family, cell] : result.families) {
      nlohmann::ordered_json entry = json_of(cell, result);
      for (const auto& [level, level_cell] : result.levels.at(family))
        entry["levels"][std::to_string(level)] = json_of(level_cell, result);
      out["families"][family] = std::move(entry);
    }
    out["all"] = json_of(result.all, result);
    out["tokens_per_s"] = rate;
    fmt::print("{}\n", out.dump());
    return 0;
  }
  fmt::print("{:24} {:>6}", "", "n");
  for (const int64_t k : result.pass_at) fmt::print("   {:>7}", "pass@" + std::to_string(k));
  fmt::print("   95 % interval of pass@1\n");
  for (const auto& [family, cell] : result.families) {
    print_row(one_line(family), cell, result);
    for (const auto& [level, level_cell] : result.levels.at(family))
      print_row("  level " + std::to_string(level), level_cell, result);
  }
  print_row("all", result.all, result);
  if (!parser.quiet())
    fmt::print(stderr, "{} tokens, {:.0f} tokens/s, mean length {:.1f}\n", result.tokens, rate,
               result.mean_length);
  return 0;
}

}  // namespace retort
