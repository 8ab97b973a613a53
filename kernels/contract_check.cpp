#include "kernels/contract_check.h"

#include "kernels/kernels.h"

namespace retort::kernels {

std::vector<Breach> contract_check(std::string_view only) {
  std::vector<Breach> breaches;
  for (const Kernel& kernel : all_kernels()) {
    if (!only.empty() && only != kernel.name) continue;
    for (const FunctionProbe& probe : kernel.probes) {
      const std::string what = probe.run();
      if (!what.empty()) breaches.push_back({kernel.name, probe.function, what});
    }
  }
  return breaches;
}

}  // namespace retort::kernels
