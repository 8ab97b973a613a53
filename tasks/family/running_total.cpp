#include "tasks/family/running_total.h"

#include "base/check.h"

#include <charconv>

namespace retort {

int64_t value_of(const SignedSum& sum) {
  int64_t total = sum.numbers[0];
  for (size_t i = 0; i < sum.signs.size(); ++i)
    total += sum.signs[i] == '+' ? sum.numbers[i + 1] : -sum.numbers[i + 1];
  return total;
}

std::string expression(const SignedSum& sum) {
  std::string text = std::to_string(sum.numbers[0]);
  for (size_t i = 0; i < sum.signs.size(); ++i)
    text += sum.signs[i] + std::to_string(sum.numbers[i + 1]);
  return text;
}

std::string running_totals(const SignedSum& sum) {
  int64_t total = sum.numbers[0];
  std::string text = std::to_string(total);
  for (size_t i = 0; i < sum.signs.size(); ++i) {
    const int64_t number = sum.numbers[i + 1];
    total += sum.signs[i] == '+' ? number : -number;
    text += sum.signs[i] + std::to_string(number) + "=" + std::to_string(total);
  }
  return text;
}

SignedSum read_expression(std::string_view text) {
  SignedSum sum;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  while (true) {
    int64_t number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    RT_CHECK(error == std::errc() && number >= 0) << "not a sum: " << std::string(text);
    sum.numbers.push_back(number);
    at = next;
    if (at == end) return sum;
    RT_CHECK(*at == '+' || *at == '-') << "not a sum: " << std::string(text);
    sum.signs.push_back(*at++);
  }
}

}  // namespace retort
