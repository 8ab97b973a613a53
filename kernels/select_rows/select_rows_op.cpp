// T rows, R of them selected, D columns.
#include "kernels/dims.h"
#include "kernels/graph_op.h"
#include "kernels/select_rows/select_rows.h"

#include <algorithm>

namespace retort::kernels {

at::Tensor select_rows(const at::Tensor& x_TD, const at::Tensor& rows_R) {
  if (!x_TD.is_cpu()) return x_TD.index_select(0, rows_R);
  const auto [T, D] = dims<2>(x_TD, "x");
  const auto [R] = dims<1>(rows_R, "rows");
  const int64_t* rows = elements<int64_t>(rows_R, "rows");
  const float* x = elements(x_TD, "x");
  const at::Tensor y_RD = empty_floats(x_TD, {R, D});
  float* y = elements(y_RD, "y");
  for (int64_t i = 0; i < R; ++i) {
    RT_CHECK(rows[i] > (i == 0 ? -1 : rows[i - 1]) && rows[i] < T)
        << "row " << rows[i] << " of " << T;
    std::copy_n(x + rows[i] * D, D, y + i * D);
  }
  join_graph({y_RD}, {x_TD},
             [rows_R, count = T](const std::vector<at::Tensor>& grads) -> std::vector<at::Tensor> {
               const at::Tensor dy_RD = grads[0].contiguous();
               const auto [selected, columns] = dims<2>(dy_RD, "dy");
               const at::Tensor dx_TD = dy_RD.new_zeros({count, columns});
               const int64_t* to = elements<int64_t>(rows_R, "rows");
               const float* dy = elements(dy_RD, "dy");
               float* dx = elements(dx_TD, "dx");
               for (int64_t i = 0; i < selected; ++i)
                 std::copy_n(dy + i * columns, columns, dx + to[i] * columns);
               return {dx_TD};
             });
  return y_RD;
}

}  // namespace retort::kernels
