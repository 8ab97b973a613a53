#include "policy/checkpoint/half.h"

#include <cstring>

namespace retort {

static_assert(std::endian::native == std::endian::little, "checkpoint files are little-endian");

float f32_from_f16(uint16_t bits) {
  const uint32_t sign = uint32_t{bits & 0x8000u} << 16;
  const uint32_t exponent = (bits >> 10) & 0x1fu;
  const uint32_t fraction = bits & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (fraction << 13));
  if (exponent != 0)
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
  if (fraction == 0) return std::bit_cast<float>(sign);
  // Subnormal: fraction * 2^-24, which fp32 holds as a normal number.
  const int leading = std::bit_width(fraction) - 1;
  const uint32_t normal = (fraction << (23 - leading)) & 0x7fffffu;
  return std::bit_cast<float>(sign | (static_cast<uint32_t>(leading + 103) << 23) | normal);
}

uint16_t f16_from_f32(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return static_cast<uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x1ffu));
  // 65520 and above round to infinity: the largest finite value is 65504.
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);
  if (magnitude >= 0x38800000u) {  // normal in fp16: rebias by 112, round the 13 dropped bits
    const uint32_t rounded = magnitude - 0x38000000u + 0x0fffu + ((magnitude >> 13) & 1u);
    return static_cast<uint16_t>(sign | (rounded >> 13));
  }
  if (magnitude < 0x33000000u) return sign;  // below half of the smallest subnormal
  // Subnormal: the significand shifted so that its unit is 2^-24.
  const uint32_t shift = 126 - (magnitude >> 23);
  const uint32_t significand = (magnitude & 0x7fffffu) | 0x800000u;
  const uint32_t half_unit = (1u << (shift - 1)) - 1 + ((significand >> shift) & 1u);
  return static_cast<uint16_t>(sign | ((significand + half_unit) >> shift));
}

void widen_bf16(const std::byte* source, size_t count, float* out) {
  for (size_t i = 0; i < count; ++i) {
    uint16_t bits;
    std::memcpy(&bits, source + 2 * i, sizeof bits);
    out[i] = f32_from_bf16(bits);
  }
}

void widen_f16(const std::byte* source, size_t count, float* out) {
  for (size_t i = 0; i < count; ++i) {
    uint16_t bits;
    std::memcpy(&bits, source + 2 * i, sizeof bits);
    out[i] = f32_from_f16(bits);
  }
}

void narrow_bf16(const float* source, size_t count, std::byte* out) {
  for (size_t i = 0; i < count; ++i) {
    const uint16_t bits = bf16_from_f32(source[i]);
    std::memcpy(out + 2 * i, &bits, sizeof bits);
  }
}

void narrow_f16(const float* source, size_t count, std::byte* out) {
  for (size_t i = 0; i < count; ++i) {
    const uint16_t bits = f16_from_f32(source[i]);
    std::memcpy(out + 2 * i, &bits, sizeof bits);
  }
}

}  // namespace retort
