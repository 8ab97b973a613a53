#pragma once
// swiglu: y[t, f] = silu(g[t, f]) * u[t, f], silu(g) = g / (1 + exp(-g)); input rows are [gate |
// up] (Shazeer 2020). Element-wise, fp32, exp is kernels/vec.h's; the quotient is an IEEE division.
#include "kernels/parameter_fwd.h"

#include <cstdint>

namespace retort::kernels {

void swiglu_forward(const float* gate_up_T2F, float* y_TF, int64_t T, int64_t F);
void swiglu_backward(const float* dy_TF, const float* gate_up_T2F, float* dgate_up_T2F, int64_t T,
                     int64_t F);

// [T, 2F] -> [T, F].
at::Tensor swiglu(const at::Tensor& gate_up_T2F);

}  // namespace retort::kernels
