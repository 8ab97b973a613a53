#include "learner/backward.h"

#include <ATen/ops/from_blob.h>

namespace retort {

void backward(const at::Tensor& logp_T, std::span<const float> dlogp_T) {
  const at::Tensor gradient = at::from_blob(const_cast<float*>(dlogp_T.data()),
                                            {static_cast<int64_t>(dlogp_T.size())}, at::kFloat)
                                  .clone()
                                  .to(logp_T.device());
  logp_T.backward(gradient);
}

}  // namespace retort
