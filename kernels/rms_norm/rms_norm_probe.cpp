#include "kernels/probe.h"
#include "kernels/reference.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/testing.h"

namespace retort::kernels {
namespace {

constexpr int64_t R = 37, D = 90;
constexpr double kEps = 1e-6;

}  // namespace

std::string probe_rms_norm_forward() {
  const std::vector<float> x = random_floats(R * D, 1), w = random_floats(D, 2);
  std::vector<float> want(R * D), rstd(R);
  reference::rms_norm_forward(x.data(), w.data(), kEps, want.data(), rstd.data(), R, D);
  return probe_rows({R, D,
                     [&](int64_t first, int64_t count, float* out) {
                       rms_norm_forward(x.data() + first * D, w.data(), kEps, out, nullptr, count,
                                        D);
                     },
                     want});
}

std::string probe_rms_norm_backward() {
  const std::vector<float> x = random_floats(R * D, 1), w = random_floats(D, 2),
                           dy = random_floats(R * D, 3);
  const std::vector<float> start = random_floats(D, 4);
  std::vector<float> y(R * D), rstd(R), dx(R * D), dw = start;
  reference::rms_norm_forward(x.data(), w.data(), kEps, y.data(), rstd.data(), R, D);
  reference::rms_norm_backward(dy.data(), x.data(), w.data(), rstd.data(), dx.data(), dw.data(), R,
                               D);
  const std::string rows =
      probe_rows({R, D,
                  [&](int64_t first, int64_t count, float* out) {
                    rms_norm_backward(dy.data() + first * D, x.data() + first * D, w.data(),
                                      rstd.data() + first, out, nullptr, count, D);
                  },
                  dx});
  if (!rows.empty()) return rows;
  std::vector<float> unused(R * D);
  return probe_accumulation({R, start,
                             [&](int64_t first, int64_t count, float* sum) {
                               rms_norm_backward(dy.data() + first * D, x.data() + first * D,
                                                 w.data(), rstd.data() + first, unused.data(), sum,
                                                 count, D);
                             },
                             dw});
}

}  // namespace retort::kernels
