// retort train: GRPO from start to finish. The loop reads as the picture in docs/ARCHITECTURE.md:
//   draw -> roll out -> score -> advantages, updates -> publish -> log
#include "tools/retort/train.h"

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "kernels/contract_check.h"
#include "policy/hf_model.h"
#include "tools/retort/arguments.h"
#include "tools/retort/commands.h"
#include "tools/retort/connection.h"
#include "tools/retort/explain.h"
#include "tools/retort/rollouts.h"
#include "tools/retort/run_directory.h"
#include "tools/retort/run_record.h"
#include "tools/retort/step_metrics.h"
#include "tools/retort/stopwatch.h"
#include "tools/retort/train_parts.h"
#include "tools/retort/train_report.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <optional>

namespace retort {
namespace {

// Which kernels break the contract on this machine, if it is they.
std::string broken_kernels() {
  std::string names;
  for (const kernels::Breach& breach : kernels::contract_check())
    names += (names.empty() ? "" : "; ") + breach.kernel + ": " + breach.what;
  return names.empty() ? "every CPU kernel keeps the contract on its own"
                       : "contract broken by " + names;
}

// The gate of "one forward" (design: What is compared).
void act_on_mismatch(const TrainParts& parts, int64_t step, const Mismatch& mismatch,
                     TrainReport& report) {
  const bool unchecked = mismatch.checked == 0 && parts.config.mismatch.check == "all";
  if (mismatch.tokens == 0 && !unchecked) return;
  const std::string what =
      unchecked ? fmt::format("step {}: no sampled token was compared", step)
                : fmt::format(
                      "step {}: {} of {} sampled tokens differ between rollout and learner "
                      "(largest difference {:.3g}); {}",
                      step, mismatch.tokens, mismatch.checked, mismatch.max_abs, broken_kernels());
  if (parts.config.mismatch.action == "stop")
    throw InternalError(what + "; --set mismatch.action=warn goes on all the same");
  report.warn(what);
}

// Training seconds of the run, evaluation excluded.
class TrainClock {
 public:
  explicit TrainClock(double before) : before_(before) {}
  double seconds() const {
    return before_ +
           std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count() -
           excluded_;
  }
  void exclude(double seconds) { excluded_ += seconds; }

