#pragma once
// select_rows: y[i] = x[rows[i]], rows ascending and distinct. Backward: dx is zero but for
// dx[rows[i]] = dy[i]. Copies only: no arithmetic.
#include "kernels/parameter_fwd.h"

namespace retort::kernels {

// x [T, D]; rows int64 [R] on x's device, ascending -> [R, D].
at::Tensor select_rows(const at::Tensor& x_TD, const at::Tensor& rows_R);

}  // namespace retort::kernels
