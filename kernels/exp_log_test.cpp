// exp and log of the kernels against the C library in double precision.
#include "kernels/exp_log.h"

#include "kernels/swiglu/swiglu.h"
#include "kernels/testing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace retort::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Distance in units of the last place of the exact result (of the smallest subnormal below the
// normal range).
double ulps(float got, double exact) {
  const double size = std::max(std::abs(exact), 0x1p-126);
  return std::abs(static_cast<double>(got) - exact) / std::exp2(std::floor(std::log2(size)) - 23);
}

TEST(ExpLog, ExpIsWithinOneUlp) {
  double worst = 0;
  // Every 997th pattern of bits, both signs.
  for (int64_t bits = std::numeric_limits<int32_t>::min();
       bits <= std::numeric_limits<int32_t>::max(); bits += 997) {
    const float x = as_float(static_cast<int32_t>(bits));
    if (!(x > -104.0f && x < 88.7f)) continue;
    worst = std::max(worst, ulps(exp_f32(x), std::exp(static_cast<double>(x))));
  }
  EXPECT_LT(worst, 1.0);
}

TEST(ExpLog, ExpAtTheEnds) {
  EXPECT_EQ(exp_f32(0.0f), 1.0f);
  EXPECT_EQ(exp_f32(-0.0f), 1.0f);
  EXPECT_EQ(exp_f32(-kInfinity), 0.0f);
  EXPECT_FALSE(std::signbit(exp_f32(-kInfinity)));
  EXPECT_EQ(exp_f32(-1e30f), 0.0f);
  EXPECT_EQ(exp_f32(-104.0f), 0.0f);
  EXPECT_EQ(exp_f32(-103.9f), 0x1p-149f);
  EXPECT_EQ(exp_f32(kInfinity), kInfinity);
  EXPECT_EQ(exp_f32(88.73f), kInfinity);
  EXPECT_LT(exp_f32(88.72f), kInfinity);
  EXPECT_TRUE(std::isnan(exp_f32(kNan)));
}

TEST(ExpLog, LogIsWithinTwoUlp) {
  double worst = 0;
  for (int64_t bits = 1; bits < 0x7f800000; bits += 499) {
    const float x = as_float(static_cast<int32_t>(bits));
    const double exact = std::log(static_cast<double>(x));
    if (exact != 0) worst = std::max(worst, ulps(log_f32(x), exact));
  }
  // Beside 1, where the result is near 0.
  for (int32_t bits = 0x3f700000; bits < 0x3f900000; ++bits) {
    const float x = as_float(bits);
    if (x != 1.0f) worst = std::max(worst, ulps(log_f32(x), std::log(static_cast<double>(x))));
  }
  EXPECT_LT(worst, 2.0);
}

TEST(ExpLog, LogAtTheEnds) {
  EXPECT_EQ(log_f32(1.0f), 0.0f);
  EXPECT_EQ(log_f32(0.0f), -kInfinity);
  EXPECT_EQ(log_f32(-0.0f), -kInfinity);
  EXPECT_EQ(log_f32(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(log_f32(-1.0f)));
  EXPECT_TRUE(std::isnan(log_f32(-kInfinity)));
  EXPECT_TRUE(std::isnan(log_f32(kNan)));
}

// A lane of a vector gives the bits of the scalar function, over the whole range: g / (1 + exp(-g))
// shows exp's last bit where exp is large.
TEST(ExpLog, LanesGiveTheBitsOfTheScalar) {
  constexpr int64_t kCount = 1 << 16;
  std::vector<float> gate_up(2 * kCount, 1.0f), y(kCount), want(kCount);
  for (int64_t i = 0; i < kCount; ++i) {
    const float g = -110.0f + 115.0f * static_cast<float>(i) / static_cast<float>(kCount);
    gate_up[i] = g;
    want[i] = g / (1.0f + exp_f32(-g));
  }
  swiglu_forward(gate_up.data(), y.data(), 1, kCount);
  const BitComparison same = bitwise_equal(y, want);
  EXPECT_TRUE(same) << same.message;
}

}  // namespace
}  // namespace retort::kernels
