// T tokens, N heads, H head dim, P positions, C rotated pairs.
#include "kernels/rotary/rotary_op.h"

#include "kernels/dims.h"
#include "kernels/graph_op.h"

#include <ATen/OpMathType.h>

namespace retort::kernels {
namespace {

at::Tensor rotate(const at::Tensor& x_TNH, const at::Tensor& positions_T, const at::Tensor& cos_PC,
                  const at::Tensor& sin_PC, float sign) {
  const auto [T, N, H] = dims<3>(x_TNH, "x");
  const at::Tensor y_TNH = empty_floats(x_TNH, {T, N, H});
  rotary_apply(elements(x_TNH, "x"), elements<int32_t>(positions_T, "positions"),
               elements(cos_PC, "cos"), elements(sin_PC, "sin"), elements(y_TNH, "y"), T, N, H,
               cos_PC.size(1), sign);
  return y_TNH;
}

}  // namespace

at::Tensor rotary_plain(const at::Tensor& x_TNH, const at::Tensor& positions_T,
                        const at::Tensor& cos_PC, const at::Tensor& sin_PC) {
  const int64_t C = cos_PC.size(1);
  const at::ScalarType type = at::toOpMathType(x_TNH.scalar_type());
  const at::Tensor cos_T1C = cos_PC.index_select(0, positions_T).unsqueeze(1).to(type);
  const at::Tensor sin_T1C = sin_PC.index_select(0, positions_T).unsqueeze(1).to(type);
  const at::Tensor x = x_TNH.to(type);
  const at::Tensor first = x.narrow(2, 0, C);
  const at::Tensor second = x.narrow(2, C, C);
  const at::Tensor y = x.clone();
  y.narrow(2, 0, C).copy_(first.mul(cos_T1C).sub(second.mul(sin_T1C)));
  y.narrow(2, C, C).copy_(second.mul(cos_T1C).add(first.mul(sin_T1C)));
  return y.to(x_TNH.scalar_type());
}

at::Tensor rotary(const at::Tensor& x_TNH, const at::Tensor& positions_T, const at::Tensor& cos_PC,
                  const at::Tensor& sin_PC) {
  if (!x_TNH.is_cpu()) return rotary_plain(x_TNH, positions_T, cos_PC, sin_PC);
  const auto [T, N, H] = dims<3>(x_TNH, "x");
  const auto [P, C] = dims<2>(cos_PC, "cos");
  RT_CHECK(cos_PC.sizes() == sin_PC.sizes()) << "cos and sin differ in shape";
  RT_CHECK_EQ(positions_T.numel(), T) << "positions";
  RT_CHECK_LE(2 * C, H) << "rotated dims of " << N << " heads";
  const int32_t* positions = elements<int32_t>(positions_T, "positions");
  for (int64_t t = 0; t < T; ++t) {
    RT_CHECK(positions[t] >= 0 && positions[t] < P) << "position " << positions[t] << " of " << P;
  }
  const at::Tensor y_TNH = rotate(x_TNH, positions_T, cos_PC, sin_PC, 1.0f);
  join_graph({y_TNH}, {x_TNH},
             [positions_T, cos_PC,
              sin_PC](const std::vector<at::Tensor>& grads) -> std::vector<at::Tensor> {
               return {rotate(grads[0].contiguous(), positions_T, cos_PC, sin_PC, -1.0f)};
             });
  return y_TNH;
}

}  // namespace retort::kernels
