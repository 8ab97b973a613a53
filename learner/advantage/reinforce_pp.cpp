// A_i = (r_i - mean) / (std + eps) over every sample that the step learns from, not its group, std
// with ddof (REINFORCE++ 2501.03262, its global normalisation). With zero_variance = "keep" a group
// of equal rewards learns too: it lies above or below the mean of the step.
#include "learner/advantage/advantage.h"
#include "learner/advantage/statistics.h"

namespace retort {

GroupRewards reinforce_pp_advantages(const GroupRewards& groups,
                                     const AdvantageSettings& settings) {
  std::vector<double> all;
  for (const std::vector<double>& rewards : groups)
    all.insert(all.end(), rewards.begin(), rewards.end());
  const bool flat = zero_variance(all);
  const double centre = mean(all);
  const double scale = standard_deviation(all, settings.ddof) + settings.eps;
  GroupRewards advantages;
  for (const std::vector<double>& rewards : groups) {
    advantages.push_back(centred(rewards, centre));
    for (double& value : advantages.back()) value = flat ? 0.0 : value / scale;
  }
  return advantages;
}

}  // namespace retort
