#pragma once
// The one table of kernels: name, what it is, and how each of its functions is held to the
// contract.
#include <string>
#include <vector>

namespace retort::kernels {

struct FunctionProbe {
  const char* function;  // as in RETORT_CPU_FUNCTIONS (dispatch.h)
  std::string (*run)();  // "" when the contract holds, else what differs
};

struct Kernel {
  const char* name;  // its folder
  const char* help;  // one line
  std::vector<FunctionProbe> probes;
};

const std::vector<Kernel>& all_kernels();

}  // namespace retort::kernels
