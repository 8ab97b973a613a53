#pragma once
// The metrics of one step (command-line contract, "Metrics every step has"), from what the loop's
// parts report.
#include "base/metric.h"
#include "tools/retort/rollouts.h"
#include "tools/retort/train_parts.h"

namespace retort {

// Seconds a step spent in each part, and its counters.
struct StepTimes {
  double rollout = 0, reward = 0, train = 0, publish = 0, step = 0;
  double save = 0;  // of the checkpoint after the step before
  int64_t sampled_tokens = 0;
};

MetricRow step_metrics(int64_t step, double time_s, const Rollouts& rollouts,
                       const LearnerStep& learned, const StepTimes& times, const TrainParts& parts);
// eval/all/pass@k and eval/FAMILY/pass@k.
void add_evaluation(MetricRow& row, const EvaluationResult& result);

// eval/all/pass@wide_samples, of the wide evaluation's fewer prompts.
void add_wide_evaluation(MetricRow& row, const EvaluationResult& result);

}  // namespace retort
