#pragma once
#include <cstddef>

namespace retort {

// A part of a text, in bytes; end is outside.
struct TextRange {
  size_t begin = 0;
  size_t end = 0;
  bool operator==(const TextRange&) const = default;
};

}  // namespace retort
