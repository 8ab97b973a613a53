#include "learner/learner.h"

#include "base/check.h"
#include "base/philox.h"
#include "learner/advantage.h"
#include "learner/backward.h"
#include "learner/loss.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

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

std::span<const TrainingSequence> slice(const Batch& batch, const SequenceRange& range) {
  return std::span(batch.sequences).subspan(range.begin, range.end - range.begin);
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

Learner::Learner(Policy& policy, Optimizer& optimizer, LearnerSettings settings)
    : policy_(policy), optimizer_(optimizer), settings_(std::move(settings)), forward_(policy) {}

Batch Learner::make_batch(const std::vector<const ScoredGroup*>& groups) const {
  const AdvantageFunction advantage = find_advantage(settings_.learner.advantage);
  const AdvantageSettings advantage_settings{settings_.learner.advantage_ddof,
                                             settings_.learner.advantage_eps};
  Batch batch;
  int64_t tokens = 0;
  for (const ScoredGroup* group : groups) {
    const std::vector<double> advantages = advantage(counted_rewards(*group), advantage_settings);
    size_t counted = 0;
    for (size_t i = 0; i < group->samples.size(); ++i) {
      if (!is_policys_doing(group->verdicts[i].outcome)) continue;
      batch.sequences.push_back(
          training_sequence(group->samples[i], static_cast<float>(advantages[counted++])));
      tokens += static_cast<int64_t>(batch.sequences.back().loss_positions.size());
    }
  }
  batch.normaliser = static_cast<double>(tokens);  // token-mean
  return batch;
}

void Learner::check_every_token(const std::vector<ScoredGroup>& groups, uint32_t version,
                                LearnerStep& totals) {
  at::NoGradGuard no_grad;
  Batch batch;
  for (const ScoredGroup& group : groups)
    for (const Sample& sample : group.samples)
      batch.sequences.push_back(training_sequence(sample, 0.0f));
  for (const SequenceRange& range :
       split_into_micro_batches(batch, settings_.learner.micro_batch_tokens)) {
    const std::span<const TrainingSequence> sequences = slice(batch, range);
    const PackedResult result = forward_.run(sequences, settings_.temperature);
    totals.mismatch.compare(result.logp, concatenate(sequences, &TrainingSequence::old_logprobs),
                            concatenate(sequences, &TrainingSequence::versions), version);
    totals.compared_tokens += fed_tokens(sequences);
  }
}

bool Learner::update(const Batch& batch, double lr, uint32_t version, bool compare,
                     LearnerStep& totals) {
  if (batch.normaliser <= 0) return false;
  LossSums sums;
  const ClipSettings clip{settings_.learner.clip_low, settings_.learner.clip_high};
  for (const SequenceRange& range :
       split_into_micro_batches(batch, settings_.learner.micro_batch_tokens)) {
    const std::span<const TrainingSequence> sequences = slice(batch, range);
    const PackedResult result = forward_.run(sequences, settings_.temperature);
    const std::vector<float> old_logp = concatenate(sequences, &TrainingSequence::old_logprobs);
    std::vector<float> advantage, dlogp(old_logp.size());
    for (const TrainingSequence& sequence : sequences)
      advantage.insert(advantage.end(), sequence.loss_positions.size(), sequence.advantage);
    clipped_policy_loss(result.logp, old_logp, advantage, result.entropy, clip, batch.normaliser,
                        dlogp, sums);
    if (compare)
      totals.mismatch.compare(result.logp, old_logp,
                              concatenate(sequences, &TrainingSequence::versions), version);
    backward(result.head.logp_T, dlogp);
    optimizer_.collect_gradients();
    totals.fed_tokens += fed_tokens(sequences);
  }
  const UpdateResult result = optimizer_.update(lr);
  const auto add = [](std::optional<double>& total, double value) {
    total = total.value_or(0.0) + value;
  };
  add(totals.pg_loss, sums.loss / batch.normaliser);
  add(totals.entropy, sums.entropy / static_cast<double>(sums.tokens));
  add(totals.pg_clipfrac, static_cast<double>(sums.clipped) / static_cast<double>(sums.tokens));
  add(totals.grad_norm, result.grad_norm);
  totals.trained_tokens += sums.tokens;
  ++totals.updates;
  return true;
}

LearnerStep Learner::step(int64_t step, const std::vector<ScoredGroup>& groups) {
  LearnerStep totals;
  const Schedule schedule{settings_.learner.lr_schedule, settings_.learner.lr,
                          settings_.learner.lr_warmup_steps, settings_.steps,
                          settings_.learner.lr_final_ratio};
  totals.lr = schedule.at(step - 1);
  const auto version = static_cast<uint32_t>(step - 1);
  const bool check_all = settings_.mismatch.check == "all";
  if (check_all) check_every_token(groups, version, totals);

  std::vector<const ScoredGroup*> kept;
  for (const ScoredGroup& group : groups) {
    const std::vector<double> rewards = counted_rewards(group);
    const bool flat = rewards.empty() || zero_variance(rewards);
    totals.groups_zero_variance += flat ? 1 : 0;
    if (!rewards.empty() && (!flat || settings_.learner.zero_variance == "keep"))
      kept.push_back(&group);
  }
  totals.groups_kept = static_cast<int64_t>(kept.size());
  PhiloxStream shuffle({settings_.seed, Purpose::kShuffle, 0}, static_cast<uint32_t>(step), 0, 0);
  shuffle.shuffle(kept);

  const size_t updates = std::min<size_t>(settings_.updates_per_step, kept.size());
  for (size_t u = 0; u < updates; ++u) {
    std::vector<const ScoredGroup*> dealt;
    for (size_t g = u; g < kept.size(); g += updates) dealt.push_back(kept[g]);
    update(make_batch(dealt), totals.lr, version, !check_all && totals.updates == 0, totals);
  }
  for (std::optional<double>* value :
       {&totals.pg_loss, &totals.entropy, &totals.grad_norm, &totals.pg_clipfrac})
    if (value->has_value()) **value /= static_cast<double>(totals.updates);
  return totals;
}

}  // namespace retort
