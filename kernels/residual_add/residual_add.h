#pragma once
// residual_add: y = x + r, element-wise fp32. The backward hands the same gradient to both.
#include "kernels/parameter_fwd.h"

#include <cstdint>

namespace retort::kernels {

void residual_add_forward(const float* x, const float* r, float* y, int64_t count);

at::Tensor residual_add(const at::Tensor& x_TD, const at::Tensor& r_TD);

}  // namespace retort::kernels
