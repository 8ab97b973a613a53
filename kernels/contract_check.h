#pragma once
// Does every CPU kernel keep the contract of one forward on this machine, with the instruction set
// in use? Each function is run on small random inputs and must give
//   - the bits of its definition (reference.h, one ascending chain per output element),
//   - the same bits for a row alone, in any batch, page layout and number of threads,
//   - for gradients of weights: the same bits however the tokens are split into micro-batches.
// Deterministic; below a second.
#include <string>
#include <string_view>
#include <vector>

namespace retort::kernels {

struct Breach {
  std::string kernel;    // "gemm"
  std::string function;  // "gemm_forward"
  std::string what;      // "rows 3 to 10 alone: element [2, 5]: …"
};

// Breaches of all kernels, or of the kernel named; empty: the contract holds.
std::vector<Breach> contract_check(std::string_view only = "");

}  // namespace retort::kernels
