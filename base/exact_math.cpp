#include "base/exact_math.h"

#include "base/check.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

// std::fma, std::sqrt and std::nearbyint are IEEE operations with one correct result; nothing else
// of the C library is called. Series are Taylor series: their coefficients are quotients of small
// integers, which the compiler rounds correctly.
namespace retort::exact {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// An unevaluated sum hi + lo with |lo| <= ulp(hi) / 2: about 106 bits.
struct Pair {
  double hi;
  double lo;
};

// a + b exactly (Knuth).
Pair two_sum(double a, double b) {
  const double sum = a + b;
  const double b_part = sum - a;
  return {sum, (a - (sum - b_part)) + (b - b_part)};
}

// a + b exactly when |a| >= |b| or a == 0 (Dekker).
Pair fast_two_sum(double a, double b) {
  const double sum = a + b;
  return {sum, b - (sum - a)};
}

Pair two_product(double a, double b) {
  const double product = a * b;
  return {product, std::fma(a, b, -product)};
}

Pair add(Pair a, Pair b) {
  const Pair high = two_sum(a.hi, b.hi);
  const Pair low = two_sum(a.lo, b.lo);
  const Pair sum = fast_two_sum(high.hi, high.lo + low.hi);
  return fast_two_sum(sum.hi, sum.lo + low.lo);
}

Pair multiply(Pair a, Pair b) {
  const Pair product = two_product(a.hi, b.hi);
  return fast_two_sum(product.hi, product.lo + (a.hi * b.lo + a.lo * b.hi));
}

Pair divide(Pair a, Pair b) {
  const double quotient = a.hi / b.hi;
  const Pair back = multiply({quotient, 0}, b);
  const double rest = ((a.hi - back.hi) - back.lo) + a.lo;
  return fast_two_sum(quotient, rest / b.hi);
}

// 1 / n as a pair.
Pair reciprocal(double n) { return divide({1, 0}, {n, 0}); }

// ln 2 = kLn2Head + kLn2Tail.hi + kLn2Tail.lo. The head has 32 bits: its product with an exponent
// is exact.
constexpr double kLn2Head = 0x1.62e42feep-1;
constexpr Pair kLn2Tail = {0x1.a39ef35793c76p-33, 0x1.cc01f97b57a08p-87};
constexpr double kLog2E = 0x1.71547652b82fep0;

// pi / 2 = the sum of the four; the first three have 33 bits, so that n times each is exact, |n| <
// 2^20.
constexpr double kHalfPi[4] = {0x1.921fb544p0, 0x1.0b4611a6p-34, 0x1.3198a2ep-69,
                               0x1.b839a252049c1p-104};
constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;

// x * 2^exponent, rounded once where the result is subnormal.
double scale(double x, int exponent) {
  const auto power = [](int e) {
    return std::bit_cast<double>(static_cast<uint64_t>(e + 1023) << 52);
  };
  if (exponent > 1023) return x * 0x1p1023 * power(exponent - 1023);
  if (exponent < -1022) return x * power(exponent + 1000) * 0x1p-1000;
  return x * power(exponent);
}

// exp(x.hi + x.lo) for results from underflow to overflow.
double exp_pair(Pair x) {
  const double n = std::nearbyint(x.hi * kLog2E);
  // r = x - n ln 2, |r| <= 0.35; the first difference is exact.
  const Pair r = two_sum(x.hi - n * kLn2Head, x.lo - n * kLn2Tail.hi);
  // r^3 / 6 + r^4 / 24 + ...: below 1 % of the result, so plain double is enough.
  double tail = 1.0 / 6227020800;  // 1 / 13!
  tail = std::fma(tail, r.hi, 1.0 / 479001600);
  tail = std::fma(tail, r.hi, 1.0 / 39916800);
  tail = std::fma(tail, r.hi, 1.0 / 3628800);
  tail = std::fma(tail, r.hi, 1.0 / 362880);
  tail = std::fma(tail, r.hi, 1.0 / 40320);
  tail = std::fma(tail, r.hi, 1.0 / 5040);
  tail = std::fma(tail, r.hi, 1.0 / 720);
  tail = std::fma(tail, r.hi, 1.0 / 120);
  tail = std::fma(tail, r.hi, 1.0 / 24);
  tail = std::fma(tail, r.hi, 1.0 / 6);
  const Pair square = two_product(r.hi, r.hi);
  tail = tail * square.hi * r.hi + (std::fma(r.hi, r.lo, r.lo) + square.lo / 2);
  const Pair linear = fast_two_sum(1, r.hi);
  const Pair quadratic = two_sum(linear.hi, square.hi / 2);
  return scale(quadratic.hi + (quadratic.lo + (linear.lo + tail)), static_cast<int>(n));
}

// log(x) for finite x > 0, relative error below 2^-90.
Pair log_pair(double x) {
  int exponent = 0;
  if (x < 0x1p-1022) {
    x *= 0x1p54;
    exponent = -54;
  }
  const auto bits = std::bit_cast<uint64_t>(x);
  exponent += static_cast<int>(bits >> 52) - 1023;
  double mantissa = std::bit_cast<double>((bits & 0xfffffffffffff) | uint64_t{1023} << 52);
  if (mantissa > 0x1.6a09e667f3bcdp0) {  // sqrt(2)
    mantissa /= 2;
    ++exponent;
  }
  // log m = 2 atanh s = 2 s (1 + s^2 / 3 + s^4 / 5 + ...), s = (m - 1) / (m + 1), s^2 < 0.0295.
  const Pair s = divide({mantissa - 1, 0}, two_sum(mantissa, 1));
  const Pair square = multiply(s, s);
  double tail = 1.0 / 31;
  for (int odd = 29; odd >= 15; odd -= 2) tail = std::fma(tail, square.hi, 1.0 / odd);
  Pair series = {tail, 0};
  for (int odd = 13; odd >= 1; odd -= 2) series = add(multiply(series, square), reciprocal(odd));
  const Pair log_mantissa = multiply({2 * s.hi, 2 * s.lo}, series);
  const Pair log_power =
      add({exponent * kLn2Head, 0}, multiply({static_cast<double>(exponent), 0}, kLn2Tail));
  return add(log_power, log_mantissa);
}

// x - n pi / 2 with n the nearest integer, relative error below 2^-70 for |x| <= 2^20.
struct Reduced {
  Pair r;
  int quadrant;  // n mod 4
};
Reduced reduce(double x) {
  RT_CHECK(std::fabs(x) <= 0x1p20) << "argument of sin or cos: " << x;
  const double n = std::nearbyint(x * kTwoOverPi);
  Pair r = two_sum(x - n * kHalfPi[0], -n * kHalfPi[1]);
  r = add(r, {-n * kHalfPi[2], 0});
  r = add(r, two_product(-n, kHalfPi[3]));
  return {r, static_cast<int>(static_cast<int64_t>(n) & 3)};
}

// sin and cos of a pair in [-pi/4, pi/4].
double sin_pair(Pair r) {
  const double square = r.hi * r.hi;
  double tail = -1.0 / 121645100408832000;  // 1 / 19!
  tail = std::fma(tail, square, 1.0 / 355687428096000);
  tail = std::fma(tail, square, -1.0 / 1307674368000);
  tail = std::fma(tail, square, 1.0 / 6227020800);
  tail = std::fma(tail, square, -1.0 / 39916800);
  tail = std::fma(tail, square, 1.0 / 362880);
  tail = std::fma(tail, square, -1.0 / 5040);
  tail = std::fma(tail, square, 1.0 / 120);
  tail = std::fma(tail, square, -1.0 / 6);
  return r.hi + std::fma(tail, square * r.hi, r.lo * (1 - square / 2));
}
double cos_pair(Pair r) {
  const Pair square = two_product(r.hi, r.hi);
  double tail = 1.0 / 2432902008176640000;  // 1 / 20!
  tail = std::fma(tail, square.hi, -1.0 / 6402373705728000);
  tail = std::fma(tail, square.hi, 1.0 / 20922789888000);
  tail = std::fma(tail, square.hi, -1.0 / 87178291200);
  tail = std::fma(tail, square.hi, 1.0 / 479001600);
  tail = std::fma(tail, square.hi, -1.0 / 3628800);
  tail = std::fma(tail, square.hi, 1.0 / 40320);
  tail = std::fma(tail, square.hi, -1.0 / 720);
  tail = std::fma(tail, square.hi, 1.0 / 24);
  const Pair head = fast_two_sum(1, -square.hi / 2);
  const double rest = std::fma(tail, square.hi * square.hi, -(square.lo / 2 + r.hi * r.lo));
  return head.hi + (head.lo + rest);
}

}  // namespace

