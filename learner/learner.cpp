#include "learner/learner.h"

#include "base/check.h"
#include "base/philox.h"
#include "learner/advantage/statistics.h"
#include "learner/backward.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <iterator>

namespace retort {
namespace {

// Rewards of the samples that count: verdicts that are ours are masked out of the group's
// statistics.
std::vector<double> counted_rewards(const ScoredGroup& group) {
  std::vector<double> rewards;
  for (const Verdict& verdict : group.verdicts)
    if (is_policys_doing(verdict.outcome)) rewards.push_back(verdict.score);
  return rewards;
}

std::span<const TrainingSequence> slice(const std::vector<TrainingSequence>& sequences,
                                        const SequenceRange& range) {
  return std::span(sequences).subspan(range.begin, range.end - range.begin);
}

// The fields of all sequences one after the other.
template <class T>
std::vector<T> concatenate(std::span<const TrainingSequence> sequences,
                           std::vector<T> TrainingSequence::*field) {
  std::vector<T> all;
  for (const TrainingSequence& sequence : sequences)
    all.insert(all.end(), (sequence.*field).begin(), (sequence.*field).end());
  return all;
}

// The last token of a sequence is only a target.
int64_t fed_tokens(std::span<const TrainingSequence> sequences) {
  int64_t count = 0;
  for (const TrainingSequence& sequence : sequences)
    count += static_cast<int64_t>(sequence.tokens.size()) - 1;
  return count;
}

}  // namespace

TrainingSequence training_sequence(const Sample& sample, float advantage) {
  TrainingSequence sequence;
  sequence.tokens = sample.tokens;
  sequence.advantage = advantage;
  if (!sample.kept_begin.empty()) sequence.kept_begin.push_back(0);
  for (int32_t c = 0; c < sample.completion_length(); ++c) {
    if (!sample.loss_mask[c]) continue;
    sequence.loss_positions.push_back(sample.prompt_length + c);
    sequence.old_logprobs.push_back(sample.logprobs[c]);
    sequence.versions.push_back(sample.versions[c]);
    if (sample.kept_begin.empty()) continue;
    sequence.kept_ids.insert(sequence.kept_ids.end(),
                             sample.kept_ids.begin() + sample.kept_begin[c],
                             sample.kept_ids.begin() + sample.kept_begin[c + 1]);
    sequence.kept_begin.push_back(static_cast<int64_t>(sequence.kept_ids.size()));
  }
  return sequence;
}

Learner::Learner(Policy& policy, Optimizer& optimizer, Reference* reference,
                 LearnerSettings settings)
    : policy_(policy),
      optimizer_(optimizer),
      reference_(reference),
      settings_(std::move(settings)),
      loss_(loss_settings(settings_.learner)),
      forward_(policy) {
  RT_CHECK_EQ(loss_.kl != nullptr, reference_ != nullptr) << "a KL term and its reference";
}

bool is_flat(const ScoredGroup& group) {
  const std::vector<double> rewards = counted_rewards(group);
  return rewards.empty() || zero_variance(rewards);
}

std::vector<std::vector<TrainingSequence>> Learner::training_groups(
    const std::vector<const ScoredGroup*>& kept) {
  const LearnerConfig& config = settings_.learner;
  GroupRewards rewards;
  for (const ScoredGroup* group : kept) rewards.push_back(counted_rewards(*group));
  const GroupRewards advantages =
      find_advantage(config.advantage)(rewards, {config.advantage_ddof, config.advantage_eps});
  std::vector<std::vector<TrainingSequence>> groups(kept.size());
  for (size_t g = 0; g < kept.size(); ++g) {
    size_t counted = 0;
    for (size_t i = 0; i < kept[g]->samples.size(); ++i) {
      if (!is_policys_doing(kept[g]->verdicts[i].outcome)) continue;
      const auto advantage = static_cast<float>(advantages[g][counted++]);
      const Sample& sample = kept[g]->samples[i];
      if (config.mask_truncated_completions && sample.stop == StopReason::kLength) continue;
      groups[g].push_back(training_sequence(sample, advantage));
    }
    if (reference_ != nullptr)
      reference_->fill(groups[g], settings_.temperature, config.micro_batch_tokens);
  }
  return groups;
}

void Learner::check_every_token(const std::vector<ScoredGroup>& groups, uint32_t version,
                                LearnerStep& totals) {
  at::NoGradGuard no_grad;
  std::vector<TrainingSequence> batch;
  for (const ScoredGroup& group : groups)
    for (const Sample& sample : group.samples) batch.push_back(training_sequence(sample, 0.0f));
  for (const SequenceRange& range :
       split_into_micro_batches(batch, settings_.learner.micro_batch_tokens)) {
    const std::span<const TrainingSequence> sequences = slice(batch, range);
    const PackedResult result = forward_.run(sequences, settings_.temperature);
    totals.mismatch.compare(result.logp, concatenate(sequences, &TrainingSequence::old_logprobs),
                            concatenate(sequences, &TrainingSequence::versions), version);
    totals.compared_tokens += fed_tokens(sequences);
  }
}

void Learner::learn(std::span<const TrainingSequence> sequences, const PackedResult& result,
                    LossSums& sums) {
  std::vector<float> dlogp(result.logp.size());
  std::vector<float> dentropy(loss_.entropy_coef != 0.0 ? dlogp.size() : 0);
  size_t at = 0;
  for (const TrainingSequence& sequence : sequences) {
    const size_t count = sequence.loss_positions.size();
    const auto part = [&](auto& values) { return std::span(values).subspan(at, count); };
    sequence_loss({part(result.logp), sequence.old_logprobs, sequence.reference_logprobs,
                   part(result.entropy), sequence.advantage, sequence.normaliser},
                  loss_, part(dlogp), dentropy.empty() ? std::span<float>() : part(dentropy), sums);
    at += count;
  }
  backward(result.head, dlogp, dentropy);
  optimizer_.collect_gradients();
}

void Learner::update(std::vector<TrainingSequence> batch, uint32_t version, bool compare,
                     LearnerStep& totals) {
  AggregationShape shape;
  shape.scale = settings_.learner.loss_scale_factor > 0
                    ? settings_.learner.loss_scale_factor
                    : static_cast<double>(settings_.max_new_tokens);
  std::erase_if(batch, [](const auto& sequence) { return sequence.loss_positions.empty(); });
  shape.sequences = static_cast<int64_t>(batch.size());
  for (const TrainingSequence& sequence : batch)
    shape.tokens += static_cast<int64_t>(sequence.loss_positions.size());
  if (shape.tokens == 0) return;
  const AggregationFunction divisor = find_aggregation(settings_.learner.aggregation);
  for (TrainingSequence& sequence : batch) {
    shape.length = static_cast<int64_t>(sequence.loss_positions.size());
    sequence.normaliser = divisor(shape);
  }

  LossSums sums;
  for (const SequenceRange& range :
       split_into_micro_batches(batch, settings_.learner.micro_batch_tokens)) {
    const std::span<const TrainingSequence> sequences = slice(batch, range);
    const PackedResult result = forward_.run(sequences, settings_.temperature);
    if (compare)
      totals.mismatch.compare(result.logp, concatenate(sequences, &TrainingSequence::old_logprobs),
                              concatenate(sequences, &TrainingSequence::versions), version);
    learn(sequences, result, sums);
    totals.fed_tokens += fed_tokens(sequences);
  }
  const UpdateResult result = optimizer_.update(totals.lr);
  const auto add = [](std::optional<double>& total, double value) {
    total = total.value_or(0.0) + value;
  };
  add(totals.pg_loss, sums.loss);
  if (loss_.kl != nullptr) add(totals.kl_loss, sums.kl);
  add(totals.entropy, sums.entropy / static_cast<double>(sums.tokens));
  add(totals.pg_clipfrac, static_cast<double>(sums.clipped) / static_cast<double>(sums.tokens));
  add(totals.grad_norm, result.grad_norm);
  totals.trained_tokens += sums.tokens;
  totals.masked_sequences += sums.masked_sequences;
  ++totals.updates;
}

LearnerStep Learner::step(int64_t step, const std::vector<ScoredGroup>& groups) {
  LearnerStep totals;
  const LearnerConfig& config = settings_.learner;
  const Schedule schedule{config.lr_schedule, config.lr, config.lr_warmup_steps, settings_.steps,
                          config.lr_final_ratio};
  totals.lr = schedule.at(step - 1);
  const auto version = static_cast<uint32_t>(step - 1);
  const bool check_all = settings_.mismatch.check == "all";
  if (check_all) check_every_token(groups, version, totals);

  std::vector<const ScoredGroup*> kept;
  for (const ScoredGroup& group : groups) {
    const bool flat = is_flat(group);
    totals.groups_zero_variance += flat ? 1 : 0;
    if (!flat || (config.zero_variance == "keep" && !counted_rewards(group).empty()))
      kept.push_back(&group);
  }
  totals.groups_kept = static_cast<int64_t>(kept.size());
  const std::vector<std::vector<TrainingSequence>> learned_from = training_groups(kept);
  const size_t updates = std::min<size_t>(settings_.updates_per_step, learned_from.size());
  for (int64_t epoch = 0; epoch < settings_.epochs_per_step; ++epoch) {
    std::vector<std::vector<TrainingSequence>> dealt = learned_from;
    PhiloxStream shuffle({settings_.seed, Purpose::kShuffle, 0}, static_cast<uint32_t>(step),
                         static_cast<uint32_t>(epoch), 0);
    shuffle.shuffle(dealt);
    for (size_t u = 0; u < updates; ++u) {
      std::vector<TrainingSequence> batch;
      for (size_t g = u; g < dealt.size(); g += updates)
        std::move(dealt[g].begin(), dealt[g].end(), std::back_inserter(batch));
      update(std::move(batch), version, !check_all && totals.updates == 0, totals);
    }
  }
  for (std::optional<double>* value :
       {&totals.pg_loss, &totals.kl_loss, &totals.entropy, &totals.grad_norm, &totals.pg_clipfrac})
    if (value->has_value()) **value /= static_cast<double>(totals.updates);
  if (reference_ != nullptr && config.reference_refresh_steps > 0 &&
      step % config.reference_refresh_steps == 0)
    reference_->refresh(policy_);
  return totals;
}

}  // namespace retort
