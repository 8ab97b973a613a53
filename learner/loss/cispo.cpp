// CISPO (MiniMax-M1 2506.13585): loss = -stop_gradient(clip(ratio)) A log pi. The bound limits a
// token's weight and takes no token's gradient away.
#include "learner/loss/policy_loss.h"

#include <algorithm>

namespace retort {

TokenLoss cispo_loss(double ratio, double logp, double A, const ClipSettings& clip) {
  const double weight = std::clamp(ratio, 1.0 - clip.low, 1.0 + clip.high);
  return {-(weight * A * logp), -(weight * A), weight != ratio};
}

}  // namespace retort
