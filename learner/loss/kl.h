#pragma once
// Estimates of KL(pi || reference) at a sampled token (Schulman, "Approximating KL divergence";
// DeepSeek-V3.2 2512.02556), in the loss. A row of kl.cpp each.
#include "base/registry.h"

#include <span>
#include <string>

namespace retort {

struct KlTerm {
  double value = 0;
  double dlogp = 0;  // d value / d log pi
};

// d = log(pi / reference); ratio = pi / pi_old.
using KlFunction = KlTerm (*)(double d, double ratio);
using KlRow = RegistryRow<KlFunction>;

std::span<const KlRow> kl_rows();
// Null for "none". UserError "[learner.kl]" for an unknown name.
KlFunction find_kl(const std::string& name);

}  // namespace retort