double exp(double x) {
  if (x != x) return x;
  if (x > 709.79) return kInfinity;
  if (x < -745.14) return 0;
  return exp_pair({x, 0});
}

double log(double x) {
  if (x != x || x == kInfinity) return x;
  if (x < 0) return kNan;
  if (x == 0) return -kInfinity;
  return log_pair(x).hi;
}

double sin(double x) {
  if (std::fabs(x) < 0x1p-27) return x;  // keeps -0 and subnormals
  const Reduced reduced = reduce(x);
  const double value = reduced.quadrant % 2 == 0 ? sin_pair(reduced.r) : cos_pair(reduced.r);
  return reduced.quadrant < 2 ? value : -value;
}

double cos(double x) {
  const Reduced reduced = reduce(x);
  const double value = reduced.quadrant % 2 == 0 ? cos_pair(reduced.r) : sin_pair(reduced.r);
  return reduced.quadrant == 1 || reduced.quadrant == 2 ? -value : value;
}

double pow(double x, double y) {
  RT_CHECK(x > 0 || (x == 0 && y > 0)) << "pow(" << x << ", " << y << ")";
  if (x == 0) return 0;
  if (y == 0 || x == 1) return 1;
  if (y == 1) return x;
  RT_CHECK(x < kInfinity && std::fabs(y) < kInfinity) << "pow(" << x << ", " << y << ")";
  const Pair logarithm = log_pair(x);
  const double estimate = y * logarithm.hi;
  if (estimate > 710) return kInfinity;
  if (estimate < -746) return 0;
  return exp_pair(multiply({y, 0}, logarithm));
}

double sqrt(double x) { return std::sqrt(x); }

}  // namespace retort::exact
