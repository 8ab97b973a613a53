#pragma once
// fp32 exp and log with bits of our own: the same IEEE operations for one number (the references)
// and for vectors of any width (kernels/vec.h), so a lane does not depend on its neighbours or on
// the instruction set. Error below 1 ulp (exp) and 2 ulp (log) of the exact value, subnormal
// results included.
//
// F is `float` or V16 of kernels/vec.h, which brings its own splat, fma, select, as_int, as_float,
// to_float. Everything is inside an unnamed namespace: a copy compiled for one instruction set must
// never serve another file.
#include <cstdint>

namespace retort::kernels {
namespace {

#define RETORT_INLINE inline __attribute__((always_inline, unused))

template <class F>
F splat(float x);
template <>
RETORT_INLINE float splat<float>(float x) {
  return x;
}
RETORT_INLINE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
RETORT_INLINE float select(bool mask, float yes, float no) { return mask ? yes : no; }
RETORT_INLINE int32_t as_int(float x) {
  int32_t bits;
  __builtin_memcpy(&bits, &x, sizeof(bits));
  return bits;
}
RETORT_INLINE float as_float(int32_t bits) {
  float x;
  __builtin_memcpy(&x, &bits, sizeof(x));
  return x;
}
RETORT_INLINE float to_float(int32_t x) { return static_cast<float>(x); }

// exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln(2) / 2; exp(r) = 1 + r + r^2 q(r), q minimax
// of degree 4. x >= 88.73 -> inf, x < -103.98 -> 0, nan -> nan.
template <class F>
RETORT_INLINE F exp_f32(F x) {
  const F high = splat<F>(89.0f);
  const F low = splat<F>(-104.0f);
  x = select(x > high, high, x);
  x = select(x < low, low, x);
  const F magic =
      splat<F>(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer in the low bits
  const F shifted = fma(x, splat<F>(0x1.715476p+0f), magic);
  const F n = shifted - magic;
  F r = fma(n, splat<F>(-0x1.62e43p-1f), x);
  r = fma(n, splat<F>(0x1.05c61p-29f), r);
  F q = splat<F>(0x1.6a2352p-10f);
  q = fma(q, r, splat<F>(0x1.123a6ap-7f));
  q = fma(q, r, splat<F>(0x1.5558f4p-5f));
  q = fma(q, r, splat<F>(0x1.555490p-3f));
  q = fma(q, r, splat<F>(0x1.fffffcp-2f));
  const F p = fma(r * r, q, r) + splat<F>(1.0f);
  // 2^n in two factors, each a normal number: only the last product rounds.
  const auto exponent = as_int(shifted) - as_int(magic);
  const auto half = exponent >> 1;
  const F first = as_float((half + 127) << 23);
  const F second = as_float((exponent - half + 127) << 23);
  return (p * first) * second;
}

// log(x) = e ln 2 + log(m), m = 1 + f in [sqrt(1/2), sqrt(2)); log(1 + f) = f - f^2/2 + f^3 P(f), P
// minimax of degree 8. 0 -> -inf, x < 0 -> nan, inf -> inf, nan -> nan.
template <class F>
RETORT_INLINE F log_f32(F x) {
  const F zero = splat<F>(0.0f);
  const auto subnormal = x < splat<F>(0x1p-126f);
  const F scaled = select(x < zero, splat<F>(1.0f), select(subnormal, x * splat<F>(0x1p23f), x));
  const auto bits = as_int(scaled) & 0x7fffffff;  // -0 is 0
  const auto exponent = (bits - 0x3f3504f3) >> 23;
  const F f = as_float(bits - (exponent << 23)) - splat<F>(1.0f);
  const F e = to_float(exponent) - select(subnormal, splat<F>(23.0f), zero);
  F p = splat<F>(0x1.1457cap-4f);
  p = fma(p, f, splat<F>(-0x1.de3c02p-4f));
  p = fma(p, f, splat<F>(0x1.e6f050p-4f));
  p = fma(p, f, splat<F>(-0x1.fc2208p-4f));
  p = fma(p, f, splat<F>(0x1.23376ap-3f));
  p = fma(p, f, splat<F>(-0x1.555c4ep-3f));
  p = fma(p, f, splat<F>(0x1.99a4b6p-3f));
  p = fma(p, f, splat<F>(-0x1.000006p-2f));
  p = fma(p, f, splat<F>(0x1.555548p-2f));
  const F square = f * f;
  F tail = fma(e, splat<F>(0x1.7f7d1cp-20f), (square * f) * p);
  tail = fma(square, splat<F>(-0.5f), tail);
  F result = fma(e, splat<F>(0x1.62e4p-1f), f + tail);
  const F infinity = splat<F>(__builtin_inff());
  result = select(x == infinity, infinity, result);
  result = select(x == zero, -infinity, result);
  result = select(x < zero, splat<F>(__builtin_nanf("")), result);
  return select(x != x, x, result);
}

}  // namespace
}  // namespace retort::kernels
