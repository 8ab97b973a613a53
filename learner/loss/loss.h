#pragma once
// The loss of one sequence's tokens and its derivatives with respect to the tokens'
// log-probabilities and entropies; no torch. Sums run in double in token order and continue from
// sequence to sequence and from micro-batch to micro-batch.
//
//   loss_t = M policy(ratio_t, A) + kl_coef KL_t - entropy_coef H_t, divided by the normaliser
//
// M = 0 when A < 0 and mean log(pi_old / pi) > off_policy_mask_threshold (DeepSeek-V3.2
// 2512.02556).
#include "learner/config.h"
#include "learner/loss/kl.h"
#include "learner/loss/policy_loss.h"

#include <cstdint>
#include <span>

namespace retort {

struct LossSettings {
  PolicyLossFunction policy = nullptr;
  ClipSettings clip;
  bool sequence_ratio = false;  // GSPO (2507.18071): exp(mean log(pi / pi_old)) for every token
  KlFunction kl = nullptr;      // null: no reference
  double kl_coef = 0;
  double off_policy_mask_threshold = 0;  // 0: off
  double entropy_coef = 0;
};
// UserError for an unknown name.
LossSettings loss_settings(const LearnerConfig& config);

// The tokens with a loss of one sequence, all spans [T].
struct SequenceTokens {
  std::span<const float> logp;
  std::span<const float> old_logp;
  std::span<const float> reference_logp;  // empty without a reference
  std::span<const float> entropy;         // nats
  double advantage = 0;
  double normaliser = 1;
};

struct LossSums {
  double loss = 0;               // policy terms, normalised
  double kl = 0;                 // KL terms, normalised, without kl_coef
  double entropy = 0;            // nats
  int64_t clipped = 0;           // tokens whose bound decided
  int64_t masked_sequences = 0;  // by the off-policy mask
  int64_t tokens = 0;
};

// dlogp, dentropy [T]: d(loss) / d(logp), d(entropy); overwritten. dentropy may be empty when
// entropy_coef is 0. Adds to `sums`.
void sequence_loss(const SequenceTokens& sequence, const LossSettings& settings,
                   std::span<float> dlogp, std::span<float> dentropy, LossSums& sums);

// Negative log-likelihood (supervised fine-tuning): loss = -logp. `sums.loss` is not normalised.
void likelihood_loss(std::span<const float> logp, double normaliser, std::span<float> dlogp,
                     LossSums& sums);

}  // namespace retort
