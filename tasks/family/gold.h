#pragma once
// The answer field of a procedural task: {"target":T}, or {"numbers":[…],"target":T} where the
// numbers are part of the verifier's specification.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace retort {

struct Gold {
  std::vector<int64_t> numbers;  // empty when the family has none
  int64_t target = 0;
};

// Bounds of what read_gold accepts; a product of all numbers stays far below 2^127.
inline constexpr size_t kMaxGoldNumbers = 6;
inline constexpr int64_t kMaxGoldNumber = 1'000'000;

std::string write_gold(const Gold& gold);

// nullopt when the text is no such object; `*error` then says why, in one line.
std::optional<Gold> read_gold(const std::string& answer, bool with_numbers, std::string* error);

}  // namespace retort
