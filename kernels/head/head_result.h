#pragma once
#include <ATen/core/Tensor.h>

namespace retort::kernels {

struct HeadResult {
  at::Tensor logp_T;     // fp32 [T], joined to autograd
  at::Tensor entropy_T;  // fp32 [T], joined to autograd, nats
};

}  // namespace retort::kernels
