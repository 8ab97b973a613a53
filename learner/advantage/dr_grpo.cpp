// A_i = r_i - mean within the group: no std, which would weigh easy and hard prompts up (Dr. GRPO
// 2503.20783; DeepSeek-V3.2 2512.02556).
#include "learner/advantage/advantage.h"
#include "learner/advantage/statistics.h"

namespace retort {

GroupRewards dr_grpo_advantages(const GroupRewards& groups, const AdvantageSettings&) {
  GroupRewards advantages;
  for (const std::vector<double>& rewards : groups)
    advantages.push_back(zero_variance(rewards) ? std::vector<double>(rewards.size(), 0.0)
                                                : centred(rewards, mean(rewards)));
  return advantages;
}

}  // namespace retort
