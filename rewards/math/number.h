#pragma once
// Exact real numbers: sums of q sqrt(n) pi^k with rational q, square-free n > 0 and whole k. Square
// roots of different square-free numbers and powers of pi are linearly independent over the
// rationals, so two numbers are equal exactly when their terms are: equality is a proof, never a
// rounding. Sizes are bounded: what would grow beyond them has no result.
#include <gmpxx.h>

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

namespace retort::math {

class Number {
 public:
  Number() = default;  // 0
  explicit Number(const mpq_class& value);
  static Number pi();

  bool operator==(const Number&) const = default;
  bool is_zero() const { return terms_.empty(); }
  bool is_negative_rational() const { return rational() && *rational() < 0; }
  std::optional<mpq_class> rational() const;
  mpf_class approximate() const;  // 256 bits

  Number negated() const;
  // nullopt beyond the limits, for a division by zero, and for quotients and roots that are no such
  // sum.
  static std::optional<Number> sum(const Number& a, const Number& b);
  static std::optional<Number> product(const Number& a, const Number& b);
  static std::optional<Number> quotient(const Number& a, const Number& b);
  static std::optional<Number> power(const Number& base, int64_t exponent);
  static std::optional<Number> root(const Number& value, uint64_t degree);  // the real one

 private:
  using Key = std::pair<mpz_class, int64_t>;  // (n, k)
  bool within_limits() const;
  void add(const Key& key, const mpq_class& coefficient);
  std::optional<Number> reciprocal() const;

  std::map<Key, mpq_class> terms_;  // no zero coefficients
};

}  // namespace retort::math
