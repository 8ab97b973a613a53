#include "learner/mismatch.h"

#include "base/check.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace retort {

void Mismatch::compare(std::span<const float> learner, std::span<const float> rollout,
                       std::span<const uint32_t> versions, uint32_t version) {
  RT_CHECK_EQ(learner.size(), rollout.size());
  RT_CHECK_EQ(learner.size(), versions.size());
  for (size_t t = 0; t < learner.size(); ++t) {
    if (versions[t] != version) continue;
    ++checked;
    if (std::bit_cast<uint32_t>(learner[t]) == std::bit_cast<uint32_t>(rollout[t])) continue;
    ++tokens;
    const double difference =
        std::fabs(static_cast<double>(learner[t]) - static_cast<double>(rollout[t]));
    max_abs = std::isnan(difference) ? difference : std::max(max_abs, difference);
  }
}

}  // namespace retort
