#include "kernels/probe.h"
#include "kernels/reference.h"
#include "kernels/rotary/rotary.h"
#include "kernels/testing.h"

namespace retort::kernels {

std::string probe_rotary_apply() {
  constexpr int64_t T = 37, N = 3, H = 50, C = 21, P = 64;
  const std::vector<float> x = random_floats(T * N * H, 1), cos = random_floats(P * C, 2),
                           sin = random_floats(P * C, 3);
  const std::vector<int32_t> positions = random_ids(T, P, 4);
  for (const float sign : {1.0f, -1.0f}) {
    std::vector<float> want(T * N * H);
    reference::rotary_apply(x.data(), positions.data(), cos.data(), sin.data(), want.data(), T, N,
                            H, C, sign);
    const std::string message =
        probe_rows({T, N * H,
                    [&](int64_t first, int64_t count, float* out) {
                      rotary_apply(x.data() + first * N * H, positions.data() + first, cos.data(),
                                   sin.data(), out, count, N, H, C, sign);
                    },
                    want});
    if (!message.empty()) return message;
  }
  return "";
}

}  // namespace retort::kernels
