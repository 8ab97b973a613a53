#pragma once
// Version: which weights a token was sampled with. Number 0 is the start; step s samples Version s
// - 1 and publishes s.
#include <cstdint>
#include <string>
#include <vector>

namespace retort {

struct TensorEntry {
  std::string name;   // Hugging Face name
  std::string dtype;  // "F32", "BF16", "F16"
  std::vector<int64_t> shape;
  bool operator==(const TensorEntry&) const = default;
};

// Example: {number 3, digest "0f4c…" (32 hex digits), numerics "cpu fp32 r1", tensors {...}}.
struct Version {
  uint32_t number = 0;
  std::string digest;    // XXH3-128 over the tensors sorted by name: name, dtype, shape, bytes
  std::string numerics;  // device, dtype, kernel contract revision
  std::vector<TensorEntry> tensors;
  bool operator==(const Version&) const = default;
};

}  // namespace retort
