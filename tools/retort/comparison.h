#pragma once
// What a comparison of two runs or models found: the rows of compare's table.
#include <cstdint>
#include <string>
#include <vector>

namespace retort {

struct ComparisonRow {
  std::string what;      // "log-probabilities"
  std::string unit;      // of the counts: "samples"
  int64_t compared = 0;  // things that at least one side has
  int64_t differing = 0;
  std::string first{};  // place of the first difference and both values; "" when there is none
  bool gated = true;    // deterministic: a difference fails --assert-equal

  // One more thing was compared and differs; the text of the first is kept.
  void differ(const std::string& text) {
    if (differing++ == 0) first = text;
  }
};

using Comparison = std::vector<ComparisonRow>;

// Equal in every gated row, and something was compared: a gate that saw nothing has failed.
bool all_equal(const Comparison& comparison);

// For a person, and one JSON object a line.
std::string comparison_table(const Comparison& comparison);
std::string comparison_json(const Comparison& comparison);

}  // namespace retort
