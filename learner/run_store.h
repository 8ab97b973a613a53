#pragma once
// RunStore: run.db, the record of a run (docs/run_db.md). Every step, task, sample, token, verdict,
// metric, event and version goes in; metrics.jsonl and samples/ are views of it
// (learner/run_views.h).
//
// Owned by the learner's rank 0 and used by its one thread. The record_ functions copy what they
// are given and return; a writer thread puts it on the disk moments later, in the order of the
// calls. A failure of the disk is thrown by the next call.
//
// After kill -9 or a power cut the database opens and holds a prefix of what was recorded: all that
// a flush() was waited for, and some of what came later. truncate_after() removes the latter.
#include "base/metric.h"
#include "base/record/task.h"
#include "base/record/version.h"
#include "base/wait.h"
#include "learner/run_lock.h"
#include "learner/scored_group.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace retort {

struct RunInfo {
  std::string config_toml;  // resolved configuration
  uint32_t seed = 0;
  std::string program;   // name, version, build
  std::string numerics;  // device, dtype, kernel contract revision
  std::string host;      // machine, processor
};

// A choice that computing again would not make again: it is kept on resume and replayed.
struct Decision {
  uint32_t step = 0;
  uint32_t task = 0;         // index of the group that was given up
  uint32_t replaced_by = 0;  // index of the group that took its place
  std::string reason;        // "deadline of 120 s passed"
  bool operator==(const Decision&) const = default;
};

class RunStore {
 public:
  // A new run.db in `run_dir`, which exists. UserError when a run is there already.
  static RunStore create(const std::string& run_dir, const RunInfo& info);
  // The same under a lock that is held already.
  static RunStore create(const std::string& run_dir, const RunInfo& info, RunLock lock);
  // An existing one, checked throughout. UserError when it is missing or damaged, has another
  // schema number (the text has both), or another process is writing to it.
  static RunStore open(const std::string& run_dir);
  // Whether a run was begun there: false also for what a crash within create() leaves.
  static bool exists(const std::string& run_dir);
  static std::string path(const std::string& run_dir);

  RunStore(RunStore&&) noexcept;
  ~RunStore();  // writes what was recorded

  void record_version(const Version& version);
  // Tasks of a step before their groups; the first has index `first_index` in the step.
  void record_tasks(int64_t step, int64_t first_index, const std::vector<Task>& tasks);
  // Samples with their verdicts. `text` gives a completion as a reader sees it and is called at
  // once; without it the column stays empty.
  using CompletionText = std::function<std::string(const Sample&)>;
  void record_groups(int64_t step, const std::vector<ScoredGroup>& groups,
                     const CompletionText& text = {});
  // The step's line of metrics.jsonl, once a step; step 0 is the evaluation before any update.
  void record_metrics(int64_t step, const MetricRow& row);
  // Something worth knowing later: "resumed", "checkpoint", "warning", …
  void record_event(int64_t step, const std::string& kind, const std::string& text);
  void record_decision(const Decision& decision);
  // Nothing more comes of this step.
  void finish_step(int64_t step);

  // Waits until everything recorded is on the disk; false when the deadline passes. A checkpoint of
  // a step is written after this.
  bool flush(Deadline deadline);

  // Resume: deletes what came after `step` from every table except `decision`; -1 deletes step 0
  // too. Done when it returns. UserError when the database does not reach `step`.
  void truncate_after(int64_t step);

  // The last finished step; -1 when there is none.
  int64_t last_step();
  std::string config_toml();
  std::vector<Decision> decisions(int64_t step);  // by task
  int64_t last_decided_step();                    // the last that has any; -1 when there is none

 private:
  struct State;
  explicit RunStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace retort
