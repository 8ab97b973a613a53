#include "kernels/adamw/adamw.h"
#include "kernels/parallel.h"
#include "kernels/vec.h"

namespace retort::kernels::RETORT_ISA {

void adamw(float* w, const float* grad, float* m, float* v, int64_t count, const AdamwStep& step) {
  constexpr int64_t kPieceElements = 1 << 14;
  const V16 keep = splat16(1.0f - step.lr * step.weight_decay);
  const V16 beta1 = splat16(step.beta1);
  const V16 beta2 = splat16(step.beta2);
  const V16 rest1 = splat16(1.0f - step.beta1);
  const V16 rest2 = splat16(1.0f - step.beta2);
  const V16 rate = splat16(step.lr / step.bias_correction1);
  const V16 correction2 = splat16(step.sqrt_bias_correction2);
  const V16 eps = splat16(step.eps);
  const V16 scale = splat16(step.grad_scale);
  parallel_for(count, kPieceElements, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += kLanes) {
      const int64_t lanes = end - i;
      const V16 g = load_n(grad + i, lanes) * scale;
      const V16 mean = fma(beta1, load_n(m + i, lanes), rest1 * g);
      const V16 square = fma(beta2, load_n(v + i, lanes), rest2 * (g * g));
      const V16 denominator = sqrt(square) / correction2 + eps;
      const V16 value = load_n(w + i, lanes) * keep - rate * (mean / denominator);
      store_n(m + i, mean, lanes);
      store_n(v + i, square, lanes);
      store_n(w + i, value, lanes);
    }
  });
}

double sum_of_squares(const float* x, int64_t count) {
  // Chain c holds the elements with index c mod 16; 16 independent chains hide the latency of the
  // addition.
  double chains[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const double value = x[i + lane];
      chains[lane] = __builtin_fma(value, value, chains[lane]);
    }
  }
  for (int lane = 0; i < count; ++i, ++lane) {
    const double value = x[i];
    chains[lane] = __builtin_fma(value, value, chains[lane]);
  }
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int lane = 0; lane < width; ++lane) chains[lane] = chains[lane] + chains[lane + width];
  }
  return chains[0];
}

}  // namespace retort::kernels::RETORT_ISA
