#include "kernels/reference.h"
#include "kernels/reference_math.h"

namespace retort::kernels::reference {

template <class Real>
void gemm_forward(const Real* x_TK, const Real* w_NK, const Real* bias_N, Real* y_TN, int64_t T,
                  int64_t K, int64_t N) {
  for (int64_t t = 0; t < T; ++t) {
    for (int64_t n = 0; n < N; ++n) {
      Real sum = 0;
      for (int64_t k = 0; k < K; ++k) sum = fma(x_TK[t * K + k], w_NK[n * K + k], sum);
      y_TN[t * N + n] = bias_N ? sum + bias_N[n] : sum;
    }
  }
}

template <class Real>
void gemm_backward_input(const Real* dy_TN, const Real* w_NK, Real* dx_TK, int64_t T, int64_t K,
                         int64_t N) {
  for (int64_t t = 0; t < T; ++t) {
    for (int64_t k = 0; k < K; ++k) {
      Real sum = 0;
      for (int64_t n = 0; n < N; ++n) sum = fma(dy_TN[t * N + n], w_NK[n * K + k], sum);
      dx_TK[t * K + k] = sum;
    }
  }
}

template <class Real>
void gemm_backward_weight(const Real* dy_TN, const Real* x_TK, Real* dw_NK, Real* db_N, int64_t T,
                          int64_t K, int64_t N) {
  for (int64_t n = 0; n < N; ++n) {
    for (int64_t k = 0; k < K; ++k) {
      Real& sum = dw_NK[n * K + k];
      for (int64_t t = 0; t < T; ++t) sum = fma(dy_TN[t * N + n], x_TK[t * K + k], sum);
    }
    for (int64_t t = 0; db_N && t < T; ++t) db_N[n] = db_N[n] + dy_TN[t * N + n];
  }
}

#define RETORT_INSTANTIATE(Real)                                                                 \
  template void gemm_forward(const Real*, const Real*, const Real*, Real*, int64_t, int64_t,     \
                             int64_t);                                                           \
  template void gemm_backward_input(const Real*, const Real*, Real*, int64_t, int64_t, int64_t); \
  template void gemm_backward_weight(const Real*, const Real*, Real*, Real*, int64_t, int64_t,   \
                                     int64_t);
RETORT_INSTANTIATE(float)
RETORT_INSTANTIATE(double)

}  // namespace retort::kernels::reference
