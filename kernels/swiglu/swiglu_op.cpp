// T tokens, F width of the feed-forward layer.
#include "kernels/swiglu/swiglu_op.h"

#include "kernels/dims.h"
#include "kernels/graph_op.h"

#include <ATen/OpMathType.h>

namespace retort::kernels {

at::Tensor swiglu_plain(const at::Tensor& gate_up_T2F) {
  const std::vector<at::Tensor> parts =
      gate_up_T2F.to(at::toOpMathType(gate_up_T2F.scalar_type())).chunk(2, 1);
  return parts[0].mul(parts[0].sigmoid()).mul(parts[1]).to(gate_up_T2F.scalar_type());
}

at::Tensor swiglu(const at::Tensor& gate_up_T2F) {
  if (!gate_up_T2F.is_cpu()) return swiglu_plain(gate_up_T2F);
  const auto [T, columns] = dims<2>(gate_up_T2F, "gate_up");
  RT_CHECK_EQ(columns % 2, 0);
  const int64_t F = columns / 2;
  const at::Tensor y_TF = empty_floats(gate_up_T2F, {T, F});
  swiglu_forward(elements(gate_up_T2F, "gate_up"), elements(y_TF, "y"), T, F);
  join_graph({y_TF}, {gate_up_T2F},
             [gate_up_T2F](const std::vector<at::Tensor>& grads) -> std::vector<at::Tensor> {
               const at::Tensor dy_TF = grads[0].contiguous();
               const auto [rows, width] = dims<2>(dy_TF, "dy");
               const at::Tensor dgate_up_T2F = empty_floats(gate_up_T2F, {rows, 2 * width});
               swiglu_backward(elements(dy_TF, "dy"), elements(gate_up_T2F, "gate_up"),
                               elements(dgate_up_T2F, "dgate_up"), rows, width);
               return {dgate_up_T2F};
             });
  return y_TF;
}

}  // namespace retort::kernels
