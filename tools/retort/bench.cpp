// retort bench: how fast this machine runs the kernels and the loop, beside what bounds them.
#include "base/error.h"
#include "base/registry.h"
#include "policy/policy.h"
#include "tools/retort/arguments.h"
#include "tools/retort/bench_model.h"
#include "tools/retort/bench_run.h"
#include "tools/retort/commands.h"
#include "tools/retort/model.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <span>

namespace retort {
namespace {

using kernels::Bench;
using kernels::BenchResult;

struct BenchCase {
  std::string_view name;
  std::string_view help;
  bool gpu;  // has a case on a GPU
  void (*run)(Bench& bench, const BenchOptions& options);
};

template <void (*kCase)(Bench&)>
void run_without_model(Bench& bench, const BenchOptions&) {
  kCase(bench);
}

constexpr BenchCase kCases[] = {
    {"gemm", "matrix products at the quickstart's and SmolLM2's shapes", true,
     run_without_model<kernels::bench_gemm>},
    {"attention", "attention of prefill, decoding and training", true,
     run_without_model<kernels::bench_attention>},
    {"head", "log-probabilities from hidden rows", false, run_without_model<kernels::bench_head>},
    {"elementwise", "norms, rotary, swiglu, AdamW", false,
     run_without_model<kernels::bench_elementwise>},
    {"channel", "samples and weights from process to process", false,
     run_without_model<bench_channel>},
    {"record", "samples into run.db", false, run_without_model<bench_record>},
    {"decode", "tokens a second of the engine", true, bench_decode},
    {"learner", "tokens a second of forward, backward and update", true, bench_learner},
    {"step", "tokens a second of whole training steps", true, bench_step},
};

std::string setting_text(const std::variant<int64_t, std::string>& value) {
  return std::holds_alternative<int64_t>(value) ? std::to_string(std::get<int64_t>(value))
                                                : std::get<std::string>(value);
}

void print_row(const BenchResult& result) {
  std::string settings;
  for (const auto& [name, value] : result.settings)
    settings += fmt::format("{}{}={}", settings.empty() ? "" : " ", name, setting_text(value));
  fmt::print("{:21} {:58} {:6} {:10.5g} {:10.5g} {:8} {:6.2g}\n", result.name, settings,
             result.bound_kind, result.bound, result.measured, result.unit, result.ratio);
  std::fflush(stdout);
}

void print_json(const BenchResult& result) {
  nlohmann::ordered_json settings = nlohmann::ordered_json::object();
  for (const auto& [name, value] : result.settings)
    std::visit([&, key = name](const auto& held) { settings[key] = held; }, value);
  const nlohmann::ordered_json row = {
      {"case", result.name},         {"device", result.device},
      {"bound", result.bound},       {"bound_kind", result.bound_kind},
      {"measured", result.measured}, {"unit", result.unit},
      {"ratio", result.ratio},       {"settings", settings}};
  fmt::print("{}\n", row.dump());
  std::fflush(stdout);
}

// The cases named, each once; none named: all that the device has.
std::vector<const BenchCase*> chosen_cases(const std::vector<std::string>& names,
                                           const std::string& device) {
  std::vector<const BenchCase*> chosen;
  const bool gpu = device == "cuda";
  for (const std::string& name : names) {
    const BenchCase& one = find_row(std::span<const BenchCase>(kCases), name, name, "case");
    if (gpu && !one.gpu)
      throw UserError(name, "has no case on a GPU", "add --device cpu, or leave it out");
    if (std::find(chosen.begin(), chosen.end(), &one) == chosen.end()) chosen.push_back(&one);
  }
  if (names.empty())
    for (const BenchCase& one : kCases)
      if (one.gpu || !gpu) chosen.push_back(&one);
  return chosen;
}

}  // namespace

int run_bench(const CommandArguments& arguments) {
  std::vector<std::string> names;
  BenchOptions options;
  options.config = "configs/quickstart.toml";
  options.device = "auto";
  bool json = false, list = false;
  Arguments parser("bench",
                   "Kernels and the loop beside what bounds them: peaks measured in the same "
                   "process, what was reached, and the ratio.",
                   "retort bench gemm decode");
  parser.positional("CASE", names, "cases to run; none: all");
  parser.option("--model", options.model,
                "for decode and learner: Hugging Face directory, checkpoint or run; none: random "
                "weights of the quickstart's and SmolLM2-135M's shapes");
  parser.option("--config", options.config, "for step: what to train");
  parser.option("--batch", options.batch, "for decode: sequences at a time; 0: several sizes");
  parser.option("--device", options.device, "auto, cpu or cuda");
  parser.option("--threads", options.threads, "CPU threads; 0 takes all cores");
  parser.flag("--json", json, "one JSON object a line");
  parser.flag("--list", list, "print the cases and end");
  if (!parser.parse(arguments)) return 0;
  if (list) {
    for (const BenchCase& one : kCases)
      if (json)
        fmt::print("{}\n", nlohmann::ordered_json({{"case", one.name}, {"help", one.help}}).dump());
      else
        fmt::print("{:12} {}\n", one.name, one.help);
    return 0;
  }
  if (options.batch < 0)
    throw UserError("--batch", fmt::format("got {}", options.batch),
                    "set it to 0 (several) or more");
  set_cpu_threads(options.threads);
  options.device = resolve_device(options.device, "--device");
  const std::vector<const BenchCase*> chosen = chosen_cases(names, options.device);
  if (!json)
    fmt::print("{:21} {:58} {:6} {:>10} {:>10} {:8} {:>6}\n", "case", "settings", "by", "bound",
               "measured", "unit", "ratio");
  std::fflush(stdout);
  Bench bench(options.device, json ? print_json : print_row);
  for (const BenchCase* one : chosen) one->run(bench, options);
  return 0;
}

}  // namespace retort
