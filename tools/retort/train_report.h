#pragma once
// What a person sees of a training run on standard error: one live line, evaluations, samples, the
// curve, and the next command to type.
#include "base/log.h"
#include "base/metric.h"
#include "tools/retort/train_parts.h"

#include <string>
#include <vector>

namespace retort {

class TrainReport {
 public:
  TrainReport(const RunConfig& config, const std::string& run_dir, bool quiet);

  void start(const TrainParts& parts, bool resumed, int64_t step);
  void evaluation(const std::string& when, const HeldOut& held_out);  // "before", "after"
  void step(int64_t step, const MetricRow& row);
  void warn(const std::string& text);
  void finish(const std::string& checkpoint, const TrainParts& parts);

 private:
  void say(const std::string& text);

  int64_t steps_;
  int64_t first_step_ = 0;
  std::string run_dir_;
  bool quiet_;
  LiveLine line_;
  std::vector<double> rewards_;
  double seconds_ = 0;
};

}  // namespace retort
