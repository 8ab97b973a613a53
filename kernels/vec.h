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
// a > b ? a : b: the instruction's own rule.
RETORT_INLINE V16 max(V16 a, V16 b) {
  V16 r;
#ifdef __AVX512F__
  r.part[0] =
      (vf)_mm512_mask_max_ps((__m512)a.part[0], 0xffff, (__m512)a.part[0], (__m512)b.part[0]);
#else
  RETORT_EACH_PART r.part[i] = (vf)_mm256_max_ps((__m256)a.part[i], (__m256)b.part[i]);
#endif
  return r;
}
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
// All bits in the lanes below `count`, none in the others.
RETORT_INLINE I16 first_lanes(int64_t count) {
  static const int32_t kTable[2 * kLanes] = {-1, -1, -1, -1, -1, -1, -1, -1,
                                             -1, -1, -1, -1, -1, -1, -1, -1};
  const int32_t* from = kTable + kLanes - (count < 0 ? 0 : count > kLanes ? kLanes : count);
  I16 mask;
  RETORT_EACH_PART __builtin_memcpy(&mask.part[i], from + i * kPartLanes, sizeof(vi));
  return mask;
}
// Lanes below `count` from a, the others `fill`.
RETORT_INLINE V16 keep_n(V16 a, int64_t count, float fill) {
  if (count >= kLanes) return a;
  return select(first_lanes(count), a, splat16(fill));
}
// The first `count` lanes; the others read as `fill` and are not touched in memory.
RETORT_INLINE V16 load_n(const float* p, int64_t count, float fill = 0.0f) {
  if (count >= kLanes) return load(p);
  const I16 mask = first_lanes(count);
  V16 r;
#ifdef __AVX512F__
  r.part[0] = (vf)_mm512_maskz_loadu_ps(_mm512_movepi32_mask((__m512i)mask.part[0]), p);
#else
  RETORT_EACH_PART r.part[i] = (vf)_mm256_maskload_ps(p + i * kPartLanes, (__m256i)mask.part[i]);
#endif
  return select(mask, r, splat16(fill));
}
RETORT_INLINE void store_n(float* p, V16 a, int64_t count) {
  if (count >= kLanes) return store(p, a);
  const I16 mask = first_lanes(count);
#ifdef __AVX512F__
  _mm512_mask_storeu_ps(p, _mm512_movepi32_mask((__m512i)mask.part[0]), (__m512)a.part[0]);
#else
  RETORT_EACH_PART _mm256_maskstore_ps(p + i * kPartLanes, (__m256i)mask.part[i],
                                       (__m256)a.part[i]);
#endif
}

// The fixed tree over 16 lanes: lane i with i + 8, then i + 4, i + 2, i + 1.
// Halves of a vector: the intrinsics for them warn in g++ 12.
RETORT_INLINE __m256 lanes_0_to_7(V16 a) {
#ifdef __AVX512F__
  return (__m256)__builtin_shufflevector(a.part[0], a.part[0], 0, 1, 2, 3, 4, 5, 6, 7);
#else
  return (__m256)a.part[0];
#endif
}
RETORT_INLINE __m256 lanes_8_to_15(V16 a) {
#ifdef __AVX512F__
  return (__m256)__builtin_shufflevector(a.part[0], a.part[0], 8, 9, 10, 11, 12, 13, 14, 15);
#else
  return (__m256)a.part[1];
#endif
}
#define RETORT_FOLD_TO_ONE(operation, a)                                                    \
  const __m256 eight = _mm256_##operation##_ps(lanes_0_to_7(a), lanes_8_to_15(a));          \
  const __m128 four =                                                                       \
      _mm_##operation##_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1)); \
  const __m128 two = _mm_##operation##_ps(four, _mm_movehl_ps(four, four));                 \
  return _mm_cvtss_f32(_mm_##operation##_ss(two, _mm_shuffle_ps(two, two, 1)));
RETORT_INLINE float sum16(V16 a){RETORT_FOLD_TO_ONE(add, a)} RETORT_INLINE float max16(V16 a) {
  RETORT_FOLD_TO_ONE(max, a)
}
#undef RETORT_FOLD_TO_ONE

}  // namespace
}  // namespace retort::kernels
