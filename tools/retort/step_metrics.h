#pragma once
// The metrics of one step (command-line contract, "Metrics every step has"), from what the loop's
// parts report.
#include "base/metric.h"
#include "learner/learner.h"
#include "rewards/score.h"
#include "rollout/config.h"
#include "tools/retort/evaluation.h"

#include <vector>

namespace retort {

// Seconds a step spent in each part, and its counters.
struct StepTimes {
  double rollout = 0, reward = 0, train = 0, publish = 0, step = 0;
  double save = 0;  // of the checkpoint after the step before
  int64_t sampled_tokens = 0;
};

// `peak_flops`: what the device can do in a second, measured in this process.
MetricRow step_metrics(int64_t step, double time_s, const std::vector<ScoredGroup>& groups,
                       const LearnerStep& learned, const std::vector<RewardSetting>& rewards,
                       const StepTimes& times, int64_t parameters, double peak_flops);
// eval/all/pass@k and eval/FAMILY/pass@k.
void add_evaluation(MetricRow& row, const EvaluationResult& result);

// eval/all/pass@wide_samples, of the wide evaluation's fewer prompts.
void add_wide_evaluation(MetricRow& row, const EvaluationResult& result);

// Mean score over all samples whose verdict is the policy's doing.
double mean_score(const std::vector<ScoredGroup>& groups);

}  // namespace retort
