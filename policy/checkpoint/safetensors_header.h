#pragma once
// The JSON header of a safetensors file, read in one pass without building a document: memory is
// bounded by the text's length whatever it claims.
#include "policy/checkpoint/safetensors.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

// One entry of the header, checked for form only.
struct HeaderEntry {
  std::string name;
  Dtype dtype = Dtype::kF32;
  Shape shape;                  // elements are at least 0
  uint64_t begin = 0, end = 0;  // offsets into the data that follows the header
};

// Entries in the text's order; `path` is named in the UserErrors.
std::vector<HeaderEntry> parse_safetensors_header(const std::string& path, std::string_view text);

// Bytes of a tensor: shape x dtype, in whole bytes. False when it overflows or ends inside a byte.
bool tensor_bytes(const Shape& shape, Dtype dtype, uint64_t* bytes);

}  // namespace retort
