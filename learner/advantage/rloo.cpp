// A_i = r_i - mean of the group's other rewards (RLOO: Kool et al. 2019; 2402.14740). A sample
// without others has 0.
#include "learner/advantage/advantage.h"
#include "learner/advantage/statistics.h"

namespace retort {

GroupRewards rloo_advantages(const GroupRewards& groups, const AdvantageSettings&) {
  GroupRewards advantages;
  for (const std::vector<double>& rewards : groups) {
    if (zero_variance(rewards)) {
      advantages.emplace_back(rewards.size(), 0.0);
      continue;
    }
    // r_i - (sum - r_i) / (n - 1) = (r_i - mean) n / (n - 1)
    const auto n = static_cast<double>(rewards.size());
    advantages.push_back(centred(rewards, mean(rewards)));
    for (double& value : advantages.back()) value *= n / (n - 1.0);
  }
  return advantages;
}

}  // namespace retort
