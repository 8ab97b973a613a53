#include "tools/retort/run_record.h"

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "learner/run_lock.h"
#include "learner/run_views.h"
#include "policy/hf_model.h"
#include "tools/retort/build.h"
#include "tools/retort/step_metrics.h"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/utsname.h>

namespace retort {
namespace {

constexpr double kFlushDeadlineS = 120;  // a disk that takes longer is broken

std::string config_path(const std::string& run_dir) { return run_dir + "/config.toml"; }

std::string host_text() {
  utsname name{};
  uname(&name);
  return fmt::format("{} {} {}", name.nodename, name.sysname, name.machine);
}

RunInfo run_info(TrainParts& parts) {
  return {parts.config.resolved(), parts.config.run.seed, build_text(), parts.version.numerics,
          host_text()};
}

// A frozen reference is the base and needs no place in a checkpoint.
Reference* refreshed_reference(TrainParts& parts) {
  return parts.config.learner.reference_refresh_steps > 0 ? parts.reference.get() : nullptr;
}

// The link to the best one, and which ones stay.
void arrange_checkpoints(const std::string& run_dir, const TrainerState& state,
                         const RunConfig& config) {
  if (state.best_step) link_best(run_dir, *state.best_step);
  prune_checkpoints(run_dir, config.train.keep_last);
}

// What checkpoints/best is chosen by; without evaluation the training score.
std::optional<double> best_value(const MetricRow& row, const TrainParts& parts) {
  return row.get(parts.held_out.empty() ? "critic/score/mean" : parts.config.train.best_metric);
}

}  // namespace

void check_same_config(const RunConfig& config, const std::string& run_dir) {
  const std::string difference =
      first_difference(config, load_run_config(config_path(run_dir), {}));
  if (!difference.empty())
    throw UserError("[" + difference + "]", "differs from the run in " + run_dir,
                    "set it as in " + config_path(run_dir) + ", or start a new run");
}

RunRecord::RunRecord(std::string run_dir, RunStore store, TrainerState state)
    : run_dir_(std::move(run_dir)), store_(std::move(store)), state_(state) {
  log::open_file(run_dir_ + "/log.txt");
}

RunRecord RunRecord::begin(const std::string& run_dir, TrainParts& parts) {
  make_folder(run_dir);
  RunLock lock(run_dir);
  if (RunStore::exists(run_dir))  // another process was quicker
    throw UserError(run_dir, "holds a run already", "give another --run, or --resume");
  // The database last: what a kill leaves before it is a configuration without a run, which
  // --resume begins anew.
  write_file_atomic(config_path(run_dir), parts.config.resolved());
  begin_metrics_view(run_dir);
  RunRecord record(run_dir, RunStore::create(run_dir, run_info(parts), std::move(lock)),
                   TrainerState{});
  record.store_.record_version(parts.version);
  return record;
}

RunRecord RunRecord::resume(const std::string& run_dir, TrainParts& parts) {
  const std::vector<int64_t> steps = checkpoint_steps(run_dir);
  if (!RunStore::exists(run_dir)) {
    if (steps.empty()) return begin(run_dir, parts);
    throw UserError(
        RunStore::path(run_dir),
        "is missing or empty, but there is a checkpoint of step " + std::to_string(steps.back()),
        "put it back, or start a new run");
  }
  RunStore store = RunStore::open(run_dir);
  TrainerState state;
  if (!steps.empty()) {
    state = load_trainer_state(checkpoint_dir(run_dir, steps.back()), *parts.optimizer,
                               refreshed_reference(parts));
    if (state.task_rows != parts.curriculum->rows_digest())
      throw UserError("[tasks.train]",
                      "the rows of '" + parts.config.tasks.train +
                          "' are not those that the run was trained on so far",
                      "put the file or store back as it was, or start a new run");
    parts.curriculum->seek(state.task_cursor);
    parts.version = make_version(parts.model.policy->weights(), static_cast<uint32_t>(state.step));
  }
  store.truncate_after(steps.empty() ? -1 : state.step);
  arrange_checkpoints(run_dir, state, parts.config);  // a kill may have come before it was done
  rewrite_views(run_dir, steps.empty() ? -1 : state.step);
  if (steps.empty()) store.record_version(parts.version);
  const int64_t last_decided = store.last_decided_step();
  RunRecord record(run_dir, std::move(store), state);
  record.last_decided_ = last_decided;
  return record;
}

void RunRecord::add_start(const HeldOut& before) {
  MetricRow row;
  row.set("step", int64_t{0});
  row.set("time_s", 0.0);
  add_evaluation(row, before.narrow);
  if (before.wide) add_wide_evaluation(row, *before.wide);
  store_.record_metrics(0, row);
  store_.finish_step(0);
  append_metrics_view(run_dir_, row);
}

std::vector<Decision> RunRecord::decisions(int64_t step) {
  return step <= last_decided_ ? store_.decisions(step) : std::vector<Decision>();
}

void RunRecord::add_step(int64_t step, const std::vector<Task>& tasks,
                         const std::vector<ScoredGroup>& groups, const MetricRow& row,
                         const TrainParts& parts) {
  store_.record_tasks(step, 0, tasks);
  store_.record_groups(step, groups,
                       [&](const Sample& sample) { return parts.model.codec->readable(sample); });
  store_.record_version(parts.version);
  store_.record_metrics(step, row);
  store_.finish_step(step);
  append_metrics_view(run_dir_, row);
}

void RunRecord::add_event(int64_t step, const std::string& kind, const std::string& text) {
  store_.record_event(step, kind, text);
  log::detail(fmt::format("step {}: {}: {}", step, kind, text));
}

void RunRecord::save(int64_t step, double time_s, const MetricRow& row, TrainParts& parts,
                     bool interim) {
  RT_CHECK(store_.flush(Deadline::after(kFlushDeadlineS)))
      << "run.db took no rows for " << kFlushDeadlineS << " s";
  if (!interim) write_samples_view(run_dir_, step);
  state_.step = step;
  state_.updates = parts.optimizer->updates();
  state_.task_cursor = parts.curriculum->cursor();
  state_.task_rows = parts.curriculum->rows_digest();
  state_.time_s = time_s;
  const std::optional<double> value = best_value(row, parts);
  state_.interim = interim;
  const bool best = !interim && value && (!state_.best_value || *value > *state_.best_value);
  if (best) {
    state_.best_step = step;
    state_.best_value = value;
  }
  save_checkpoint(run_dir_, *parts.model.policy, *parts.optimizer, refreshed_reference(parts),
                  state_, parts.model.dir);
  arrange_checkpoints(run_dir_, state_, parts.config);
  // Steps of all sizes leave free memory between what is used; over days it adds up.
  ::malloc_trim(0);
}

void RunRecord::close() {
  RT_CHECK(store_.flush(Deadline::after(kFlushDeadlineS)))
      << "run.db took no rows for " << kFlushDeadlineS << " s";
  log::open_file("");
}

}  // namespace retort
