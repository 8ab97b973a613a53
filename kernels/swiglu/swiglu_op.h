#pragma once
// Plain definition of swiglu in ATen methods, any floating type and device.
#include "kernels/swiglu/swiglu.h"

#include <ATen/core/Tensor.h>

namespace retort::kernels {

at::Tensor swiglu_plain(const at::Tensor& gate_up_T2F);

}  // namespace retort::kernels
