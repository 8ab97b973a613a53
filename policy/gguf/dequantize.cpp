#include "policy/checkpoint/half.h"
#include "policy/gguf/gguf_file.h"

#include <cstring>

namespace retort {

namespace {

constexpr size_t kBlock = 32;

float f16_at(const std::byte* bytes) {
  uint16_t bits;
  std::memcpy(&bits, bytes, sizeof bits);
  return f32_from_f16(bits);
}

void dequantize_q4_1(std::span<const std::byte> bytes, float* out) {
  constexpr size_t kBlockBytes = 20;
  for (size_t at = 0; at < bytes.size(); at += kBlockBytes, out += kBlock) {
    const float scale = f16_at(&bytes[at]);
    const float minimum = f16_at(&bytes[at + 2]);
    for (size_t i = 0; i < kBlock / 2; ++i) {
      const auto pair = static_cast<uint8_t>(bytes[at + 4 + i]);
      out[i] = scale * static_cast<float>(pair & 15) + minimum;
      out[i + kBlock / 2] = scale * static_cast<float>(pair >> 4) + minimum;
    }
  }
}

void dequantize_q8_0(std::span<const std::byte> bytes, float* out) {
  constexpr size_t kBlockBytes = 34;
  for (size_t at = 0; at < bytes.size(); at += kBlockBytes, out += kBlock) {
    const float scale = f16_at(&bytes[at]);
    for (size_t i = 0; i < kBlock; ++i)
      out[i] = scale * static_cast<float>(static_cast<int8_t>(bytes[at + 2 + i]));
  }
}

}  // namespace

void dequantize(const GgufTensor& tensor, float* out) {
  const auto count = static_cast<size_t>(tensor.size());
  if (count == 0) return;
  switch (tensor.type) {
    case GgmlType::kF32:
      std::memcpy(out, tensor.bytes.data(), tensor.bytes.size());
      return;
    case GgmlType::kF16:
      widen_f16(tensor.bytes.data(), count, out);
      return;
    case GgmlType::kBF16:
      widen_bf16(tensor.bytes.data(), count, out);
      return;
    case GgmlType::kQ4_1:
      dequantize_q4_1(tensor.bytes, out);
      return;
    case GgmlType::kQ8_0:
      dequantize_q8_0(tensor.bytes, out);
      return;
  }
}

}  // namespace retort
