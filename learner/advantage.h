#pragma once
// Group-relative advantages: one table row and one function each.
//   grpo     A_i = (r_i - mean) / (std + eps), std with ddof
//            (DeepSeekMath 2402.03300; R1 2501.12948 eq. 3)
//   dr_grpo  A_i = r_i - mean
//            (2503.20783; V3.2 2512.02556)
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace retort {

struct AdvantageSettings {
  int64_t ddof = 1;
  double eps = 1e-6;
};

// rewards [G] of the samples that count, G >= 1 -> advantages [G]. Sums run in order of the slots,
// in double.
using AdvantageFunction =
    std::function<std::vector<double>(const std::vector<double>&, const AdvantageSettings&)>;

// UserError "[learner.advantage]" for an unknown name.
AdvantageFunction find_advantage(const std::string& name);

// True when all rewards are equal (then every advantage is 0).
bool zero_variance(const std::vector<double>& rewards);

double mean(const std::vector<double>& values);
// Standard deviation with `ddof`; 0 when there are not more values than ddof.
double standard_deviation(const std::vector<double>& values, int64_t ddof);

}  // namespace retort
