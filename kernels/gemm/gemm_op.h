#pragma once
// Plain definition of linear in ATen methods, any floating type and device.
#include "kernels/gemm/gemm.h"

#include <ATen/core/Tensor.h>

namespace retort::kernels {

// bias_N may be undefined.
at::Tensor linear_plain(const at::Tensor& x_TK, const at::Tensor& weight_NK,
                        const at::Tensor& bias_N);

}  // namespace retort::kernels
