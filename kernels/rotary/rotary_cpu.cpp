// T tokens, N heads of H dims, of which the first 2 * C rotate.
#include "kernels/parallel.h"
#include "kernels/rotary/rotary.h"
#include "kernels/vec.h"

namespace retort::kernels::RETORT_ISA {

void rotary_apply(const float* x_TNH, const int32_t* positions_T, const float* cos_PC,
                  const float* sin_PC, float* y_TNH, int64_t T, int64_t N, int64_t H, int64_t C,
                  float sign) {
  constexpr int64_t kPieceElements = 1 << 14;
  parallel_for(T, kPieceElements / (N * H) + 1, [=](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const float* cos = cos_PC + positions_T[t] * C;
      const float* sin = sin_PC + positions_T[t] * C;
      for (int64_t n = 0; n < N; ++n) {
        const float* x = x_TNH + (t * N + n) * H;
        float* y = y_TNH + (t * N + n) * H;
        for (int64_t i = 0; i < C; i += kLanes) {
          const int64_t lanes = C - i;
          const V16 c = load_n(cos + i, lanes);
          const V16 s = load_n(sin + i, lanes) * splat16(sign);
          const V16 first = load_n(x + i, lanes);
          const V16 second = load_n(x + C + i, lanes);
          store_n(y + i, fma(first, c, -(second * s)), lanes);
          store_n(y + C + i, fma(second, c, first * s), lanes);
        }
        for (int64_t i = 2 * C; i < H; ++i) y[i] = x[i];
      }
    }
  });
}

}  // namespace retort::kernels::RETORT_ISA
