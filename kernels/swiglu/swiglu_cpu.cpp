// T rows of [gate F | up F]; s = 1 / (1 + exp(-g)), silu(g) = g / (1 + exp(-g)).
#include "kernels/parallel.h"
#include "kernels/swiglu/swiglu.h"
#include "kernels/vec.h"

namespace retort::kernels::RETORT_ISA {
namespace {

// Elements worth a thread of their own.
constexpr int64_t kPieceElements = 1 << 12;

}  // namespace

void swiglu_forward(const float* gate_up_T2F, float* y_TF, int64_t T, int64_t F) {
  parallel_for(T, kPieceElements / F + 1, [=](int64_t begin, int64_t end) {
    const V16 one = splat16(1.0f);
    for (int64_t t = begin; t < end; ++t) {
      const float* gate = gate_up_T2F + t * 2 * F;
      for (int64_t f = 0; f < F; f += kLanes) {
        const V16 g = load_n(gate + f, F - f);
        const V16 silu = g / (one + exp_f32(-g));
        store_n(y_TF + t * F + f, silu * load_n(gate + F + f, F - f), F - f);
      }
    }
  });
}

// du = dy * silu(g), dg = dy * u * s * (1 + g * (1 - s)).
void swiglu_backward(const float* dy_TF, const float* gate_up_T2F, float* dgate_up_T2F, int64_t T,
                     int64_t F) {
  parallel_for(T, kPieceElements / F + 1, [=](int64_t begin, int64_t end) {
    const V16 one = splat16(1.0f);
    for (int64_t t = begin; t < end; ++t) {
      const float* gate = gate_up_T2F + t * 2 * F;
      float* dgate = dgate_up_T2F + t * 2 * F;
      for (int64_t f = 0; f < F; f += kLanes) {
        const V16 g = load_n(gate + f, F - f);
        const V16 u = load_n(gate + F + f, F - f);
        const V16 dy = load_n(dy_TF + t * F + f, F - f);
        const V16 denominator = one + exp_f32(-g);
        const V16 s = one / denominator;
        store_n(dgate + f, (dy * u) * (s * fma(g, one - s, one)), F - f);
        store_n(dgate + F + f, dy * (g / denominator), F - f);
      }
    }
  });
}

}  // namespace retort::kernels::RETORT_ISA
