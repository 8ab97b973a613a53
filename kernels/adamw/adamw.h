#pragma once
// adamw: decoupled weight decay (Loshchilov & Hutter 2019), the arithmetic of PyTorch's
// torch.optim.AdamW in fp32:
//   w *= 1 - lr * weight_decay
//   m = beta1 * m + (1 - beta1) * g;  v = beta2 * v + (1 - beta2) * g^2
//   w -= (lr / (1 - beta1^t)) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
// g = grad * grad_scale (gradient clipping). Element-wise: bits depend on no thread count. The bias
// corrections are computed in double by the caller (base/exact_math.h). sum_of_squares: 16 partial
// double chains over a tensor's elements (index mod 16, ascending), fixed tree.
#include <cstdint>

namespace retort::kernels {

struct AdamwStep {
  float lr = 0;
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float eps = 1e-8f;
  float weight_decay = 0;
  float bias_correction1 = 1;       // 1 - beta1^t
  float sqrt_bias_correction2 = 1;  // sqrt(1 - beta2^t)
  float grad_scale = 1;             // min(1, clip / norm)
};

void adamw(float* w, const float* grad, float* m, float* v, int64_t count, const AdamwStep& step);
double sum_of_squares(const float* x, int64_t count);

}  // namespace retort::kernels
