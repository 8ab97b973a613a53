#pragma once
// What stands behind a number: a percent sign, "million", a unit.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace retort::math {

struct Suffix {
  bool percent = false;
  int64_t factor = 1;  // of hundred, thousand, million, …
  std::string unit;    // words in one spelling, "cm^2", "mile/hour"; "" for none
};

// `text` is as plain_text() leaves it. nullopt with the reason in `why`.
std::optional<Suffix> read_suffix(std::string_view text, std::string* why);

// Whether two different units are known to differ: cm and m, but not apple and apples.
bool known_to_differ(std::string_view a, std::string_view b);

}  // namespace retort::math
