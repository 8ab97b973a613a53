#pragma once
// Characters whose upper or title case is several characters (Unicode's SpecialCasing,
// unconditional rows).
#include <cstdint>
#include <string_view>
#include <vector>

namespace retort::python {

struct LongCase {
  uint32_t code_point;
  std::string_view upper;
  std::string_view title;
};

// By code point.
const std::vector<LongCase>& long_cases();

}  // namespace retort::python
