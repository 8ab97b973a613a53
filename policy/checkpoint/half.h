#pragma once
// bf16 and fp16 as 16-bit patterns, to and from fp32. Widening is exact; narrowing rounds to
// nearest, ties to even, overflow to infinity, a NaN to a quiet NaN of its sign. Integer arithmetic
// only: bits depend on no instruction set and no flush-to-zero mode.
#include <bit>
#include <cstddef>
#include <cstdint>

namespace retort {

inline float f32_from_bf16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

inline uint16_t bf16_from_f32(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
  const uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  return static_cast<uint16_t>((is_nan ? bits | 0x00400000u : rounded) >> 16);
}

float f32_from_f16(uint16_t bits);
uint16_t f16_from_f32(float value);

// `count` little-endian values at `source` (any alignment) into `out`.
void widen_bf16(const std::byte* source, size_t count, float* out);
void widen_f16(const std::byte* source, size_t count, float* out);
// `count` values into 2 * count bytes at `out` (any alignment).
void narrow_bf16(const float* source, size_t count, std::byte* out);
void narrow_f16(const float* source, size_t count, std::byte* out);

}  // namespace retort
