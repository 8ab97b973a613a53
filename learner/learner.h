#pragma once
// Learner: one GRPO step on scored groups (DeepSeekMath 2402.03300, R1 2501.12948; clip-higher and
// token-mean as in DAPO 2503.14476).
//
//   advantages -> drop groups -> shuffle, deal whole groups to updates -> for each: forward, loss,
//   backward, AdamW
//
// Bits: the kept groups are permuted by Philox (purpose shuffle, counter (step, ·)), dealt
// round-robin into min(updates_per_step, groups) updates; one normaliser an update; micro-batches
// change no bit. Threads: one caller.
#include "learner/config.h"
#include "learner/mismatch.h"
#include "learner/optimizer.h"
#include "learner/packed_forward.h"
#include "learner/schedule.h"
#include "learner/scored_group.h"

#include <optional>
#include <vector>

namespace retort {

struct LearnerStep {
  // Means over the updates; absent when no group was kept.
  std::optional<double> pg_loss, entropy, grad_norm, pg_clipfrac;
  double lr = 0;
  int64_t updates = 0;
  int64_t trained_tokens = 0;   // with a loss
  int64_t fed_tokens = 0;       // prompts too, through forward and backward
  int64_t compared_tokens = 0;  // fed through a forward that only compares
  int64_t groups_kept = 0;
  int64_t groups_zero_variance = 0;
  Mismatch mismatch;
};

struct LearnerSettings {
  LearnerConfig learner;
  MismatchConfig mismatch;
  uint32_t seed = 0;
  double temperature = 1.0;  // of the rollout
  int64_t updates_per_step = 1;
  int64_t steps = 1;  // of the schedule
};

class Learner {
 public:
  // The policy and the optimiser must outlive the learner.
  Learner(Policy& policy, Optimizer& optimizer, LearnerSettings settings);

  // `step` from 1; samples of Version step - 1 are compared with this forward. The caller acts on
  // the mismatch.
  LearnerStep step(int64_t step, const std::vector<ScoredGroup>& groups);

 private:
  Batch make_batch(const std::vector<const ScoredGroup*>& groups) const;
  void check_every_token(const std::vector<ScoredGroup>& groups, uint32_t version,
                         LearnerStep& totals);
  // One update; false when the batch has no token to learn from.
  bool update(const Batch& batch, double lr, uint32_t version, bool compare, LearnerStep& totals);

  Policy& policy_;
  Optimizer& optimizer_;
  LearnerSettings settings_;
  PackedForward forward_;
};

// The training sequence of a sample; positions with loss_mask 0 have no loss.
TrainingSequence training_sequence(const Sample& sample, float advantage);

}  // namespace retort
