// R rows of D, the last dimension of any tensor.
#include "kernels/rms_norm/rms_norm_op.h"

#include "kernels/dims.h"
#include "kernels/graph_op.h"
#include "kernels/parameter.h"

#include <ATen/ops/rms_norm.h>

namespace retort::kernels {

// ATen's fused operation on a GPU: fp32 inside, one block a row, so a row's bits depend on no other
// row.
at::Tensor rms_norm_plain(const at::Tensor& x_RD, const at::Tensor& weight_D, double eps) {
  return at::rms_norm(x_RD, {weight_D.size(0)}, weight_D, eps);
}

at::Tensor rms_norm(const at::Tensor& x_RD, const Parameter& weight_D, double eps) {
  if (!x_RD.is_cpu()) return rms_norm_plain(x_RD, weight_D.value, eps);
  const auto [D] = dims<1>(weight_D.value, weight_D.name.c_str());
  RT_CHECK_EQ(x_RD.size(-1), D) << weight_D.name;
  const int64_t R = x_RD.numel() / D;
  const at::Tensor y_RD = empty_floats(x_RD, x_RD.sizes());
  const at::Tensor rstd_R = empty_floats(x_RD, {R});
  rms_norm_forward(elements(x_RD, "x"), elements(weight_D.value, "weight"), eps,
                   elements(y_RD, "y"), elements(rstd_R, "rstd"), R, D);
  join_graph({y_RD}, {x_RD},
             [x_RD, rstd_R, weight = weight_D.value, dw_D = weight_D.grad](
                 const std::vector<at::Tensor>& grads) -> std::vector<at::Tensor> {
               const at::Tensor dy_RD = grads[0].contiguous();
               const at::Tensor dx_RD = empty_floats(x_RD, x_RD.sizes());
               rms_norm_backward(
                   elements(dy_RD, "dy"), elements(x_RD, "x"), elements(weight, "weight"),
                   elements(rstd_R, "rstd"), elements(dx_RD, "dx"),
                   dw_D.defined() ? elements(dw_D, "dw") : nullptr, rstd_R.numel(), weight.numel());
               return {dx_RD};
             });
  return y_RD;
}

}  // namespace retort::kernels
