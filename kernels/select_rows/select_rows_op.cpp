#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels/select_rows/select_rows.h"

namespace retort::kernels {
namespace {

struct SelectRows : torch::autograd::Function<SelectRows> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x_TD,
                            const at::Tensor& rows_R) {
    context->save_for_backward({rows_R});
    context->saved_data["T"] = x_TD.size(0);
    return x_TD.index_select(0, rows_R);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grads) {
    const at::Tensor rows_R = context->get_saved_variables()[0];
    const at::Tensor& dy_RD = grads[0];
    at::Tensor dx_TD = at::zeros({context->saved_data["T"].toInt(), dy_RD.size(1)}, dy_RD.options());
    dx_TD.index_copy_(0, rows_R, dy_RD);
    return {dx_TD, at::Tensor()};
  }
};

}  // namespace

at::Tensor select_rows(const at::Tensor& x_TD, const at::Tensor& rows_R) { return SelectRows::apply(x_TD, rows_R); }

}  // namespace retort::kernels
