#include "tools/retort/run_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "tools/retort/step_metrics.h"

namespace retort {
namespace {

std::string config_path(const std::string& run_dir) { return run_dir + "/config.toml"; }

// samples/step_N.md: the step's first group, for a reader.
void write_samples(const std::string& run_dir, int64_t step, const std::vector<Task>& tasks, const std::vector<ScoredGroup>& groups,
                   const PromptCodec& codec) {
  std::string text = fmt::format("# Step {}\n", step);
  for (size_t t = 0; t < std::min<size_t>(groups.size(), 2); ++t) {
    text += fmt::format("\n## {} level {}: `{}`\n\n", tasks[t].family, tasks[t].level,
                        tasks[t].messages.empty() ? tasks[t].prompt : tasks[t].messages.back().content);
    for (size_t i = 0; i < groups[t].samples.size(); ++i)
      text += fmt::format("- {:.3g} ({}) `{}`\n", groups[t].verdicts[i].score, outcome_name(groups[t].verdicts[i].outcome), codec.readable(groups[t].samples[i]));
  }
  make_folder(run_dir + "/samples");
  write_file_atomic(fmt::format("{}/samples/step_{}.md", run_dir, step), text);
}

}  // namespace

void check_same_config(const RunConfig& config, const std::string& run_dir) {
  const std::string difference = first_difference(config, load_run_config(config_path(run_dir), {}));
  if (!difference.empty())
    throw UserError("[" + difference + "]", "differs from the run in " + run_dir, "set it as in " + config_path(run_dir) + ", or start a new run");
}

RunRecord RunRecord::begin(const std::string& run_dir, TrainParts& parts) {
  make_folder(run_dir);
  write_file_atomic(config_path(run_dir), parts.config.resolved());
  write_file_atomic(run_dir + "/metrics.jsonl", "");
  return RunRecord(run_dir, TrainerState{});
}

RunRecord RunRecord::resume(const std::string& run_dir, TrainParts& parts) {
  const std::vector<int64_t> steps = checkpoint_steps(run_dir);
  if (steps.empty()) return begin(run_dir, parts);
  const TrainerState state = load_trainer_state(checkpoint_dir(run_dir, steps.back()), *parts.optimizer);
  parts.curriculum->seek(state.task_cursor);
  std::string kept;
  const std::string metrics = read_file(run_dir + "/metrics.jsonl");
  for (size_t begin = 0; begin < metrics.size();) {
    const size_t end = std::min(metrics.find('\n', begin), metrics.size());
    const std::string line = metrics.substr(begin, end - begin);
    begin = end + 1;
    int64_t step = -1;
    if (std::sscanf(line.c_str(), "{\"step\":%ld", &step) == 1 && step <= state.step) kept += line + "\n";
  }
  write_file_atomic(run_dir + "/metrics.jsonl", kept);
  return RunRecord(run_dir, state);
}

void RunRecord::append_metrics(const MetricRow& row) {
  LineFile file(run_dir_ + "/metrics.jsonl");
  file.append_line(row.json());
  file.sync();
}

void RunRecord::add_start(const HeldOut& before) {
  MetricRow row;
  row.set("step", int64_t{0});
  row.set("time_s", 0.0);
  add_evaluation(row, before.narrow);
  append_metrics(row);
}

void RunRecord::add_step(int64_t step, double time_s, const std::vector<Task>& tasks, const std::vector<ScoredGroup>& groups,
                         const MetricRow& row, const TrainParts& parts) {
  static_cast<void>(time_s);
  append_metrics(row);
  const TrainSection& train = parts.config.train;
  if (step == 1 || step == train.steps || (train.save_every > 0 && step % train.save_every == 0))
    write_samples(run_dir_, step, tasks, groups, *parts.model.codec);
}

void RunRecord::save(int64_t step, double time_s, TrainParts& parts) {
  TrainerState state;
  state.step = step;
  state.updates = parts.optimizer->updates();
  state.task_cursor = parts.curriculum->cursor();
  state.time_s = time_s;
  save_checkpoint(run_dir_, *parts.model.policy, *parts.optimizer, state, parts.model.dir);
  prune_checkpoints(run_dir_, parts.config.train.keep_last);
}

}  // namespace retort
