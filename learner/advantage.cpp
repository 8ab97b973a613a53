#include "learner/advantage.h"

#include "base/exact_math.h"
#include "base/registry.h"

#include <algorithm>

namespace retort {
namespace {

std::vector<double> centred(const std::vector<double>& rewards) {
  std::vector<double> advantages(rewards);
  const double centre = mean(rewards);
  for (double& value : advantages) value -= centre;
  return advantages;
}

std::vector<double> grpo(const std::vector<double>& rewards, const AdvantageSettings& settings) {
  std::vector<double> advantages = centred(rewards);
  if (zero_variance(rewards)) return std::vector<double>(rewards.size(), 0.0);
  const double scale = standard_deviation(rewards, settings.ddof) + settings.eps;
  for (double& value : advantages) value /= scale;
  return advantages;
}

std::vector<double> dr_grpo(const std::vector<double>& rewards, const AdvantageSettings&) {
  if (zero_variance(rewards)) return std::vector<double>(rewards.size(), 0.0);
  return centred(rewards);
}

using Row = RegistryRow<AdvantageFunction>;
const std::vector<Row>& table() {
  static const std::vector<Row> rows = {
      {"grpo", "(r - mean) / (std + eps) within the group", grpo},
      {"dr_grpo", "r - mean within the group", dr_grpo},
  };
  return rows;
}

}  // namespace

AdvantageFunction find_advantage(const std::string& name) {
  return find_row(std::span<const Row>(table()), name, "[learner.advantage]", "advantage").make;
}

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
  const int64_t count = static_cast<int64_t>(values.size());
  if (count <= ddof) return 0.0;
  const double centre = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - centre) * (value - centre);
  return exact::sqrt(squares / static_cast<double>(count - ddof));
}

}  // namespace retort
