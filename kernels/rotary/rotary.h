#pragma once
// rotary: half-split rotation of the first R = 2 * C dims of each head (Su et al. 2021, the layout
// of Llama):
//   y[i]     = x[i] * cos[p, i] - x[i + C] * sin[p, i]
//   y[i + C] = x[i + C] * cos[p, i] + x[i] * sin[p, i]          i < C
// with p the token's absolute position. Tables are fp32 [P, C], made once by policy/rotary_table.h
// (the scaling kinds live there). Each product is one multiplication and one fma; bits depend on
// the row only.
#include "kernels/parameter_fwd.h"

#include <cstdint>

namespace retort::kernels {

// x, y [T, N, H] row-major, positions [T]; `sign` is +1 forward, -1 backward (the transpose).
void rotary_apply(const float* x_TNH, const int32_t* positions_T, const float* cos_PC,
                  const float* sin_PC, float* y_TNH, int64_t T, int64_t N, int64_t H, int64_t C,
                  float sign);

// x [T, N, H]; positions int32 [T]; cos, sin fp32 [P, C] on x's device, C <= H / 2.
at::Tensor rotary(const at::Tensor& x_TNH, const at::Tensor& positions_T, const at::Tensor& cos_PC,
                  const at::Tensor& sin_PC);

}  // namespace retort::kernels
