#pragma once
// gemm: y = x W^T (+ b) and its two backward products.
//
//   forward   y[t, n]  = fma chain over k ascending of x[t, k] * W[n, k], from 0; then + b[n]
//   dx        dx[t, k] = fma chain over n ascending of dy[t, n] * W[n, k], from 0
//   dW        dW[n, k] = fma chain over t ascending of dy[t, n] * x[t, k], from the accumulator's
//   value db        db[n]    = chain of additions over t ascending of dy[t, n], from the
//   accumulator's value
//
// Shapes T tokens, K in, N out; row-major fp32, any T >= 0, K >= 1, N >= 1; no alignment asked.
// Determinism: one ascending chain of fused multiply-adds per output element; threads and vector
// lanes run across outputs only. Bits depend on no row count, thread count or instruction set.
// Storing an fp32 accumulator and going on later continues the same chain, so K may be blocked.
#include "kernels/parameter_fwd.h"

#include <cstdint>

namespace retort::kernels {

// Panels of 16 output columns: packed[panel][k][16], zero-padded; ceil(N / 16) * K * 16 floats.
inline constexpr int64_t kPanel = 16;
int64_t packed_floats(int64_t N, int64_t K);
void gemm_pack(const float* w_NK, int64_t N, int64_t K, float* packed);

// CPU, no torch. y_TN is overwritten; bias may be null.
void gemm_forward(const float* x_TK, const float* packed, const float* bias_N, float* y_TN,
                  int64_t T, int64_t K, int64_t N);
void gemm_backward_input(const float* dy_TN, const float* w_NK, float* dx_TK, int64_t T, int64_t K,
                         int64_t N);
// Continues the accumulators dw_NK and db_N (null: no bias).
void gemm_backward_weight(const float* dy_TN, const float* x_TK, float* dw_NK, float* db_N,
                          int64_t T, int64_t K, int64_t N);

// Joined to autograd. x [T, K] -> [T, N]. On a CPU the weight's gradient goes to weight.grad (when
// defined) and autograd sees none; on a GPU plain ATen, weights are leaves of the graph.
at::Tensor linear(const at::Tensor& x_TK, const Parameter& weight_NK, const Parameter* bias_N);

}  // namespace retort::kernels
