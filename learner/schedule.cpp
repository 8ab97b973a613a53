#include "learner/schedule.h"

#include "base/exact_math.h"

#include <algorithm>
#include <numbers>

namespace retort {

double Schedule::at(int64_t step) const {
  if (step < warmup_steps)
    return lr * static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
  if (kind == "constant") return lr;
  const double span = static_cast<double>(std::max<int64_t>(steps - warmup_steps, 1));
  const double p = std::min(static_cast<double>(step - warmup_steps) / span, 1.0);
  const double fall = kind == "linear" ? 1.0 - p : 0.5 * (1.0 + exact::cos(std::numbers::pi * p));
  return lr * (final_ratio + (1.0 - final_ratio) * fall);
}

}  // namespace retort
