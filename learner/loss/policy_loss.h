#pragma once
// The policy term of one token: a file and a row of policy_loss_table.cpp each.
#include "base/registry.h"

#include <span>
#include <string>

namespace retort {

struct ClipSettings {
  double low = 0.2;   // ratio is clipped at 1 - low
  double high = 0.2;  // and at 1 + high
  double dual = 0;    // bound on the loss of bad tokens, as a ratio; 0: none
};

struct TokenLoss {
  double loss = 0;
  double dlogp = 0;      // d loss / d logp of the token
  bool clipped = false;  // the bound decided
};

// ratio = pi / pi_old, of the token or of its whole sequence. A sequence's ratio
// exp(mean log(pi / pi_old)) moves by ratio / length with each of its tokens: summed over the
// sequence's tokens the derivative is the same expression.
using PolicyLossFunction = TokenLoss (*)(double ratio, double logp, double advantage,
                                         const ClipSettings& clip);
using PolicyLossRow = RegistryRow<PolicyLossFunction>;

std::span<const PolicyLossRow> policy_loss_rows();
// UserError "[learner.policy_loss]" for an unknown name.
PolicyLossFunction find_policy_loss(const std::string& name);

}  // namespace retort
