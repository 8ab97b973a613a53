#pragma once
// ggml's tensor types: all of their names, and the layout of those that are read.
#include <cstdint>
#include <string>
#include <string_view>

namespace retort {

struct GgmlTypeRow {
  uint32_t number;
  std::string_view name;
  uint32_t block_elements;  // 0: known by name only
  uint32_t block_bytes;
};

// The row of a type that is read; UserError at `place` that names the type and the known ones
// otherwise.
const GgmlTypeRow& find_ggml_type(const std::string& place, uint32_t number);

}  // namespace retort
