#include "learner/advantage/advantage.h"

namespace retort {

GroupRewards grpo_advantages(const GroupRewards&, const AdvantageSettings&);
GroupRewards dr_grpo_advantages(const GroupRewards&, const AdvantageSettings&);
GroupRewards rloo_advantages(const GroupRewards&, const AdvantageSettings&);
GroupRewards reinforce_pp_advantages(const GroupRewards&, const AdvantageSettings&);

std::span<const AdvantageRow> advantage_rows() {
  static constexpr AdvantageRow kRows[] = {
      {"grpo", "(r - mean) / (std + eps) within the group", grpo_advantages},
      {"dr_grpo", "r - mean within the group; also DeepSeek-V3.2's", dr_grpo_advantages},
      {"rloo", "r - mean of the group's others", rloo_advantages},
      {"reinforce_pp", "(r - mean) / (std + eps) over all samples of the step",
       reinforce_pp_advantages},
  };
  return kRows;
}

AdvantageFunction find_advantage(const std::string& name) {
  return find_row(advantage_rows(), name, "[learner.advantage]", "advantage").make;
}

}  // namespace retort
