#include "kernels/probe.h"
#include "kernels/residual_add/residual_add.h"
#include "kernels/testing.h"

namespace retort::kernels {

std::string probe_residual_add_forward() {
  constexpr int64_t T = 37, D = 90;
  const std::vector<float> x = random_floats(T * D, 1), r = random_floats(T * D, 2);
  std::vector<float> want(T * D);
  for (int64_t i = 0; i < T * D; ++i) want[i] = x[i] + r[i];
  return probe_rows({T, D,
                     [&](int64_t first, int64_t count, float* out) {
                       residual_add_forward(x.data() + first * D, r.data() + first * D, out,
                                            count * D);
                     },
                     want});
}

}  // namespace retort::kernels
