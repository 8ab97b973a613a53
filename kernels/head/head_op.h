#pragma once
// Plain definition of the head in ATen, any floating type and device.
#include "kernels/head/head.h"
#include "kernels/head/head_result.h"

#include <ATen/core/Tensor.h>

namespace retort::kernels {

// Logits of all rows at once. targets int [T]; kept_TV bool, true where an id is kept, or
// undefined. The softmax is in fp32 (double for doubles).
HeadResult head_plain(const at::Tensor& hidden_TD, const at::Tensor& weight_VD,
                      const at::Tensor& targets_T, double temperature, const at::Tensor& kept_TV);

}  // namespace retort::kernels
