#pragma once
// The backward of one micro-batch from the derivative of its loss.
#include <ATen/core/Tensor.h>

#include <span>

namespace retort {

// d loss / d logp [T] on the host -> parameter gradients (kernels/parameter.h) through autograd.
void backward(const at::Tensor& logp_T, std::span<const float> dlogp_T);

}  // namespace retort
