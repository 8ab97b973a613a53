#include "kernels/reference.h"
#include "kernels/reference_math.h"

namespace retort::kernels::reference {

template <class Real>
void rms_norm_forward(const Real* x_RD, const Real* w_D, double eps, Real* y_RD, Real* rstd_R,
                      int64_t R, int64_t D) {
  for (int64_t r = 0; r < R; ++r) {
    const Real* x = x_RD + r * D;
    Chains<Real> squares;
    for (int64_t d = 0; d < D; ++d) squares.add_product(d, x[d], x[d]);
    const Real mean = squares.sum() / static_cast<Real>(D);
    rstd_R[r] = Real{1} / std::sqrt(mean + static_cast<Real>(eps));
    for (int64_t d = 0; d < D; ++d) y_RD[r * D + d] = (x[d] * rstd_R[r]) * w_D[d];
  }
}

template <class Real>
void rms_norm_backward(const Real* dy_RD, const Real* x_RD, const Real* w_D, const Real* rstd_R,
                       Real* dx_RD, Real* dw_D, int64_t R, int64_t D) {
  for (int64_t r = 0; r < R; ++r) {
    const Real* x = x_RD + r * D;
    const Real* dy = dy_RD + r * D;
    Chains<Real> products;
    for (int64_t d = 0; d < D; ++d) products.add_product(d, dy[d] * w_D[d], x[d] * rstd_R[r]);
    const Real mean = products.sum() / static_cast<Real>(D);
    for (int64_t d = 0; d < D; ++d) {
      const Real n = x[d] * rstd_R[r];
      dx_RD[r * D + d] = rstd_R[r] * fma(n, -mean, dy[d] * w_D[d]);
      if (dw_D) dw_D[d] = fma(dy[d], n, dw_D[d]);
    }
  }
}

#define RETORT_INSTANTIATE(Real)                                                             \
  template void rms_norm_forward(const Real*, const Real*, double, Real*, Real*, int64_t,    \
                                 int64_t);                                                   \
  template void rms_norm_backward(const Real*, const Real*, const Real*, const Real*, Real*, \
                                  Real*, int64_t, int64_t);
RETORT_INSTANTIATE(float)
RETORT_INSTANTIATE(double)

}  // namespace retort::kernels::reference
