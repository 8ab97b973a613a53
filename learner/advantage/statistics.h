#pragma once
// Sums over rewards, in order, in double.
#include <cstdint>
#include <vector>

namespace retort {

// True when all are equal.
bool zero_variance(const std::vector<double>& rewards);
double mean(const std::vector<double>& values);  // 0 of none
// Standard deviation with `ddof`; 0 when there are not more values than ddof.
double standard_deviation(const std::vector<double>& values, int64_t ddof);
// values - centre
std::vector<double> centred(const std::vector<double>& values, double centre);

}  // namespace retort
