// Oracle: the C library's functions on 80-bit long double, whose own error is below 0.002 ulp of a
// double.
#include "base/check.h"
#include "base/exact_math.h"
#include "base/philox.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

namespace retort {
namespace {

static_assert(std::numeric_limits<long double>::digits >= 64,
              "the oracle needs an 80-bit long double");

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Distance of `got` from `want` in units of the last place of the double nearest to `want`.
double ulps(double got, long double want) {
  const double size = std::fabs(static_cast<double>(want));
  const double ulp =
      size >= std::numeric_limits<double>::max() ? 0x1p971 : std::nextafter(size, kInfinity) - size;
  return static_cast<double>(std::fabs((got - want) / static_cast<long double>(ulp)));
}

using Function = double (*)(double);
using Oracle = long double (*)(long double);

// Largest error over `count` points, spread evenly over [low, high], or over their logarithms.
double worst(Function function, Oracle oracle, double low, double high, bool logarithmic = false) {
  PhiloxStream stream({1, Purpose::kSynthesis, 0}, 0, 0, 0);
  double error = 0;
  for (int i = 0; i < 500000; ++i) {
    const double u = stream.uniform();
    const double x = logarithmic ? low * std::pow(high / low, u) : low + (high - low) * u;
    error = std::max(error, ulps(function(x), oracle(x)));
  }
  return error;
}

TEST(ExactMath, ExpIsWithinOneUlp) {
  EXPECT_LT(worst(exact::exp, expl, -1, 1), 0.6);
  EXPECT_LT(worst(exact::exp, expl, -0x1p-20, 0x1p-20), 0.6);
  EXPECT_LT(worst(exact::exp, expl, -708, 709.78), 0.8);
  EXPECT_LT(worst(exact::exp, expl, -745.1, -708), 1.0);  // subnormal results
}

TEST(ExactMath, ExpAtTheEdges) {
  EXPECT_EQ(exact::exp(0.0), 1.0);
  EXPECT_EQ(exact::exp(-0.0), 1.0);
  EXPECT_EQ(exact::exp(1e-300), 1.0);
  EXPECT_LT(ulps(exact::exp(709.782712893384), expl(709.782712893384)), 1.0);
  EXPECT_EQ(exact::exp(709.7827128933841), kInfinity);
  EXPECT_EQ(exact::exp(1e300), kInfinity);
  EXPECT_EQ(exact::exp(kInfinity), kInfinity);
  EXPECT_EQ(exact::exp(-kInfinity), 0.0);
  EXPECT_EQ(exact::exp(-745.13), 5e-324);
  EXPECT_EQ(exact::exp(-746.0), 0.0);
  EXPECT_TRUE(std::isnan(exact::exp(kNan)));
}

TEST(ExactMath, LogIsWithinOneUlp) {
  EXPECT_LT(worst(exact::log, logl, 0.5, 2), 0.51);
  EXPECT_LT(worst(exact::log, logl, 0.9999, 1.0001), 0.51);
  EXPECT_LT(worst(exact::log, logl, 1e-307, 1e308, true), 0.51);
  EXPECT_LT(worst(exact::log, logl, 5e-324, 2e-308, true), 0.51);
}

TEST(ExactMath, LogAtTheEdges) {
  EXPECT_EQ(exact::log(1), 0.0);
  EXPECT_EQ(exact::log(0.0), -kInfinity);
  EXPECT_EQ(exact::log(-0.0), -kInfinity);
  EXPECT_TRUE(std::isnan(exact::log(-1)));
  EXPECT_TRUE(std::isnan(exact::log(kNan)));
  EXPECT_EQ(exact::log(kInfinity), kInfinity);
  for (const double x : {5e-324, std::numeric_limits<double>::max(), std::nextafter(1.0, 2.0),
                         std::nextafter(1.0, 0.0), 0x1.6a09e667f3bcdp0, 0x1.6a09e667f3bccp0})
    EXPECT_LT(ulps(exact::log(x), logl(x)), 0.51) << x;
}

TEST(ExactMath, SinAndCosAreWithinOneUlp) {
  const std::vector<std::pair<Function, Oracle>> pairs = {{exact::sin, sinl}, {exact::cos, cosl}};
  for (const auto& [function, oracle] : pairs) {
    EXPECT_LT(worst(function, oracle, -4, 4), 0.8);
    EXPECT_LT(worst(function, oracle, -0x1p20, 0x1p20), 0.8);
    EXPECT_LT(worst(function, oracle, 1e-300, 0x1p20, true), 0.8);
  }
}

// The hardest arguments: the doubles next to multiples of pi / 2, where nearly all bits cancel.
TEST(ExactMath, SinAndCosNextToMultiplesOfHalfPi) {
  double error = 0;
  for (int n = 1; n < 660000; ++n) {
    const auto x = static_cast<double>(n * 1.57079632679489661923132169163975144L);
    if (x > 0x1p20) break;
    error = std::max({error, ulps(exact::sin(x), sinl(x)), ulps(exact::cos(x), cosl(x))});
  }
  EXPECT_LT(error, 0.8);
}

TEST(ExactMath, SinAndCosAtTheEdges) {
  EXPECT_TRUE(std::signbit(exact::sin(-0.0)));
  EXPECT_EQ(exact::sin(5e-324), 5e-324);
  EXPECT_EQ(exact::cos(0), 1.0);
  for (const double x : {0x1p-27, 0x1.fffffp-28, 0x1p20, -0x1p20}) {
    EXPECT_LT(ulps(exact::sin(x), sinl(x)), 0.8) << x;
    EXPECT_LT(ulps(exact::cos(x), cosl(x)), 0.8) << x;
    EXPECT_EQ(exact::sin(-x), -exact::sin(x));
    EXPECT_EQ(exact::cos(-x), exact::cos(x));
  }
  EXPECT_THROW(exact::sin(0x1.1p20), InternalError);
  EXPECT_THROW(exact::cos(kInfinity), InternalError);
  EXPECT_THROW(exact::sin(kNan), InternalError);
}

TEST(ExactMath, PowIsWithinTwoUlp) {
  PhiloxStream stream({2, Purpose::kSynthesis, 0}, 0, 0, 0);
  double error = 0;
  const auto measure = [&](double x, double y) {
    error = std::max(error, ulps(exact::pow(x, y), powl(x, y)));
  };
  for (int i = 0; i < 200000; ++i) {
    measure(10000, -2 * stream.uniform());  // frequencies of rotary tables
    measure(1 - 0.2 * stream.uniform(),
            std::floor(1e4 * stream.uniform()) / 100);  // bias correction
    measure(exact::exp(40 * stream.uniform() - 20), 60 * stream.uniform() - 30);
  }
  for (int t = 1; t < 20000; ++t) measure(0.999, t);
  EXPECT_LT(error, 1.0);
}

TEST(ExactMath, PowAtTheEdges) {
  EXPECT_EQ(exact::pow(0, 2.5), 0.0);
  EXPECT_EQ(exact::pow(3, 0), 1.0);
  EXPECT_EQ(exact::pow(1, 1e300), 1.0);
  EXPECT_EQ(exact::pow(0.3, 1), 0.3);
  EXPECT_EQ(exact::pow(2, 10), 1024.0);
  EXPECT_EQ(exact::pow(2, -1074), 5e-324);
  EXPECT_EQ(exact::pow(2, 1023), 0x1p1023);
  EXPECT_EQ(exact::pow(2, 1024), kInfinity);
  EXPECT_EQ(exact::pow(0.5, 2000), 0.0);
  EXPECT_THROW(exact::pow(-1, 2), InternalError);
  EXPECT_THROW(exact::pow(0, 0), InternalError);
  EXPECT_THROW(exact::pow(kNan, 1), InternalError);
}

TEST(ExactMath, SqrtIsIeee) {
  EXPECT_EQ(exact::sqrt(2), 0x1.6a09e667f3bcdp0);
  EXPECT_EQ(exact::sqrt(0), 0.0);
  EXPECT_TRUE(std::isnan(exact::sqrt(-1)));
}

// FNV-1a over the bits of many results. These values are part of every run's bytes: when this test
// fails, the function is wrong, on whatever processor and compiler it runs, not the number.
TEST(ExactMath, BitsNeverMove) {
  PhiloxStream stream({3, Purpose::kSynthesis, 0}, 0, 0, 0);
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&hash](double value) {
    auto bits = std::bit_cast<uint64_t>(value);
    for (int i = 0; i < 8; ++i, bits >>= 8) hash = (hash ^ (bits & 0xff)) * 0x100000001b3;
  };
  for (int i = 0; i < 100000; ++i) {
    const double u = stream.uniform();
    add(exact::exp(1400 * u - 700));
    add(exact::log(u));
    add(exact::sin(1e6 * u));
    add(exact::cos(1e6 * u));
    add(exact::pow(10 * u, 20 * u - 10));
  }
  EXPECT_EQ(hash, 0x5d663b3ee7eee8b6u);
}

}  // namespace
}  // namespace retort
