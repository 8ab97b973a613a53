#pragma once
// Vectors of 16 fp32 lanes for the files that are compiled once per instruction set (`*_cpu.cpp`,
// RETORT_ISA).
//
// V16 is one AVX-512 register or two AVX2 registers, made of the compiler's vector types; the lanes
// of every operation are the same IEEE operations in both, so the bits are the same. The fused
// multiply-add is written out with the intrinsic: contraction by the compiler is off, and g++ 12
// has no builtin for it. Everything is in an unnamed namespace inside retort::kernels::RETORT_ISA:
// nothing compiled here may be shared with another object file.
#include "kernels/exp_log.h"

#include <immintrin.h>

#include <cstdint>

#ifndef RETORT_ISA
#error "kernels/vec.h is for files compiled per instruction set"
#endif

namespace retort::kernels {
namespace {

#ifdef __AVX512F__
typedef float vf __attribute__((vector_size(64)));
typedef int32_t vi __attribute__((vector_size(64)));
#else
typedef float vf __attribute__((vector_size(32)));
typedef int32_t vi __attribute__((vector_size(32)));
#endif
constexpr int kLanes = 16;
constexpr int kParts = kLanes * static_cast<int>(sizeof(float)) / static_cast<int>(sizeof(vf));
constexpr int kPartLanes = kLanes / kParts;

struct V16 {
  vf part[kParts];
};
struct I16 {
  vi part[kParts];
};

RETORT_INLINE vf fma(vf a, vf b, vf c) {
#ifdef __AVX512F__
  return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#else
  return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#endif
}

RETORT_INLINE vf splat_part(float x) {
#ifdef __AVX512F__
  return (vf)_mm512_set1_ps(x);
#else
  return (vf)_mm256_set1_ps(x);
#endif
}

#define RETORT_EACH_PART _Pragma("GCC unroll 2") for (int i = 0; i < kParts; ++i)
#define RETORT_BINARY(op)                                \
  RETORT_INLINE V16 operator op(V16 a, V16 b) {          \
    V16 r;                                               \
    RETORT_EACH_PART r.part[i] = a.part[i] op b.part[i]; \
    return r;                                            \
  }
RETORT_BINARY(+)
RETORT_BINARY(-)
RETORT_BINARY(*)
RETORT_BINARY(/)
#undef RETORT_BINARY
#define RETORT_COMPARE(op)                               \
  RETORT_INLINE I16 operator op(V16 a, V16 b) {          \
    I16 r;                                               \
    RETORT_EACH_PART r.part[i] = a.part[i] op b.part[i]; \
    return r;                                            \
  }
RETORT_COMPARE(<)
RETORT_COMPARE(>)
RETORT_COMPARE(==)
RETORT_COMPARE(!=)
#undef RETORT_COMPARE
#define RETORT_INTEGER(op, B, b_of_part)                 \
  RETORT_INLINE I16 operator op(I16 a, B b) {            \
    I16 r;                                               \
    RETORT_EACH_PART r.part[i] = a.part[i] op b_of_part; \
    return r;                                            \
  }
RETORT_INTEGER(-, I16, b.part[i])
RETORT_INTEGER(+, int, b)
RETORT_INTEGER(-, int, b)
RETORT_INTEGER(>>, int, b)
RETORT_INTEGER(<<, int, b)
#undef RETORT_INTEGER

RETORT_INLINE V16 operator-(V16 a) {
  V16 r;
  RETORT_EACH_PART r.part[i] = -a.part[i];
  return r;
}

template <>
RETORT_INLINE V16 splat<V16>(float x) {
  V16 r;
  RETORT_EACH_PART r.part[i] = splat_part(x);
  return r;
}
RETORT_INLINE V16 splat16(float x) { return splat<V16>(x); }

RETORT_INLINE V16 fma(V16 a, V16 b, V16 c) {
  V16 r;
  RETORT_EACH_PART r.part[i] = fma(a.part[i], b.part[i], c.part[i]);
  return r;
}
// a is the same in every lane.
RETORT_INLINE V16 fma(vf a, V16 b, V16 c) {
  V16 r;
  RETORT_EACH_PART r.part[i] = fma(a, b.part[i], c.part[i]);
  return r;
}

RETORT_INLINE V16 select(I16 mask, V16 yes, V16 no) {
  V16 r;
  RETORT_EACH_PART r.part[i] = mask.part[i] ? yes.part[i] : no.part[i];
  return r;
}
RETORT_INLINE V16 max(V16 a, V16 b) { return select(a > b, a, b); }
RETORT_INLINE V16 sqrt(V16 a) {
  V16 r;
#ifdef __AVX512F__
  RETORT_EACH_PART r.part[i] =
      (vf)_mm512_mask_sqrt_ps((__m512)a.part[i], 0xffff, (__m512)a.part[i]);
#else
  RETORT_EACH_PART r.part[i] = (vf)_mm256_sqrt_ps((__m256)a.part[i]);
#endif
  return r;
}

RETORT_INLINE I16 as_int(V16 a) {
  I16 r;
  RETORT_EACH_PART r.part[i] = (vi)a.part[i];
  return r;
}
RETORT_INLINE V16 as_float(I16 a) {
  V16 r;
  RETORT_EACH_PART r.part[i] = (vf)a.part[i];
  return r;
}
RETORT_INLINE V16 to_float(I16 a) {
  V16 r;
  RETORT_EACH_PART r.part[i] = __builtin_convertvector(a.part[i], vf);
  return r;
}

RETORT_INLINE vf load_part(const float* p) {
  vf r;
  __builtin_memcpy(&r, p, sizeof(r));
  return r;
}
RETORT_INLINE V16 load(const float* p) {
  V16 r;
  RETORT_EACH_PART r.part[i] = load_part(p + i * kPartLanes);
  return r;
}
RETORT_INLINE void store(float* p, V16 a) {
  RETORT_EACH_PART __builtin_memcpy(p + i * kPartLanes, &a.part[i], sizeof(vf));
}
// The first `count` (0 .. 16) lanes; the others read as `fill` and are not touched in memory.
RETORT_INLINE V16 load_n(const float* p, int64_t count, float fill = 0.0f) {
  if (count >= kLanes) return load(p);
  float lanes[kLanes];
  for (int64_t i = 0; i < kLanes; ++i) lanes[i] = i < count ? p[i] : fill;
  return load(lanes);
}
RETORT_INLINE void store_n(float* p, V16 a, int64_t count) {
  if (count >= kLanes) return store(p, a);
  float lanes[kLanes];
  store(lanes, a);
  for (int64_t i = 0; i < count; ++i) p[i] = lanes[i];
}
// Lanes below `count` from a, the others `fill`.
RETORT_INLINE V16 keep_n(V16 a, int64_t count, float fill) {
  if (count >= kLanes) return a;
  float lanes[kLanes];
  store(lanes, a);
  for (int64_t i = count; i < kLanes; ++i) lanes[i] = fill;
  return load(lanes);
}

// The fixed tree under 16 partial chains: lane i with i + 8, then i + 4, i + 2, i + 1.
RETORT_INLINE float sum16(V16 a) {
  float lanes[kLanes];
  store(lanes, a);
#pragma GCC unroll 4
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) lanes[i] = lanes[i] + lanes[i + width];
  }
  return lanes[0];
}
RETORT_INLINE float max16(V16 a) {
  float lanes[kLanes];
  store(lanes, a);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i)
      lanes[i] = lanes[i] > lanes[i + width] ? lanes[i] : lanes[i + width];
  }
  return lanes[0];
}

}  // namespace
}  // namespace retort::kernels
