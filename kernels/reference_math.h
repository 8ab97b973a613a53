#pragma once
// Scalar operations of the references: of the contract for float, exact for double.
#include "kernels/exp_log.h"

#include <cmath>

namespace retort::kernels::reference {
namespace {

RETORT_INLINE double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
RETORT_INLINE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }

RETORT_INLINE float exponential(float x) { return exp_f32(x); }
RETORT_INLINE float logarithm(float x) { return log_f32(x); }
RETORT_INLINE double exponential(double x) { return std::exp(x); }
RETORT_INLINE double logarithm(double x) { return std::log(x); }

// 16 partial chains by index mod 16, then the fixed tree.
template <class Real>
struct Chains {
  Real lane[16] = {};

  void add(int64_t index, Real x) { lane[index % 16] = lane[index % 16] + x; }
  void add_product(int64_t index, Real x, Real y) {
    lane[index % 16] = fma(x, y, lane[index % 16]);
  }
  Real sum() const {
    Real tree[16];
    for (int i = 0; i < 16; ++i) tree[i] = lane[i];
    for (int width = 8; width > 0; width /= 2) {
      for (int i = 0; i < width; ++i) tree[i] = tree[i] + tree[i + width];
    }
    return tree[0];
  }
};

}  // namespace
}  // namespace retort::kernels::reference
