#include "learner/backward.h"

#include <ATen/ops/from_blob.h>
#include <torch/csrc/autograd/autograd.h>

namespace retort {
namespace {

at::Tensor on_device(std::span<const float> values, const at::Tensor& like) {
  return at::from_blob(const_cast<float*>(values.data()), {static_cast<int64_t>(values.size())},
                       at::kFloat)
      .clone()
      .to(like.device());
}

}  // namespace

void backward(const kernels::HeadResult& head, std::span<const float> dlogp_T,
              std::span<const float> dentropy_T) {
  if (dentropy_T.empty()) {
    head.logp_T.backward(on_device(dlogp_T, head.logp_T));
    return;
  }
  torch::autograd::backward({head.logp_T, head.entropy_T},
                            {on_device(dlogp_T, head.logp_T), on_device(dentropy_T, head.logp_T)});
}

}  // namespace retort
