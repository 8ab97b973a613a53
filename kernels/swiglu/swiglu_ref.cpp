#include "kernels/reference.h"
#include "kernels/reference_math.h"

namespace retort::kernels::reference {

template <class Real>
void swiglu_forward(const Real* gate_up_T2F, Real* y_TF, int64_t T, int64_t F) {
  for (int64_t i = 0; i < T * F; ++i) {
    const Real g = gate_up_T2F[i / F * 2 * F + i % F];
    const Real u = gate_up_T2F[i / F * 2 * F + F + i % F];
    y_TF[i] = (g / (Real{1} + exponential(-g))) * u;
  }
}

template <class Real>
void swiglu_backward(const Real* dy_TF, const Real* gate_up_T2F, Real* dgate_up_T2F, int64_t T,
                     int64_t F) {
  for (int64_t i = 0; i < T * F; ++i) {
    const int64_t at = i / F * 2 * F + i % F;
    const Real g = gate_up_T2F[at];
    const Real u = gate_up_T2F[at + F];
    const Real denominator = Real{1} + exponential(-g);
    const Real s = Real{1} / denominator;
    dgate_up_T2F[at] = (dy_TF[i] * u) * (s * fma(g, Real{1} - s, Real{1}));
    dgate_up_T2F[at + F] = dy_TF[i] * (g / denominator);
  }
}

#define RETORT_INSTANTIATE(Real)                                      \
  template void swiglu_forward(const Real*, Real*, int64_t, int64_t); \
  template void swiglu_backward(const Real*, const Real*, Real*, int64_t, int64_t);
RETORT_INSTANTIATE(float)
RETORT_INSTANTIATE(double)

}  // namespace retort::kernels::reference
