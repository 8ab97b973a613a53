#include "kernels/adamw/adamw.h"
#include "kernels/probe.h"
#include "kernels/reference.h"
#include "kernels/testing.h"

#include <cstring>

namespace retort::kernels {

std::string probe_adamw() {
  constexpr int64_t kCount = 40000;
  const AdamwStep step = {.lr = 0.01f,
                          .beta1 = 0.9f,
                          .beta2 = 0.99f,
                          .eps = 1e-8f,
                          .weight_decay = 0.1f,
                          .bias_correction1 = 0.19f,
                          .sqrt_bias_correction2 = 0.14106736f,
                          .grad_scale = 0.7f};
  const std::vector<float> grad = random_floats(kCount, 1);
  // w, m, v one after the other; v is not negative.
  std::vector<float> start = random_floats(3 * kCount, 2);
  for (int64_t i = 2 * kCount; i < 3 * kCount; ++i) start[i] = start[i] * start[i];
  std::vector<float> want = start;
  reference::adamw(want.data(), grad.data(), want.data() + kCount, want.data() + 2 * kCount, kCount,
                   step);
  return probe_rows({1, 3 * kCount,
                     [&](int64_t, int64_t, float* out) {
                       std::memcpy(out, start.data(), start.size() * sizeof(float));
                       adamw(out, grad.data(), out + kCount, out + 2 * kCount, kCount, step);
                     },
                     want});
}

std::string probe_sum_of_squares() {
  const std::vector<float> x = random_floats(1003, 1);
  for (const int64_t count : {0, 1, 15, 16, 17, 1003}) {
    if (sum_of_squares(x.data(), count) != reference::sum_of_squares(x.data(), count)) {
      return "the sum of " + std::to_string(count) + " squares differs from its definition";
    }
  }
  return "";
}

}  // namespace retort::kernels
