#pragma once
// RunRows: records as rows of run.db. The statements of the writer thread, prepared once.
#include "base/metric.h"
#include "base/record/sample.h"
#include "base/record/task.h"
#include "base/record/verdict.h"
#include "base/record/version.h"
#include "base/sqlite.h"

#include <cstdint>
#include <string>
#include <vector>

namespace retort {

class RunRows {
 public:
  explicit RunRows(Database& database);

  // Seconds since 1970 in `at`. A step that is there stays as it is.
  void add_step(int64_t step, double at);
  void finish_step(int64_t step, double at);
  void add_task(int64_t step, int64_t index, const Task& task);
  // `id` is the sample's key in the tables. `text` may be null.
  void add_sample(int64_t id, const Sample& sample, const Verdict& verdict,
                  const std::string* text);
  void add_metrics(int64_t step, const MetricRow& row);
  void add_event(int64_t step, double at, const std::string& kind, const std::string& text);
  void add_version(const Version& version, bool with_tensors);
  void add_decision(uint32_t step, uint32_t task, uint32_t replaced_by, const std::string& reason,
                    double at);
  // What came after `step`, decisions excepted.
  void delete_after(int64_t step);

 private:
  Statement step_, finish_, task_, sample_, token_, verdict_, part_, metric_, event_, version_,
      decision_;
  std::vector<Statement> deletions_;  // of what came after a step, children first
};

}  // namespace retort
