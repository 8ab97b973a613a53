#pragma once
// Plain definition of rotary in ATen methods, any floating type and device.
#include "kernels/rotary/rotary.h"

#include <ATen/core/Tensor.h>

namespace retort::kernels {

at::Tensor rotary_plain(const at::Tensor& x_TNH, const at::Tensor& positions_T,
                        const at::Tensor& cos_PC, const at::Tensor& sin_PC);

}  // namespace retort::kernels
