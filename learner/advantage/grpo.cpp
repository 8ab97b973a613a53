// A_i = (r_i - mean) / (std + eps) within the group, std with ddof (DeepSeekMath 2402.03300; R1
// 2501.12948 eq. 3). Equal rewards: 0, whatever eps.
#include "learner/advantage/advantage.h"
#include "learner/advantage/statistics.h"

namespace retort {

GroupRewards grpo_advantages(const GroupRewards& groups, const AdvantageSettings& settings) {
  GroupRewards advantages;
  for (const std::vector<double>& rewards : groups) {
    if (zero_variance(rewards)) {
      advantages.emplace_back(rewards.size(), 0.0);
      continue;
    }
    advantages.push_back(centred(rewards, mean(rewards)));
    const double scale = standard_deviation(rewards, settings.ddof) + settings.eps;
    for (double& value : advantages.back()) value /= scale;
  }
  return advantages;
}

}  // namespace retort
