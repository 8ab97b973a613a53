#include "kernels/testing.h"

#include "base/check.h"

#include <cmath>
#include <cstdio>
#include <cstring>

namespace retort::kernels {
namespace {

// A quiet not-a-number with a payload of its own.
constexpr uint32_t kSentinel = 0x7fc0beef;

uint32_t bits_of(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  return bits;
}

// SplitMix64 (Steele et al. 2014).
uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace

double sim_error(const double* a, const double* b, int64_t count) {
  double squares = 0;
  double differences = 0;
  for (int64_t i = 0; i < count; ++i) {
    squares += a[i] * a[i] + b[i] * b[i];
    differences += (a[i] - b[i]) * (a[i] - b[i]);
  }
  // The same as the formula, without its cancellation. Two zero tensors are equal.
  return squares == 0 ? 0 : differences / squares;
}

double sim_error(const std::vector<double>& a, const std::vector<double>& b) {
  RT_CHECK_EQ(a.size(), b.size());
  return sim_error(a.data(), b.data(), static_cast<int64_t>(a.size()));
}

double sim_error(const std::vector<float>& a, const std::vector<double>& b) {
  return sim_error(to_double(a), b);
}

double sim_limit(std::string_view type) {
  if (type == "float") return 1e-11;
  if (type == "bfloat16") return 1e-4;
  RT_CHECK(false) << "no limit for " << type;
  return 0;
}

BitComparison bitwise_equal(const float* a, const float* b, const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  for (int64_t i = 0; i < count; ++i) {
    if (bits_of(a[i]) == bits_of(b[i])) continue;
    std::string at;
    int64_t rest = i;
    for (size_t d = shape.size(); d-- > 0;) {
      at = std::to_string(rest % shape[d]) + (at.empty() ? "" : ", ") + at;
      rest /= shape[d];
    }
    char values[128];
    std::snprintf(values, sizeof(values), "%.9g (%08x) and %.9g (%08x)", static_cast<double>(a[i]),
                  bits_of(a[i]), static_cast<double>(b[i]), bits_of(b[i]));
    return {false, "element [" + at + "]: " + values};
  }
  return {};
}

BitComparison bitwise_equal(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) {
    return {false, std::to_string(a.size()) + " and " + std::to_string(b.size()) + " elements"};
  }
  return bitwise_equal(a.data(), b.data(), {static_cast<int64_t>(a.size())});
}

std::vector<float> random_floats(int64_t count, uint64_t seed) {
  std::vector<float> values(count);
  for (int64_t i = 0; i < count; ++i) {
    const auto word =
        static_cast<int32_t>(mix(mix(seed) + static_cast<uint64_t>(i)) >> 40);  // 24 bits
    values[i] = static_cast<float>(word - (1 << 23)) * 0x1p-23f;
  }
  return values;
}

std::vector<int32_t> random_ids(int64_t count, int32_t limit, uint64_t seed) {
  std::vector<int32_t> ids(count);
  for (int64_t i = 0; i < count; ++i) {
    ids[i] = static_cast<int32_t>(mix(mix(seed) + static_cast<uint64_t>(i)) %
                                  static_cast<uint64_t>(limit));
  }
  return ids;
}

std::vector<double> to_double(const std::vector<float>& x) { return {x.begin(), x.end()}; }

GuardedOutput::GuardedOutput(int64_t count) : memory_(count + 2 * kGuard) {
  for (float& x : memory_) std::memcpy(&x, &kSentinel, sizeof(x));
}

bool GuardedOutput::intact() const {
  for (int64_t i = 0; i < kGuard; ++i) {
    if (bits_of(memory_[i]) != kSentinel || bits_of(memory_[memory_.size() - 1 - i]) != kSentinel)
      return false;
  }
  return true;
}

}  // namespace retort::kernels
