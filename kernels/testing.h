#pragma once
// What the kernels' tests, benches and contract check compare with: two measures and no other.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace retort::kernels {

// 1 - 2 <a, b> / (<a, a> + <b, b>) in double: 0 for equal, about the square of the relative error.
// Not a number when an element is not finite.
double sim_error(const double* a, const double* b, int64_t count);
double sim_error(const std::vector<double>& a, const std::vector<double>& b);
double sim_error(const std::vector<float>& a, const std::vector<double>& b);

// The greatest sim_error of a result computed in a type against the double reference. `type`:
// float, bfloat16.
double sim_limit(std::string_view type);

// Equality of bits. When they differ, `message` names the first differing element, its coordinates
// and both values (decimal and hexadecimal).
struct BitComparison {
  bool equal = true;
  std::string message;
  explicit operator bool() const { return equal; }
};
// `shape` may be shorter than the data has dimensions; its product is the number of elements.
BitComparison bitwise_equal(const float* a, const float* b, const std::vector<int64_t>& shape);
BitComparison bitwise_equal(const std::vector<float>& a, const std::vector<float>& b);

// Uniform in [-1, 1), a function of (seed, index) only.
std::vector<float> random_floats(int64_t count, uint64_t seed);
std::vector<int32_t> random_ids(int64_t count, int32_t limit, uint64_t seed);
std::vector<double> to_double(const std::vector<float>& x);

// An output between two sentinels: `intact` says whether a kernel wrote outside.
class GuardedOutput {
 public:
  explicit GuardedOutput(int64_t count);
  float* data() { return memory_.data() + kGuard; }
  std::vector<float> values() const { return {memory_.begin() + kGuard, memory_.end() - kGuard}; }
  bool intact() const;

 private:
  static constexpr int64_t kGuard = 64;
  std::vector<float> memory_;
};

}  // namespace retort::kernels
