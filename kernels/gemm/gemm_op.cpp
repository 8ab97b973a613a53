// T tokens, K in, N out.
#include "kernels/gemm/gemm_op.h"

#include "kernels/dims.h"
#include "kernels/graph_op.h"
#include "kernels/parameter.h"

namespace retort::kernels {

at::Tensor linear_plain(const at::Tensor& x_TK, const at::Tensor& weight_NK,
                        const at::Tensor& bias_N) {
  const at::Tensor y_TN = x_TK.matmul(weight_NK.t());
  return bias_N.defined() ? y_TN.add(bias_N) : y_TN;
}

at::Tensor linear(const at::Tensor& x_TK, const Parameter& weight_NK, const Parameter* bias_N) {
  if (!x_TK.is_cpu())
    return linear_plain(x_TK, weight_NK.value, bias_N ? bias_N->value : at::Tensor());
  const auto [T, K] = dims<2>(x_TK, "x");
  const auto [N, K_weight] = dims<2>(weight_NK.value, weight_NK.name.c_str());
  RT_CHECK_EQ(K, K_weight) << weight_NK.name;
  RT_CHECK(weight_NK.packed.defined()) << weight_NK.name << ": not packed";
  RT_CHECK_EQ(weight_NK.packed.numel(), packed_floats(N, K)) << weight_NK.name;
  const float* bias = nullptr;
  if (bias_N) {
    RT_CHECK_EQ(bias_N->value.numel(), N) << bias_N->name;
    RT_CHECK(!bias_N->grad.defined() || weight_NK.grad.defined())
        << bias_N->name << " is trained without its weight";
    bias = elements(bias_N->value, "bias");
  }
  const at::Tensor y_TN = empty_floats(x_TK, {T, N});
  gemm_forward(elements(x_TK, "x"), elements(weight_NK.packed, "packed"), bias, elements(y_TN, "y"),
               T, K, N);
  join_graph({y_TN}, {x_TK},
             [x_TK, weight = weight_NK.value, dw_NK = weight_NK.grad,
              db_N = bias_N ? bias_N->grad : at::Tensor()](
                 const std::vector<at::Tensor>& grads) -> std::vector<at::Tensor> {
               const at::Tensor dy_TN = grads[0].contiguous();
               const auto [rows, out] = dims<2>(dy_TN, "dy");
               const int64_t in = x_TK.size(1);
               const at::Tensor dx_TK = empty_floats(x_TK, {rows, in});
               gemm_backward_input(elements(dy_TN, "dy"), elements(weight, "weight"),
                                   elements(dx_TK, "dx"), rows, in, out);
               if (dw_NK.defined()) {
                 gemm_backward_weight(
                     elements(dy_TN, "dy"), elements(x_TK, "x"), elements(dw_NK, "dw"),
                     db_N.defined() ? elements(db_N, "db") : nullptr, rows, in, out);
               }
               return {dx_TK};
             });
  return y_TN;
}

void repack(Parameter& parameter) {
  if (!parameter.value.is_cpu() || parameter.value.dim() != 2) return;
  const auto [N, K] = dims<2>(parameter.value, parameter.name.c_str());
  if (!parameter.packed.defined() || parameter.packed.numel() != packed_floats(N, K)) {
    parameter.packed = empty_floats(parameter.value, {packed_floats(N, K)});
  }
  gemm_pack(elements(parameter.value, parameter.name.c_str()), N, K,
            elements(parameter.packed, "packed"));
}

}  // namespace retort::kernels
