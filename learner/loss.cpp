#include "learner/loss.h"

#include "base/check.h"
#include "base/exact_math.h"

#include <algorithm>

namespace retort {

void clipped_policy_loss(std::span<const float> logp, std::span<const float> old_logp,
                         std::span<const float> advantage, std::span<const float> entropy,
                         const ClipSettings& clip, double normaliser, std::span<float> dlogp,
                         LossSums& sums) {
  RT_CHECK_EQ(logp.size(), old_logp.size());
  RT_CHECK_GT(normaliser, 0.0);
  for (size_t t = 0; t < logp.size(); ++t) {
    const double ratio =
        exact::exp(static_cast<double>(logp[t]) - static_cast<double>(old_logp[t]));
    const double clipped = std::clamp(ratio, 1.0 - clip.low, 1.0 + clip.high);
    const double A = advantage[t];
    const bool cut = clipped * A < ratio * A;  // the smaller one is the clipped one: no gradient
    sums.loss -= cut ? clipped * A : ratio * A;
    sums.clipped += cut ? 1 : 0;
    sums.entropy += entropy[t];
    dlogp[t] = cut ? 0.0f : static_cast<float>(-(ratio * A) / normaliser);
  }
  sums.tokens += static_cast<int64_t>(logp.size());
}

void likelihood_loss(std::span<const float> logp, double normaliser, std::span<float> dlogp,
                     LossSums& sums) {
  RT_CHECK_GT(normaliser, 0.0);
  for (size_t t = 0; t < logp.size(); ++t) {
    sums.loss -= static_cast<double>(logp[t]);
    dlogp[t] = static_cast<float>(-1.0 / normaliser);
  }
  sums.tokens += static_cast<int64_t>(logp.size());
}

}  // namespace retort
