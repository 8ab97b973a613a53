#pragma once
// RunRecord: everything a run leaves behind (command-line contract, "Run directory"): config.toml,
// run.db and its views (metrics.jsonl, TensorBoard's event file, samples/, log.txt), checkpoints.
#include "base/metric.h"
#include "learner/run_store.h"
#include "tools/retort/train_parts.h"

#include <cstdint>
#include <string>
#include <vector>

namespace retort {

class RunRecord {
 public:
  // A new run in `run_dir`; nothing is written before the parts were built.
  static RunRecord begin(const std::string& run_dir, TrainParts& parts);
  // Goes on at the newest complete checkpoint, which is read into the parts; without one, from the
  // start. Rows of later steps are deleted and computed again.
  static RunRecord resume(const std::string& run_dir, TrainParts& parts);

  const TrainerState& state() const { return state_; }

  // The evaluation before the first step: the line "step": 0.
  void add_start(const HeldOut& before);
  // Everything a step produced. In run.db moments later; on the disk before a checkpoint of the
  // step.
  void add_step(int64_t step, const std::vector<Task>& tasks,
                const std::vector<ScoredGroup>& groups, const MetricRow& row,
                const TrainParts& parts);
  // A choice that computing the step again would not make again.
  void add_decision(const Decision& decision) { store_.record_decision(decision); }
  // Those of a step that is computed again, by task; none of a step that is new.
  std::vector<Decision> decisions(int64_t step);
  void add_event(int64_t step, const std::string& kind, const std::string& text);
  // A checkpoint of the state after `step`; keeps the last ones and the best by `row`. An `interim`
  // one (learner/checkpoint.h) is never the best and has no samples/.
  void save(int64_t step, double time_s, const MetricRow& row, TrainParts& parts, bool interim);
  // Everything is on the disk when it returns.
  void close();

 private:
  RunRecord(std::string run_dir, RunStore store, TrainerState state);

  std::string run_dir_;
  RunStore store_;
  TrainerState state_;
  int64_t last_decided_ = -1;  // the last step that has decisions from before a resume
};

// UserError naming the key when the run in `run_dir` was started under another configuration.
void check_same_config(const RunConfig& config, const std::string& run_dir);

}  // namespace retort