 private:
  double before_, excluded_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Workers that are other processes: started, and given the weights that the run begins with.
void start_workers(TrainParts& parts, const std::string& run_dir) {
  if (!parts.workers) return;
  parts.workers->start(run_dir);
  parts.workers->publish(parts.model.policy->weights(), parts.version);
}

// They are told that the run is over, and waited for.
void finish_workers(TrainParts& parts, bool resumed) {
  if (!parts.workers) return;
  parts.task_sender->close();
  parts.samples->close();
  parts.workers->finish(resumed);
}

// What one step produced.
struct StepResult {
  Rollouts rollouts;
  LearnerStep learned;
  StepTimes times;
};

StepResult run_step(TrainParts& parts, int64_t step, const std::vector<Decision>& replayed) {
  StepResult result;
  StepTimes& times = result.times;
  result.rollouts = roll_out(parts, step, replayed);
  times.sampled_tokens = sampled_tokens(result.rollouts.groups);
  times.rollout = result.rollouts.rollout_s;
  times.reward = result.rollouts.reward_s;
  Stopwatch watch;
  result.learned = parts.learner->step(step, result.rollouts.groups);
  times.train = watch.lap();
  publish(parts, step);
  times.publish = watch.lap();
  times.step = times.rollout + times.reward + times.train + times.publish;
  return result;
}

bool due(int64_t every, int64_t step, int64_t steps) {
  return step == steps || (every > 0 && step % every == 0);
}

int train(const TrainOptions& options, const RunConfig& config, TrainParts& parts,
          const RunPlace& place) {
  RunRecord record =
      place.resumed ? RunRecord::resume(place.dir, parts) : RunRecord::begin(place.dir, parts);
  TrainReport report(config, place.dir, options.quiet);
  const int64_t first = record.state().step + 1, last = config.train.steps;
  report.start(parts, place.resumed, first - 1);
  if (place.resumed) record.add_event(first - 1, "resumed", fmt::format("at step {}", first));
  start_workers(parts, place.dir);

  if (first == 1 && !parts.held_out.empty()) {
    const HeldOut before = evaluate_held_out(parts, true);
    report.evaluation("before", before);
    record.add_start(before);
  }
  TrainClock clock(record.state().time_s);
  double save_s = 0;
  const auto save = [&](int64_t step, const MetricRow& row, bool interim) {
    Stopwatch watch;
    record.save(step, clock.seconds(), row, parts, interim);
    save_s = watch.lap();
  };
  const auto end_here = [&] {
    record.close();
    throw Interrupted(
        resume_command(options.command + " " + options.config, place.dir, options.assignments) +
        options.again);
  };
  std::optional<MetricRow> unsaved;  // of the step before, when it has no checkpoint
  for (int64_t step = first; step <= last; ++step) {
    StepResult result;
    try {
      result = run_step(parts, step, record.decisions(step));
    } catch (const InterruptedAlone&) {
      if (unsaved) save(step - 1, *unsaved, /*interim=*/true);
      end_here();
    }
    for (const Decision& decision : result.rollouts.decisions) {
      record.add_decision(decision);
      report.warn(
          fmt::format("step {}: group {} is replaced: {}", step, decision.task, decision.reason));
    }
    act_on_mismatch(parts, step, result.learned.mismatch, report);
    result.times.save = save_s;
    MetricRow row =
        step_metrics(step, clock.seconds(), result.rollouts, result.learned, result.times, parts);
    report.step(step, row);
    Stopwatch watch;
    double eval_s = 0;
    if (!parts.held_out.empty() && due(config.train.eval_every, step, last)) {
      const HeldOut held_out = evaluate_held_out(parts, step == last);
      add_evaluation(row, held_out.narrow);
      if (held_out.wide) add_wide_evaluation(row, *held_out.wide);
      if (step == last) report.evaluation("after", held_out);
      eval_s = watch.lap();
      clock.exclude(eval_s);
    }
    row.set("timing_s/eval", eval_s);
    const bool stop = interrupted() && step < last;
    record.add_step(step, result.rollouts.tasks, result.rollouts.groups, row, parts);
    acknowledge(parts, step, result.rollouts.groups);
    save_s = 0;
    const bool is_due = due(config.train.save_every, step, last);
    if (stop || is_due) save(step, row, /*interim=*/!is_due);
    unsaved = stop || is_due ? std::nullopt : std::optional(row);
    if (stop) end_here();
  }
  finish_workers(parts, place.resumed);
  record.close();
  report.finish(checkpoint_dir(place.dir, last), parts);
  return 0;
}

}  // namespace

void add_train_options(Arguments& parser, TrainOptions& options) {
  parser.positional("CONFIG", options.config, "TOML file, as configs/quickstart.toml");
  parser.option("--set", options.assignments,
                "section.key=value, over the file's (repeatable); keys: docs/config.md");
  parser.option("--run", options.run_dir, "run directory; default runs/ and the config's stem");
  parser.flag("--resume", options.resume,
              "go on with the run; alone it takes the newest of the config's stem");
  parser.flag("--explain", options.explain, "print what would run and the planned memory, and end");
  parser.flag("--json", options.json, "with --explain: one JSON object");
}

void add_silence_option(Arguments& parser, TrainOptions& options) {
  parser.option("--silence-s", options.workers.silence_s,
                "seconds without a word of a worker after which what it holds is another's");
}

int run_training(TrainOptions options) {
  check_silence(options.workers.silence_s);
  if (options.workers.silence_s != ChannelTiming{}.silence_s)
    options.again += fmt::format(" --silence-s {}", options.workers.silence_s);
  if (options.json && !options.explain)
    throw UserError("--json", "is for --explain only",
                    "add --explain, or read metrics.jsonl and retort inspect RUN --json");
  const RunConfig config = load_run_config(options.config, options.assignments);
  const RunPlace place = find_run_place(options.config, options.run_dir, options.resume);
  if (place.resumed) check_same_config(config, place.dir);
  const std::string token = token_path(place.dir);
  if (options.workers.remote() && options.workers.run_token.empty() && place.resumed &&
      std::filesystem::exists(token))
    options.workers.run_token = read_token(token);  // workers may be waiting for this learner
  watch_interrupts();                               // before threads are started
  TrainParts parts = build_train_parts(config, options.explain ? WorkerPlan{} : options.workers);
  if (options.explain) {
    fmt::print("{}", options.json ? explain_json(parts) : explain(parts));
    return 0;
  }
  return train(options, config, parts, place);
}

int run_train(const CommandArguments& arguments) {
  TrainOptions options;
  Arguments parser("train", "GRPO, from start to finish.",
                   "retort train configs/quickstart.toml --set run.seed=1");
  add_train_options(parser, options);
  parser.option("--workers", options.workers.processes,
                "rollout processes to start and watch; 0: this process samples too");
  add_silence_option(parser, options);
  if (!parser.parse(arguments)) return 0;
  options.quiet = parser.quiet();
  if (options.workers.processes > 0)
    options.again = fmt::format(" --workers {}", options.workers.processes);
  if (options.workers.processes < 0 || options.workers.processes > 256)
    throw UserError("--workers", fmt::format("got {}", options.workers.processes),
                    "set it to 0 (this process samples) to 256");
  return run_training(options);
}

}  // namespace retort
