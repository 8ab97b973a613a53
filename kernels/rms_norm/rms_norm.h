#pragma once
// rms_norm: y[r, d] = x[r, d] * rstd[r] * w[d], rstd[r] = 1 / sqrt(mean_d x[r, d]^2 + eps)   (Zhang
// & Sennrich 2019)
//
// Also the per-head q/k norm: rows are then (token, head). fp32, D a multiple of nothing in
// particular. Determinism: the sum of squares has 16 partial fma chains (d mod 16, ascending)
// folded in a fixed tree, so its shape is fixed by D; rstd uses IEEE sqrt and division. dw[d] is
// one chain over rows ascending that continues the accumulator.
#include "kernels/parameter_fwd.h"

#include <cstdint>

namespace retort::kernels {

void rms_norm_forward(const float* x_RD, const float* w_D, double eps, float* y_RD, float* rstd_R,
                      int64_t R, int64_t D);
// dx_RD overwritten; dw_D continued (null: not trained).
void rms_norm_backward(const float* dy_RD, const float* x_RD, const float* w_D, const float* rstd_R,
                       float* dx_RD, float* dw_D, int64_t R, int64_t D);

// x [..., D] -> same shape.
at::Tensor rms_norm(const at::Tensor& x_RD, const Parameter& weight_D, double eps);

}  // namespace retort::kernels
