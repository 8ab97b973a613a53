#include "tools/retort/step_metrics.h"

#include "learner/advantage/statistics.h"

#include <sys/resource.h>

#include <algorithm>
#include <map>
#include <span>
#include <string>

namespace retort {
namespace {

double peak_memory_gb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / (1024.0 * 1024.0);
}

double rate(double amount, double seconds) { return seconds > 0 ? amount / seconds : 0.0; }

std::vector<double> counted_scores(std::span<const ScoredGroup> groups) {
  std::vector<double> scores;
  for (const ScoredGroup& group : groups)
    for (const Verdict& verdict : group.verdicts)
      if (is_policys_doing(verdict.outcome)) scores.push_back(verdict.score);
  return scores;
}

void add_rewards(MetricRow& row, std::span<const ScoredGroup> groups,
                 const std::vector<RewardSetting>& rewards) {
  for (const RewardSetting& reward : rewards) {
    std::vector<double> scores;
    for (const ScoredGroup& group : groups)
      for (const Verdict& verdict : group.verdicts)
        for (const VerdictPart& part : verdict.parts)
          if (part.name == reward.name && is_policys_doing(part.outcome))
            scores.push_back(part.score);
    row.set("reward/" + reward.name + "/mean", mean(scores));
  }
  std::map<Outcome, int64_t> outcomes;
  for (const ScoredGroup& group : groups)
    for (const Verdict& verdict : group.verdicts) ++outcomes[verdict.outcome];
  for (const OutcomeRow& outcome : kOutcomes)
    row.set("outcome/" + std::string(outcome.name), outcomes[outcome.outcome]);
}

void add_lengths(MetricRow& row, std::span<const ScoredGroup> groups) {
  int64_t samples = 0, tokens = 0, longest = 0, cut = 0;
  for (const ScoredGroup& group : groups)
    for (const Sample& sample : group.samples) {
      ++samples;
      tokens += sample.completion_length();
      longest = std::max<int64_t>(longest, sample.completion_length());
      cut += sample.stop == StopReason::kLength ? 1 : 0;
    }
  const double count = static_cast<double>(std::max<int64_t>(samples, 1));
  row.set("response_length/mean", static_cast<double>(tokens) / count);
  row.set("response_length/max", longest);
  row.set("response_length/clip_ratio", static_cast<double>(cut) / count);
}

void add_staleness(MetricRow& row, int64_t step, std::span<const ScoredGroup> groups) {
  int64_t samples = 0, total = 0, largest = 0;
  for (const ScoredGroup& group : groups)
    for (const Sample& sample : group.samples) {
      const int64_t staleness = step - 1 - static_cast<int64_t>(sample.version_min());
      ++samples;
      total += staleness;
      largest = std::max(largest, staleness);
    }
  row.set("staleness/mean",
          static_cast<double>(total) / static_cast<double>(std::max<int64_t>(samples, 1)));
  row.set("staleness/max", largest);
}

}  // namespace

MetricRow step_metrics(int64_t step, double time_s, const Rollouts& rollouts,
                       const LearnerStep& learned, const StepTimes& times,
                       const TrainParts& parts) {
  MetricRow row;
  row.set("step", step);
  row.set("time_s", time_s);
  const std::span<const ScoredGroup> groups(rollouts.groups);
  const std::span<const ScoredGroup> first_wave = groups.first(rollouts.first_wave);
  const std::vector<double> scores = counted_scores(first_wave);
  row.set("critic/score/mean", mean(scores));
  row.set("critic/score/std", standard_deviation(scores, 0));
  row.set("actor/pg_loss", learned.pg_loss);
  if (parts.reference) row.set("actor/kl_loss", learned.kl_loss);
  row.set("actor/entropy", learned.entropy);
  row.set("actor/grad_norm", learned.grad_norm);
  row.set("actor/lr", learned.updates > 0 ? std::optional(learned.lr) : std::nullopt);
  row.set("actor/pg_clipfrac", learned.pg_clipfrac);
  add_lengths(row, groups);
  row.set("mismatch/tokens", learned.mismatch.tokens);
  row.set("mismatch/checked", learned.mismatch.checked);
  row.set("mismatch/max_abs", learned.mismatch.max_abs);
  add_staleness(row, step, groups);
  add_rewards(row, first_wave, parts.reward_settings);
  if (parts.config.learner.off_policy_mask_threshold > 0)
    row.set("actor/off_policy_masked", learned.masked_sequences);
  row.set("groups/kept", learned.groups_kept);
  row.set("groups/zero_variance", learned.groups_zero_variance);
  row.set("groups/refilled", static_cast<int64_t>(groups.size() - rollouts.first_wave));
  if (rollouts.replaced > 0) row.set("groups/replaced", rollouts.replaced);
  row.set("timing_s/rollout", times.rollout);
  row.set("timing_s/reward", times.reward);
  row.set("timing_s/train", times.train);
  row.set("timing_s/publish", times.publish);
  row.set("timing_s/save", times.save);
  row.set("timing_s/step", times.step);
  row.set("perf/rollout_tok_s", rate(static_cast<double>(times.sampled_tokens), times.rollout));
  row.set("perf/train_tok_s", rate(static_cast<double>(learned.trained_tokens), times.train));
  row.set("perf/memory_gb", peak_memory_gb());
  // Operations of a parameter and token: 2 forward, 4 backward.
  const double operations =
      static_cast<double>(parts.model.policy->weights().parameter_count()) *
      static_cast<double>(6 * learned.fed_tokens + 2 * learned.compared_tokens);
  row.set("perf/mfu", rate(operations, times.train) / parts.peak_flops);
  return row;
}

void add_wide_evaluation(MetricRow& row, const EvaluationResult& result) {
  row.set("eval/all/pass@" + std::to_string(result.samples),
          result.all.pass_at(result.samples, result.samples));
}

void add_evaluation(MetricRow& row, const EvaluationResult& result) {
  for (const int64_t k : result.pass_at) {
    row.set("eval/all/pass@" + std::to_string(k), result.all.pass_at(k, result.samples));
    for (const auto& [family, cell] : result.families)
      if (family != "all")  // a data set of that name is in eval's own table only
        row.set("eval/" + family + "/pass@" + std::to_string(k), cell.pass_at(k, result.samples));
  }
}

}  // namespace retort
