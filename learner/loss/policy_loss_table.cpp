#include "learner/loss/policy_loss.h"

namespace retort {

TokenLoss clip_loss(double ratio, double logp, double A, const ClipSettings& clip);
TokenLoss cispo_loss(double ratio, double logp, double A, const ClipSettings& clip);

std::span<const PolicyLossRow> policy_loss_rows() {
  static constexpr PolicyLossRow kRows[] = {
      {"clip", "-min(ratio A, clip(ratio) A); PPO, GRPO, DAPO, GSPO", clip_loss},
      {"cispo", "-clip(ratio) A log pi, the ratio without gradient", cispo_loss},
  };
  return kRows;
}

PolicyLossFunction find_policy_loss(const std::string& name) {
  return find_row(policy_loss_rows(), name, "[learner.policy_loss]", "policy loss").make;
}

}  // namespace retort
