#pragma once
// Learner: one step of GRPO and its kin on scored groups (DeepSeekMath 2402.03300, R1 2501.12948).
//
//   drop groups -> advantages -> reference log-probabilities -> shuffle, deal whole groups to
//   updates -> for each: forward, loss, backward, AdamW
//
// Bits: in each of the epochs_per_step passes the kept groups are permuted by Philox (purpose
// shuffle, counter (step, pass, ·)), dealt round-robin into min(updates_per_step, groups) updates;
// normalisers are of the whole update; micro-batches change no bit. The old log-probabilities are
// the sampler's in every pass. Threads: one caller.
#include "learner/config.h"
#include "learner/loss/loss.h"
#include "learner/mismatch.h"
#include "learner/optimizer.h"
#include "learner/packed_forward.h"
#include "learner/reference.h"
#include "learner/schedule.h"
#include "learner/scored_group.h"

#include <optional>
#include <vector>

namespace retort {

struct LearnerStep {
  // Means over the updates; absent when no group was kept.
  std::optional<double> pg_loss, kl_loss, entropy, grad_norm, pg_clipfrac;
  double lr = 0;
  int64_t updates = 0;
  int64_t trained_tokens = 0;    // with a loss
  int64_t fed_tokens = 0;        // prompts too, through forward and backward
  int64_t compared_tokens = 0;   // fed through a forward that only compares
  int64_t masked_sequences = 0;  // by the off-policy mask
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
  int64_t epochs_per_step = 1;
  int64_t steps = 1;           // of the schedule
  int64_t max_new_tokens = 1;  // of the rollout
};

class Learner {
 public:
  // `reference` when learner.kl asks for one, else null. All three must outlive the learner.
  Learner(Policy& policy, Optimizer& optimizer, Reference* reference, LearnerSettings settings);

  // `step` from 1; samples of Version step - 1 are compared with this forward. The caller acts on
  // the mismatch.
  LearnerStep step(int64_t step, const std::vector<ScoredGroup>& groups);

 private:
  void check_every_token(const std::vector<ScoredGroup>& groups, uint32_t version,
                         LearnerStep& totals);
  // The training sequences of each kept group.
  std::vector<std::vector<TrainingSequence>> training_groups(
      const std::vector<const ScoredGroup*>& kept);
  // One update of the sequences in `batch`; none when no token of it has a loss.
  void update(std::vector<TrainingSequence> batch, uint32_t version, bool compare,
              LearnerStep& totals);
  // Adds to the accumulated gradients and to `sums`.
  void learn(std::span<const TrainingSequence> sequences, const PackedResult& result,
             LossSums& sums);

  Policy& policy_;
  Optimizer& optimizer_;
  Reference* reference_;
  LearnerSettings settings_;
  LossSettings loss_;
  PackedForward forward_;
};

// Whether all its rewards that count are equal, or none counts: nothing to learn from in the group
// alone.
bool is_flat(const ScoredGroup& group);

// The training sequence of a sample; positions with loss_mask 0 have no loss.
TrainingSequence training_sequence(const Sample& sample, float advantage);

}  // namespace retort
