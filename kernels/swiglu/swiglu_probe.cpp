#include "kernels/probe.h"
#include "kernels/reference.h"
#include "kernels/swiglu/swiglu.h"
#include "kernels/testing.h"

namespace retort::kernels {
namespace {

constexpr int64_t T = 37, F = 90;

std::vector<float> gate_up() {
  std::vector<float> x = random_floats(T * 2 * F, 1);
  for (float& value : x) value *= 20.0f;  // both ends of the sigmoid
  return x;
}

}  // namespace

std::string probe_swiglu_forward() {
  const std::vector<float> x = gate_up();
  std::vector<float> want(T * F);
  reference::swiglu_forward(x.data(), want.data(), T, F);
  return probe_rows({T, F,
                     [&](int64_t first, int64_t count, float* out) {
                       swiglu_forward(x.data() + first * 2 * F, out, count, F);
                     },
                     want});
}

std::string probe_swiglu_backward() {
  const std::vector<float> x = gate_up(), dy = random_floats(T * F, 2);
  std::vector<float> want(T * 2 * F);
  reference::swiglu_backward(dy.data(), x.data(), want.data(), T, F);
  return probe_rows({T, 2 * F,
                     [&](int64_t first, int64_t count, float* out) {
                       swiglu_backward(dy.data() + first * F, x.data() + first * 2 * F, out, count,
                                       F);
                     },
                     want});
}

}  // namespace retort::kernels
