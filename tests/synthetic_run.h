#pragma once
// A made-up run for tests of what reads or writes run.db: small, with every kind of record in it
// (all outcomes, chats, kept sets, masked and mixed-version tokens, empty completions, texts that
// are no UTF-8, numbers at the edges). A function of its settings alone.
#include "base/metric.h"
#include "base/record/task.h"
#include "base/record/version.h"
#include "learner/run_store.h"
#include "learner/scored_group.h"

#include <cstdint>
#include <string>
#include <vector>

namespace retort::tests {

struct SyntheticRun {
  uint32_t seed = 1;
  int64_t steps = 5;
  int64_t tasks = 6;  // a step
  int64_t group_size = 4;
  int64_t tokens = 12;  // longest completion

  RunInfo info() const;
  Version version(uint32_t number) const;
  std::vector<Task> tasks_of(int64_t step) const;
  std::vector<ScoredGroup> groups_of(int64_t step) const;
  MetricRow metrics_of(int64_t step) const;  // step 0: the evaluation
};

// What the decoder of the made-up tokens says: one byte a token, whatever it is.
std::string synthetic_text(const Sample& sample);

// What a training loop records before its first step, and of one step (its version too).
void record_start(RunStore& store, const SyntheticRun& run);
void record_step(RunStore& store, const SyntheticRun& run, int64_t step);

// A new run in `run_dir` with all its steps, flushed.
void write_run(const std::string& run_dir, const SyntheticRun& run);

}  // namespace retort::tests
