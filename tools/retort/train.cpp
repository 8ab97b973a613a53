// retort train: GRPO from start to finish. The loop reads as the picture in docs/ARCHITECTURE.md:
//   draw -> roll out -> score -> advantages, updates -> publish -> log
#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "kernels/contract_check.h"
#include "policy/hf_model.h"
#include "tools/retort/arguments.h"
#include "tools/retort/commands.h"
#include "tools/retort/explain.h"
#include "tools/retort/run_directory.h"
#include "tools/retort/run_record.h"
#include "tools/retort/step_metrics.h"
#include "tools/retort/train_parts.h"
#include "tools/retort/train_report.h"

namespace retort {
namespace {

struct Options {
  std::string config, run_dir;
  std::vector<std::string> assignments;
  bool resume = false, explain = false, quiet = false;
  int64_t workers = 0;
};

// Seconds since the last call, for one part after the other.
class Stopwatch {
 public:
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double>(now - std::exchange(last_, now)).count();
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// Which kernels break the contract on this machine, if it is they.
std::string broken_kernels() {
  std::string names;
  for (const kernels::Breach& breach : kernels::contract_check()) names += (names.empty() ? "" : "; ") + breach.kernel + ": " + breach.what;
  return names.empty() ? "every CPU kernel keeps the contract on its own" : "contract broken by " + names;
}

// The gate of "one forward" (design: What is compared).
void act_on_mismatch(const TrainParts& parts, int64_t step, const Mismatch& mismatch, TrainReport& report) {
  const bool unchecked = mismatch.checked == 0 && parts.config.mismatch.check == "all";
  if (mismatch.tokens == 0 && !unchecked) return;
  const std::string what = unchecked ? fmt::format("step {}: no sampled token was compared", step)
                                     : fmt::format("step {}: {} of {} sampled tokens differ between rollout and learner (largest difference {:.3g}); {}",
                                                   step, mismatch.tokens, mismatch.checked, mismatch.max_abs, broken_kernels());
  if (parts.config.mismatch.action == "stop") throw InternalError(what);
  report.warn(what);
}

// One step: everything between drawing tasks and the metrics of what was learned from them.
MetricRow run_step(TrainParts& parts, int64_t step, double& time_s, TrainReport& report, std::vector<Task>& tasks, std::vector<ScoredGroup>& groups) {
  StepTimes times;
  Stopwatch watch;
  tasks = draw_tasks(parts);
  const int64_t sampled_before = parts.worker->counters().sampled_tokens;
  groups = roll_out(parts, step, tasks);
  times.sampled_tokens = parts.worker->counters().sampled_tokens - sampled_before;
  times.rollout = watch.lap();
  score(parts, tasks, groups);
  times.reward = watch.lap();
  const LearnerStep learned = parts.learner->step(step, groups);
  times.train = watch.lap();
  parts.version = make_version(parts.model.policy->weights(), static_cast<uint32_t>(step));
  times.publish = watch.lap();
  times.step = times.rollout + times.reward + times.train + times.publish;
  time_s += times.step;
  act_on_mismatch(parts, step, learned.mismatch, report);
  return step_metrics(step, time_s, groups, learned, parts.reward_settings, times, parts.model.policy->weights().parameter_count(),
                      parts.peak_flops);
}

bool due(int64_t every, int64_t step, int64_t steps) { return step == steps || (every > 0 && step % every == 0); }

struct Place {
  std::string run_dir;
  bool resumed = false;
};

// Which directory the run has, and whether it goes on.
Place find_place(const Options& options) {
  std::string dir = options.run_dir;
  if (dir.empty()) dir = options.resume ? newest_run_directory(options.config) : new_run_directory(options.config);
  if (dir.empty()) return {new_run_directory(options.config), false};
  const bool exists = std::filesystem::exists(dir + "/config.toml");
  if (exists && !options.resume) throw UserError("--run", "'" + dir + "' holds a run already", "add --resume to go on with it, or name another directory");
  return {dir, exists};
}

int train(const Options& options, const RunConfig& config, TrainParts& parts, const Place& place) {
  RunRecord record = place.resumed ? RunRecord::resume(place.run_dir, parts) : RunRecord::begin(place.run_dir, parts);
  TrainReport report(config, place.run_dir, options.quiet);
  report.start(parts, place.resumed, record.state().step);
  watch_interrupts();
  double time_s = record.state().time_s;

  if (!place.resumed && !parts.held_out.empty()) {
    const HeldOut before = evaluate_held_out(parts, true);
    report.evaluation("before", before);
    record.add_start(before);
  }
  for (int64_t step = record.state().step + 1; step <= config.train.steps; ++step) {
    std::vector<Task> tasks;
    std::vector<ScoredGroup> groups;
    MetricRow row = run_step(parts, step, time_s, report, tasks, groups);
    Stopwatch watch;
    const bool last = step == config.train.steps;
    if (!parts.held_out.empty() && due(config.train.eval_every, step, config.train.steps)) {
      const HeldOut held_out = evaluate_held_out(parts, last);
      add_evaluation(row, held_out.narrow);
      if (held_out.wide) add_wide_evaluation(row, *held_out.wide);
      row.set("timing_s/eval", watch.lap());
      if (last) report.evaluation("after", held_out);
    }
    const bool stop = interrupted();
    record.add_step(step, time_s, tasks, groups, row, parts);
    acknowledge(parts, step, groups);
    if (stop || due(config.train.save_every, step, config.train.steps)) record.save(step, time_s, parts);
    report.step(step, row);
    if (stop && !last) throw Interrupted(fmt::format("retort train {} --run {} --resume", options.config, place.run_dir));
  }
  report.finish(checkpoint_dir(place.run_dir, config.train.steps), parts);
  return 0;
}

}  // namespace

int run_train(const CommandArguments& arguments) {
  Options options;
  Arguments parser("train", "GRPO, from start to finish, in one process.", "retort train configs/quickstart.toml --set run.seed=1");
  parser.positional("CONFIG", options.config, "TOML file");
  parser.option("--set", options.assignments, "section.key=value, over the file's (repeatable)");
  parser.option("--run", options.run_dir, "run directory; default runs/ and the config's stem");
  parser.flag("--resume", options.resume, "go on with the run; alone it takes the newest of the config's stem");
  parser.flag("--explain", options.explain, "print what would run and the planned memory, and end");
  parser.flag("--quiet", options.quiet, "no progress");
  if (!parser.parse(arguments)) return 0;
  const RunConfig config = load_run_config(options.config, options.assignments);
  const Place place = find_place(options);
  if (place.resumed) check_same_config(config, place.run_dir);
  TrainParts parts = build_train_parts(config);
  if (options.explain) {
    fmt::print("{}", explain(parts));
    return 0;
  }
  return train(options, config, parts, place);
}

}  // namespace retort
