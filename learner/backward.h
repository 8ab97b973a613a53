#pragma once
// The backward of one micro-batch from the derivative of its loss.
#include "kernels/head/head_result.h"

#include <span>

namespace retort {

// d loss / d logp and d loss / d entropy [T] on the host (the latter empty when there is none) ->
// parameter gradients (kernels/parameter.h) through autograd.
void backward(const kernels::HeadResult& head, std::span<const float> dlogp_T,
              std::span<const float> dentropy_T);

}  // namespace retort
