#include "rewards/math/number.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

namespace retort::math {
namespace {

constexpr size_t kMaxTerms = 32;
constexpr size_t kMaxBits = 10000;
constexpr int64_t kMaxExponent = 10000;
constexpr int64_t kMaxPiPower = 64;
constexpr uint64_t kMaxDegree = 64;
constexpr long kMaxDegreeOfProducts = 1000;
constexpr uint64_t kTrialDivisors = 100'000;

size_t bits(const mpz_class& value) { return mpz_sizeinbase(value.get_mpz_t(), 2); }
size_t bits(const mpq_class& value) { return bits(value.get_num()) + bits(value.get_den()); }

struct PrimePower {
  mpz_class prime;
  int64_t count;
};

// The prime factors of value > 0; nullopt when they cannot be told cheaply.
std::optional<std::vector<PrimePower>> factors_of(const mpz_class& value) {
  std::vector<PrimePower> factors;
  mpz_class left = value;
  for (uint64_t p = 2; p <= kTrialDivisors && left > 1; p += p == 2 ? 1 : 2) {
    if (mpz_class(p) * p > left) break;
    int64_t count = 0;
    for (; mpz_divisible_ui_p(left.get_mpz_t(), p) != 0; ++count) left /= p;
    if (count > 0) factors.push_back({mpz_class(p), count});
  }
  if (left == 1) return factors;
  // A large prime, or a power of one.
  for (uint64_t degree = 6; degree >= 1; --degree) {
    mpz_class root;
    if (mpz_root(root.get_mpz_t(), left.get_mpz_t(), degree) == 0) continue;
    // Below 2^64 the test is a proof.
    if (bits(root) > 64 || mpz_probab_prime_p(root.get_mpz_t(), 25) == 0) return std::nullopt;
    factors.push_back({root, static_cast<int64_t>(degree)});
    return factors;
  }
  return std::nullopt;
}

// base^(num/den) to 256 bits, 0 < num < den.
mpf_class root_power(const mpz_class& base, const mpq_class& exponent, int bits) {
  const uint64_t degree = exponent.get_den().get_ui();
  mpz_class scaled;
  mpz_pow_ui(scaled.get_mpz_t(), base.get_mpz_t(), exponent.get_num().get_ui());
  scaled <<= static_cast<uint64_t>(bits) * degree;
  mpz_root(scaled.get_mpz_t(), scaled.get_mpz_t(), degree);
  mpf_class result(scaled, bits);
  mpf_div_2exp(result.get_mpf_t(), result.get_mpf_t(), static_cast<uint64_t>(bits));
  return result;
}

}  // namespace

bool Number::Key::operator<(const Key& other) const {
  if (pi != other.pi) return pi < other.pi;
  return std::lexicographical_compare(roots.begin(), roots.end(), other.roots.begin(),
                                      other.roots.end(), [](const Power& a, const Power& b) {
                                        return a.prime != b.prime ? a.prime < b.prime
                                                                  : a.exponent < b.exponent;
                                      });
}

Number::Number(const mpq_class& value) { add({}, value); }

Number Number::pi() {
  Number number;
  number.add({{}, 1}, 1);
  return number;
}

void Number::add(const Key& key, const mpq_class& coefficient) {
  mpq_class& value = terms_[key];
  value += coefficient;
  if (value == 0) terms_.erase(key);
}

bool Number::within_limits() const {
  if (terms_.size() > kMaxTerms) return false;
  for (const auto& [key, coefficient] : terms_) {
    if (bits(coefficient) > kMaxBits || std::abs(key.pi) > kMaxPiPower) return false;
    for (const Power& power : key.roots)
      if (power.exponent.get_den() > kMaxDegreeOfProducts) return false;
  }
  return true;
}

std::optional<mpq_class> Number::rational() const {
  if (terms_.empty()) return mpq_class(0);
  if (terms_.size() > 1 || terms_.begin()->first != Key()) return std::nullopt;
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
    for (const Power& power : key.roots) term *= root_power(power.prime, power.exponent, kBits);
    for (int64_t k = 0; k < std::abs(key.pi); ++k) {
      if (key.pi > 0)
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

// term *= prime^exponent
void Number::multiply(Term& term, const mpz_class& prime, const mpq_class& exponent) {
  std::vector<Power>& roots = term.key.roots;
  auto at = std::lower_bound(roots.begin(), roots.end(), prime,
                             [](const Power& one, const mpz_class& p) { return one.prime < p; });
  const bool there = at != roots.end() && at->prime == prime;
  const mpq_class total = there ? mpq_class(at->exponent + exponent) : exponent;
  mpz_class whole;
  mpz_fdiv_q(whole.get_mpz_t(), total.get_num_mpz_t(), total.get_den_mpz_t());
  mpz_class power;
  mpz_pow_ui(power.get_mpz_t(), prime.get_mpz_t(), mpz_class(abs(whole)).get_ui());
  if (whole >= 0)
    term.q *= power;
  else
    term.q /= power;
  const mpq_class rest = total - whole;
  if (rest == 0 && there)
    roots.erase(at);
  else if (there)
    at->exponent = rest;
  else if (rest != 0)
    roots.insert(at, {prime, rest});
}

std::optional<Number> Number::product(const Number& a, const Number& b) {
  Number result;
  for (const auto& [left, x] : a.terms_)
    for (const auto& [right, y] : b.terms_) {
      Term term{x * y, left};
      term.key.pi += right.pi;
      for (const Power& power : right.roots) multiply(term, power.prime, power.exponent);
      result.add(term.key, term.q);
    }
  if (!result.within_limits()) return std::nullopt;
  return result;
}

// term^exponent, term > 0. nullopt when its factors cannot be told, or pi gets a root.
std::optional<Number::Term> Number::raised(const Term& term, const mpq_class& exponent) {
  Term result{1, {}};
  const mpq_class pi = term.key.pi * exponent;
  if (pi.get_den() != 1 || !pi.get_num().fits_slong_p()) return std::nullopt;
  result.key.pi = pi.get_num().get_si();
  for (const bool top : {true, false}) {
    const auto factors = factors_of(top ? term.q.get_num() : term.q.get_den());
    if (!factors) return std::nullopt;
    for (const PrimePower& factor : *factors) {
      const mpq_class times = (top ? factor.count : -factor.count) * exponent;
      multiply(result, factor.prime, times);
    }
  }
  for (const Power& power : term.key.roots)
    multiply(result, power.prime, power.exponent * exponent);
  return result;
}

std::optional<Number> Number::reciprocal() const {
  if (terms_.empty()) return std::nullopt;
  if (terms_.size() == 1) {
    const auto& [key, coefficient] = *terms_.begin();
    Term inverse{1 / coefficient, {{}, -key.pi}};
    for (const Power& power : key.roots) multiply(inverse, power.prime, -power.exponent);
    Number result;
    result.add(inverse.key, inverse.q);
    return result;
  }
  if (terms_.size() != 2) return std::nullopt;
  // 1 / (a + b) = (a - b) / (a^2 - b^2), whose denominator is one term for square roots with the
  // same power of pi.
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
  for (const auto& [key, coefficient] : base.terms_) {
    size_t size = bits(coefficient);
    for (const Power& power : key.roots) size += bits(power.prime);
    most = std::max(most, size);
  }
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
  if (degree < 2 || degree > kMaxDegree) return std::nullopt;
  if (value.is_zero()) return Number();
  if (value.terms_.size() != 1) return std::nullopt;
  const auto& [key, coefficient] = *value.terms_.begin();
  if (coefficient < 0) {
    if (degree % 2 == 0) return std::nullopt;
    const std::optional<Number> positive = root(value.negated(), degree);
    return positive ? std::optional(positive->negated()) : std::nullopt;
  }
  const std::optional<Term> term = raised({coefficient, key}, mpq_class(1, degree));
  if (!term) return std::nullopt;
  Number result;
  result.add(term->key, term->q);
  if (!result.within_limits()) return std::nullopt;
  return result;
}

}  // namespace retort::math
