#pragma once
// RunRecord: everything a run leaves behind (command-line contract, "Run directory"): config.toml, metrics.jsonl,
// checkpoints, readable samples.
#include <cstdint>
#include <string>
#include <vector>

#include "base/metric.h"
#include "tools/retort/train_parts.h"

namespace retort {

class RunRecord {
 public:
  // A new run in `run_dir`; nothing is written before the parts were built.
  static RunRecord begin(const std::string& run_dir, TrainParts& parts);
  // Goes on at the newest complete checkpoint, which is read into the parts; without one, from the start.
  static RunRecord resume(const std::string& run_dir, TrainParts& parts);

  const TrainerState& state() const { return state_; }

  // The evaluation before the first step: the line "step": 0.
  void add_start(const HeldOut& before);
  // Everything a step produced; durable when it returns.
  void add_step(int64_t step, double time_s, const std::vector<Task>& tasks, const std::vector<ScoredGroup>& groups,
                const MetricRow& row, const TrainParts& parts);
  // A checkpoint of the state after `step`; keeps the last ones and the best.
  void save(int64_t step, double time_s, TrainParts& parts);

 private:
  RunRecord(std::string run_dir, TrainerState state) : run_dir_(std::move(run_dir)), state_(state) {}
  void append_metrics(const MetricRow& row);

  std::string run_dir_;
  TrainerState state_;
};

// UserError naming the key when the run in `run_dir` was started under another configuration.
void check_same_config(const RunConfig& config, const std::string& run_dir);

}  // namespace retort
