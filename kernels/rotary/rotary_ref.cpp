#include "kernels/reference.h"
#include "kernels/reference_math.h"

namespace retort::kernels::reference {

template <class Real>
void rotary_apply(const Real* x_TNH, const int32_t* positions_T, const Real* cos_PC,
                  const Real* sin_PC, Real* y_TNH, int64_t T, int64_t N, int64_t H, int64_t C,
                  Real sign) {
  for (int64_t row = 0; row < T * N; ++row) {
    const Real* x = x_TNH + row * H;
    Real* y = y_TNH + row * H;
    for (int64_t i = 0; i < H; ++i) y[i] = x[i];
    for (int64_t i = 0; i < C; ++i) {
      const Real c = cos_PC[positions_T[row / N] * C + i];
      const Real s = sin_PC[positions_T[row / N] * C + i] * sign;
      y[i] = fma(x[i], c, -(x[i + C] * s));
      y[i + C] = fma(x[i + C], c, x[i] * s);
    }
  }
}

template void rotary_apply(const float*, const int32_t*, const float*, const float*, float*,
                           int64_t, int64_t, int64_t, int64_t, float);
template void rotary_apply(const double*, const int32_t*, const double*, const double*, double*,
                           int64_t, int64_t, int64_t, int64_t, double);

}  // namespace retort::kernels::reference
