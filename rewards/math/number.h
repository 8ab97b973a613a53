#pragma once
// Exact real numbers: sums of q p1^a1 p2^a2 … pi^k with rational q, different primes p, rational
// exponents a between 0 and 1, and whole k. Such products of roots are linearly independent over
// the rationals (Besicovitch 1940), and pi is transcendental, so two numbers are equal exactly when
// their terms are: equality is a proof, never a rounding. Sizes are bounded: what would grow beyond
// them has no result.
#include <gmpxx.h>

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace retort::math {

class Number {
 public:
  Number() = default;  // 0
  explicit Number(const mpq_class& value);
  static Number pi();

  bool operator==(const Number&) const = default;
  bool is_zero() const { return terms_.empty(); }
  // Of one term below 0: its fractional powers are not real.
  bool is_negative_term() const { return terms_.size() == 1 && terms_.begin()->second < 0; }
  std::optional<mpq_class> rational() const;
  mpf_class approximate() const;  // 256 bits

  Number negated() const;
  // nullopt beyond the limits, for a division by zero, and for quotients and roots that are not
  // found as such a sum.
  static std::optional<Number> sum(const Number& a, const Number& b);
  static std::optional<Number> product(const Number& a, const Number& b);
  static std::optional<Number> quotient(const Number& a, const Number& b);
  static std::optional<Number> power(const Number& base, int64_t exponent);
  // The real one; of sums of several terms none is found.
  static std::optional<Number> root(const Number& value, uint64_t degree);

 private:
  struct Power {
    mpz_class prime;
    mpq_class exponent;  // between 0 and 1
    bool operator==(const Power&) const = default;
  };
  struct Key {
    std::vector<Power> roots;  // by prime
    int64_t pi = 0;            // exponent
    bool operator==(const Key&) const = default;
    bool operator<(const Key& other) const;
  };
  // q times the key; without its exponents of 1 and more, which are of q.
  struct Term {
    mpq_class q;
    Key key;
  };

  static std::optional<Term> raised(const Term& term, const mpq_class& exponent);
  static void multiply(Term& term, const mpz_class& prime, const mpq_class& exponent);
  bool within_limits() const;
  void add(const Key& key, const mpq_class& coefficient);
  std::optional<Number> reciprocal() const;

  std::map<Key, mpq_class> terms_;  // no zero coefficients
};

}  // namespace retort::math
