#pragma once
// What is fuzzed: readers of bytes that come from elsewhere. A target takes any bytes; it must not
// crash, must not allocate far more than it was given, and what it accepts must survive writing and
// reading again. Two drivers: libFuzzer (build preset `fuzz`) and tests/unit/base_fuzz_test.cpp, a
// short run with mutations by Philox.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retort::tests {

struct FuzzTarget {
  std::string_view name;
  // What is wrong, or "".
  std::string (*problem)(std::span<const uint8_t> bytes);
  // Inputs that are accepted, to start from.
  std::vector<std::vector<uint8_t>> (*seeds)();
};
std::span<const FuzzTarget> fuzz_targets();

}  // namespace retort::tests
