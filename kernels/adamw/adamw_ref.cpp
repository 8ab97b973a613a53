#include "kernels/reference.h"
#include "kernels/reference_math.h"

namespace retort::kernels::reference {

template <class Real>
void adamw(Real* w, const Real* grad, Real* m, Real* v, int64_t count, const AdamwStep& step) {
  // The settings themselves are fp32: what is derived from them is rounded as the kernel rounds it.
  const Real keep = 1.0f - step.lr * step.weight_decay;
  const Real rest1 = 1.0f - step.beta1;
  const Real rest2 = 1.0f - step.beta2;
  const Real rate = step.lr / step.bias_correction1;
  for (int64_t i = 0; i < count; ++i) {
    const Real g = grad[i] * static_cast<Real>(step.grad_scale);
    m[i] = fma(static_cast<Real>(step.beta1), m[i], rest1 * g);
    v[i] = fma(static_cast<Real>(step.beta2), v[i], rest2 * (g * g));
    const Real denominator = std::sqrt(v[i]) / static_cast<Real>(step.sqrt_bias_correction2) +
                             static_cast<Real>(step.eps);
    w[i] = w[i] * keep - rate * (m[i] / denominator);
  }
}

double sum_of_squares(const float* x, int64_t count) {
  Chains<double> chains;
  for (int64_t i = 0; i < count; ++i) chains.add_product(i, x[i], x[i]);
  return chains.sum();
}

template void adamw(float*, const float*, float*, float*, int64_t, const AdamwStep&);
template void adamw(double*, const double*, double*, double*, int64_t, const AdamwStep&);

}  // namespace retort::kernels::reference
