#include "learner/loss/kl.h"

#include "base/exact_math.h"

namespace retort {
namespace {

// Its mean is the KL on policy, the mean of its gradient is 0.
KlTerm k1(double d, double) { return {d, 1.0}; }

// Its gradient's mean is that of the KL on policy.
KlTerm k2(double d, double) { return {0.5 * d * d, d}; }

// Never negative; the gradient grows without bound where pi << reference.
KlTerm k3(double d, double) {
  const double inverse = exact::exp(-d);
  return {inverse + d - 1.0, 1.0 - inverse};
}

// V3.2: k3 times pi / pi_old, the ratio with its gradient: value and gradient are unbiased for
// samples of pi_old.
KlTerm unbiased(double d, double ratio) { return {ratio * (exact::exp(-d) + d - 1.0), ratio * d}; }

}  // namespace

std::span<const KlRow> kl_rows() {
  static constexpr KlRow kRows[] = {
      {"none", "no reference model", nullptr},
      {"k1", "log(pi / ref)", k1},
      {"k2", "log(pi / ref)^2 / 2", k2},
      {"k3", "ref / pi - log(ref / pi) - 1", k3},
      {"unbiased", "DeepSeek-V3.2: pi / pi_old x k3", unbiased},
  };
  return kRows;
}

KlFunction find_kl(const std::string& name) {
  return find_row(kl_rows(), name, "[learner.kl]", "KL estimate").make;
}

}  // namespace retort
