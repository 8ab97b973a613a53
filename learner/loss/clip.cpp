// PPO's clipped surrogate (Schulman et al. 2017 eq. 7): loss = -min(ratio A, clip(ratio) A); with a
// dual clip c > 1 the loss of a token with A < 0 is at most -c A (Ye et al. 2019, 1912.09729).
#include "learner/loss/policy_loss.h"

#include <algorithm>

namespace retort {

TokenLoss clip_loss(double ratio, double, double A, const ClipSettings& clip) {
  const double clipped = std::clamp(ratio, 1.0 - clip.low, 1.0 + clip.high);
  if (clipped * A < ratio * A) return {-(clipped * A), 0.0, true};
  if (clip.dual > 0 && A < 0 && ratio > clip.dual) return {-(clip.dual * A), 0.0, true};
  return {-(ratio * A), -(ratio * A), false};
}

}  // namespace retort
