#pragma once
// Parameter: one trained tensor as the operations see it. Owned by policy/weights.h; operations
// read `value` (and `packed`) in the forward and continue `grad` in the backward.
#include <ATen/core/Tensor.h>

#include <string>

namespace retort::kernels {

struct Parameter {
  std::string name;  // policy's own name, for errors and the planted-fault report
  // what the forward computes with: CPU fp32, the master itself; GPU bf16, its rounding
  at::Tensor value;
  // CPU matrices only: `value` [N, K] as K-major panels (gemm/gemm.h); see repack()
  at::Tensor packed;
  at::Tensor grad;  // fp32, shape of `value`: the accumulator that each backward continues;
                    // undefined when the parameter is not trained
};

// Refreshes `packed` from `value` (no-op for vectors and on a GPU). Call after every change of
// `value`.
void repack(Parameter& parameter);

}  // namespace retort::kernels
