#include "learner/advantage/statistics.h"

#include "base/exact_math.h"

#include <algorithm>

namespace retort {

bool zero_variance(const std::vector<double>& rewards) {
  return std::all_of(rewards.begin(), rewards.end(),
                     [&](double reward) { return reward == rewards.front(); });
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? 0.0 : sum / static_cast<double>(values.size());
}

double standard_deviation(const std::vector<double>& values, int64_t ddof) {
  const auto count = static_cast<int64_t>(values.size());
  if (count <= ddof) return 0.0;
  const double centre = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - centre) * (value - centre);
  return exact::sqrt(squares / static_cast<double>(count - ddof));
}

std::vector<double> centred(const std::vector<double>& values, double centre) {
  std::vector<double> result(values);
  for (double& value : result) value -= centre;
  return result;
}

}  // namespace retort
