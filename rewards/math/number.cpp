#include "rewards/math/number.h"

#include <cstdlib>
#include <string>

namespace retort::math {
namespace {

constexpr size_t kMaxTerms = 32;
constexpr size_t kMaxBits = 10000;
constexpr int64_t kMaxExponent = 10000;
constexpr int64_t kMaxPiPower = 64;
constexpr uint64_t kTrialDivisors = 100'000;

size_t bits(const mpz_class& value) { return mpz_sizeinbase(value.get_mpz_t(), 2); }
size_t bits(const mpq_class& value) { return bits(value.get_num()) + bits(value.get_den()); }

// value = square^2 x rest with a square-free rest; false when that cannot be told cheaply. value >
// 0.
bool split_square(const mpz_class& value, mpz_class& square, mpz_class& rest) {
  square = 1;
  rest = 1;
  mpz_class left = value;
  for (uint64_t p = 2; p <= kTrialDivisors && left > 1; p += p == 2 ? 1 : 2) {
    if (mpz_class(p) * p > left) break;
    int count = 0;
    while (mpz_divisible_ui_p(left.get_mpz_t(), p) != 0) {
      left /= p;
      ++count;
    }
    for (int i = 0; i < count / 2; ++i) square *= p;
    if (count % 2 == 1) rest *= p;
  }
  if (left == 1) return true;
  // Every prime factor of what is left is beyond the trial divisors, or it is a prime itself.
  if (mpz_perfect_square_p(left.get_mpz_t()) != 0) {
    mpz_class root;
    mpz_sqrt(root.get_mpz_t(), left.get_mpz_t());
    square *= root;
    return true;
  }
  // Below the cube of the trial bound it has at most two prime factors, and no square: square-free.
  static const mpz_class kCube("1000000000000000");
  if (left >= kCube) return false;
  rest *= left;
  return true;
}

}  // namespace

Number::Number(const mpq_class& value) { add({1, 0}, value); }

Number Number::pi() {
  Number number;
  number.add({1, 1}, 1);
  return number;
}

void Number::add(const Key& key, const mpq_class& coefficient) {
  mpq_class& value = terms_[key];
  value += coefficient;
  if (value == 0) terms_.erase(key);
}

bool Number::within_limits() const {
  if (terms_.size() > kMaxTerms) return false;
  for (const auto& [key, coefficient] : terms_)
    if (bits(coefficient) > kMaxBits || bits(key.first) > kMaxBits ||
        std::abs(key.second) > kMaxPiPower)
      return false;
  return true;
}

std::optional<mpq_class> Number::rational() const {
  if (terms_.empty()) return mpq_class(0);
  if (terms_.size() > 1 || terms_.begin()->first != Key(1, 0)) return std::nullopt;
  return terms_.begin()->second;
}

mpf_class Number::approximate() const {
  constexpr int kBits = 256;
  static const mpf_class kPi(
      "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482",
      kBits);
  mpf_class sum(0, kBits);
  for (const auto& [key, coefficient] : terms_) {
    mpf_class term(coefficient, kBits);
    term *= sqrt(mpf_class(key.first, kBits));
    for (int64_t k = 0; k < std::abs(key.second); ++k) {
      if (key.second > 0)
        term *= kPi;
      else
        term /= kPi;
    }
    sum += term;
  }
  return sum;
}

Number Number::negated() const {
  Number result = *this;
  for (auto& [key, coefficient] : result.terms_) coefficient = -coefficient;
  return result;
}

std::optional<Number> Number::sum(const Number& a, const Number& b) {
  Number result = a;
  for (const auto& [key, coefficient] : b.terms_) result.add(key, coefficient);
  if (!result.within_limits()) return std::nullopt;
  return result;
}

std::optional<Number> Number::product(const Number& a, const Number& b) {
  if (a.terms_.size() * b.terms_.size() > kMaxTerms * kMaxTerms) return std::nullopt;
  Number result;
  for (const auto& [left, x] : a.terms_)
    for (const auto& [right, y] : b.terms_) {
      // sqrt(m) sqrt(n) = g sqrt(m/g n/g): square-free again, since m/g and n/g share no factor.
      const mpz_class g = gcd(left.first, right.first);
      const mpz_class n = (left.first / g) * (right.first / g);
      result.add({n, left.second + right.second}, x * y * g);
    }
  if (!result.within_limits()) return std::nullopt;
  return result;
}

std::optional<Number> Number::reciprocal() const {
  if (terms_.empty()) return std::nullopt;
  if (terms_.size() == 1) {
    const auto& [key, coefficient] = *terms_.begin();
    Number result;  // 1 / (q sqrt(n) pi^k) = sqrt(n) / (q n) pi^-k
    result.add({key.first, -key.second}, 1 / (coefficient * key.first));
    return result;
  }
  if (terms_.size() != 2) return std::nullopt;
  // 1 / (a + b) = (a - b) / (a^2 - b^2), whose denominator is one term when the powers of pi agree.
  Number conjugate = *this;
  auto& last = conjugate.terms_.rbegin()->second;
  last = -last;
  const std::optional<Number> denominator = product(*this, conjugate);
  if (!denominator || denominator->terms_.size() != 1) return std::nullopt;
  const std::optional<Number> inverse = denominator->reciprocal();
  return inverse ? product(conjugate, *inverse) : std::nullopt;
}

std::optional<Number> Number::quotient(const Number& a, const Number& b) {
  const std::optional<Number> inverse = b.reciprocal();
  return inverse ? product(a, *inverse) : std::nullopt;
}

std::optional<Number> Number::power(const Number& base, int64_t exponent) {
  if (exponent == 0) {
    if (base.is_zero()) return std::nullopt;
    return Number(1);
  }
  if (exponent < -kMaxExponent || exponent > kMaxExponent) return std::nullopt;
  // The result's size is known before anything is computed.
  size_t most = 0;
  for (const auto& [key, coefficient] : base.terms_)
    most = std::max(most, bits(coefficient) + bits(key.first));
  const auto steps = static_cast<uint64_t>(std::abs(exponent));
  const bool trivial = base.rational() && (abs(*base.rational()) == 1 || base.is_zero());
  if (!trivial && most * steps > 2 * kMaxBits) return std::nullopt;
  std::optional<Number> result = Number(1);
  std::optional<Number> square = base;
  for (uint64_t left = steps; left > 0 && result && square; left >>= 1) {
    if ((left & 1) != 0) result = product(*result, *square);
    if (left > 1) square = product(*square, *square);
  }
  if (!result || !square) return std::nullopt;
  return exponent > 0 ? result : result->reciprocal();
}

std::optional<Number> Number::root(const Number& value, uint64_t degree) {
  const std::optional<mpq_class> rational = value.rational();
  if (!rational || degree < 2 || degree > 64) return std::nullopt;
  if (*rational == 0) return Number();
  if (*rational < 0) {
    if (degree % 2 == 0) return std::nullopt;
    const std::optional<Number> positive = root(value.negated(), degree);
    return positive ? std::optional(positive->negated()) : std::nullopt;
  }
  const mpz_class &p = rational->get_num(), &q = rational->get_den();
  if (degree == 2) {
    mpz_class square, rest;  // sqrt(p / q) = sqrt(p q) / q
    if (!split_square(p * q, square, rest)) return std::nullopt;
    Number result;
    mpq_class coefficient(square, q);
    coefficient.canonicalize();
    result.add({rest, 0}, coefficient);
    if (!result.within_limits()) return std::nullopt;
    return result;
  }
  mpz_class top, bottom;
  if (mpz_root(top.get_mpz_t(), p.get_mpz_t(), degree) == 0 ||
      mpz_root(bottom.get_mpz_t(), q.get_mpz_t(), degree) == 0)
    return std::nullopt;
  return Number(mpq_class(top, bottom));
}

}  // namespace retort::math
