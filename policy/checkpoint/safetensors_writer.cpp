#include "base/check.h"
#include "policy/checkpoint/atomic_file.h"
#include "policy/checkpoint/half.h"
#include "policy/checkpoint/safetensors.h"
#include "policy/checkpoint/safetensors_header.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

namespace retort {

namespace {

std::string json_text(std::string_view text) { return nlohmann::json(text).dump(); }

uint64_t source_bytes(const TensorSource& source) {
  uint64_t bytes = 0;
  RT_CHECK(tensor_bytes(source.shape, source.dtype, &bytes))
      << source.name << shape_text(source.shape);
  return bytes;
}

std::string header_text(const std::vector<TensorSource>& tensors) {
  std::string text = R"({"__metadata__":{"format":"pt"})";
  uint64_t offset = 0;
  for (const TensorSource& source : tensors) {
    text.append(",").append(json_text(source.name)).append(R"(:{"dtype":")");
    text.append(dtype_name(source.dtype)).append(R"(","shape":)");
    text.append(nlohmann::json(source.shape).dump()).append(R"(,"data_offsets":[)");
    text.append(std::to_string(offset)).append(",");
    offset += source_bytes(source);
    text.append(std::to_string(offset)).append("]}");
  }
  text += "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data starts at a multiple of 8
  return text;
}

}  // namespace

void store_f32(const float* values, size_t count, Dtype dtype, std::span<std::byte> out) {
  RT_CHECK_EQ(out.size() * 8, count * static_cast<size_t>(dtype_bits(dtype)));
  if (count == 0) return;
  switch (dtype) {
    case Dtype::kF32:
      std::memcpy(out.data(), values, out.size());
      return;
    case Dtype::kBF16:
      narrow_bf16(values, count, out.data());
      return;
    case Dtype::kF16:
      narrow_f16(values, count, out.data());
      return;
    default:
      RT_CHECK(false) << "weights are written as F32, BF16 or F16, not " << dtype_name(dtype);
  }
}

TensorSource from_f32(std::string name, Shape shape, Dtype dtype, const float* values) {
  size_t count = 1;
  for (const int64_t size : shape) count *= static_cast<size_t>(size);
  return {std::move(name), dtype, std::move(shape),
          [=](std::span<std::byte> out) { store_f32(values, count, dtype, out); }};
}

void write_safetensors(const std::string& path, std::vector<TensorSource> tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorSource& a, const TensorSource& b) {
    return std::tie(b.dtype, a.name) < std::tie(a.dtype, b.name);
  });
  const std::string header = header_text(tensors);
  const uint64_t header_bytes = header.size();
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(&header_bytes, 1)));
  file.write(std::as_bytes(std::span(header)));
  std::vector<std::byte> buffer;
  for (const TensorSource& source : tensors) {
    buffer.resize(source_bytes(source));
    source.fill(buffer);
    file.write(buffer);
  }
  file.commit();
}

}  // namespace retort
