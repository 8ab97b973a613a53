// T tokens, V vocabulary, D model dim.
#include "kernels/dims.h"
#include "kernels/embedding/embedding.h"
#include "kernels/graph_op.h"
#include "kernels/parameter.h"

#include <ATen/ops/embedding.h>

namespace retort::kernels {

at::Tensor embedding(const at::Tensor& ids_T, const Parameter& weight_VD) {
  if (!ids_T.is_cpu()) return at::embedding(weight_VD.value, ids_T);
  const auto [T] = dims<1>(ids_T, "ids");
  const auto [V, D] = dims<2>(weight_VD.value, weight_VD.name.c_str());
  const int32_t* ids = elements<int32_t>(ids_T, "ids");
  for (int64_t t = 0; t < T; ++t)
    RT_CHECK(ids[t] >= 0 && ids[t] < V) << "token id " << ids[t] << " of " << V;
  const at::Tensor y_TD = empty_floats(weight_VD.value, {T, D});
  embedding_forward(ids, elements(weight_VD.value, "weight"), elements(y_TD, "y"), T, D);
  if (!weight_VD.grad.defined()) return y_TD;
  // Autograd makes a node only for something that requires a gradient: an empty tensor stands for
  // the weight.
  const at::Tensor root = empty_floats(weight_VD.value, {0}).set_requires_grad(true);
  join_graph({y_TD}, {root},
             [ids_T, dw_VD = weight_VD.grad](
                 const std::vector<at::Tensor>& grads) -> std::vector<at::Tensor> {
               const at::Tensor dy_TD = grads[0].contiguous();
               embedding_backward(elements<int32_t>(ids_T, "ids"), elements(dy_TD, "dy"),
                                  elements(dw_VD, "dw"), ids_T.numel(), dy_TD.size(1));
               return {at::Tensor()};
             });
  return y_TD;
}

}  // namespace retort::kernels
