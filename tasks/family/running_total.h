#pragma once
// Sums and differences from left to right, as the text families write them.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

// numbers[0] signs[0] numbers[1] …; `signs` holds '+' and '-' and is one shorter than `numbers`.
struct SignedSum {
  std::vector<int64_t> numbers;
  std::vector<char> signs;
};

int64_t value_of(const SignedSum& sum);

// "3+20-16"
std::string expression(const SignedSum& sum);

// "3+20=23-16=7": each total is written out before the next number.
std::string running_totals(const SignedSum& sum);

// Reads expression(); RT_CHECK fails on any other text.
SignedSum read_expression(std::string_view text);

}  // namespace retort
