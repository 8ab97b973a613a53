#pragma once
// Token losses and their derivative with respect to the token's log-probability; no torch, double
// sums in token order that continue from micro-batch to micro-batch.
#include <cstdint>
#include <span>

namespace retort {

struct ClipSettings {
  double low = 0.2;
  double high = 0.2;
};

struct LossSums {
  double loss = 0;      // sum of token losses, before the normaliser
  double entropy = 0;   // nats
  int64_t clipped = 0;  // tokens whose clipped branch was taken
  int64_t tokens = 0;
};

// PPO's clipped surrogate (Schulman et al. 2017 eq. 7), token form (DeepSeekMath eq. 3):
//   ratio = exp(logp - old_logp), loss = -min(ratio A, clip(ratio, 1 - low, 1 + high) A)
// dlogp[t] = d(sum loss / normaliser) / d logp[t]; adds to `sums`. All spans [T].
void clipped_policy_loss(std::span<const float> logp, std::span<const float> old_logp,
                         std::span<const float> advantage, std::span<const float> entropy,
                         const ClipSettings& clip, double normaliser, std::span<float> dlogp,
                         LossSums& sums);

// Negative log-likelihood (supervised fine-tuning): loss = -logp.
void likelihood_loss(std::span<const float> logp, double normaliser, std::span<float> dlogp,
                     LossSums& sums);

}  // namespace retort
