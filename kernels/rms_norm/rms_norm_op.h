#pragma once
// Plain definition of rms_norm in ATen, any floating type and device.
#include "kernels/rms_norm/rms_norm.h"

#include <ATen/core/Tensor.h>

namespace retort::kernels {

at::Tensor rms_norm_plain(const at::Tensor& x_RD, const at::Tensor& weight_D, double eps);

}  // namespace retort::kernels
