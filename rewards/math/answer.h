#pragma once
// A mathematical answer read from plain text or LaTeX: numbers, tuples and intervals, sets, words.
//
// Read: integers, decimals (1,234.5; .5; 0.\overline{3}; 1e6), fractions, mixed numbers, roots,
// whole powers, pi, percent, a unit behind the number, "x =" before it. Not read, and never
// guessed: variables, functions, a/bc (which of the two?), numbers that have no exact form here.
// Bounded: 4 KiB of text, 64 levels.
#include "rewards/math/number.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort::math {

struct Value {
  Number number;
  std::string unit;      // lower case, without spaces; "" for none
  bool percent = false;  // written with %; `number` is divided by 100 already
};

struct Answer {
  enum class Kind { kValue, kTuple, kSet, kText };
  Kind kind = Kind::kValue;
  char open = 0, close = 0;   // brackets of a tuple or interval
  std::vector<Value> values;  // one of a value
  std::string text;           // of words: lower case, single spaces
};

// nullopt, with the reason in `why`, for what is not read.
std::optional<Answer> read_answer(std::string_view raw, std::string* why);

struct Equality {
  bool percent_equal = false;  // 50% answers 50 too
  bool tuple_as_set = false;
  std::optional<double> tolerance;  // |a - b| <= tolerance max(1, |b|)
};
bool equal(const Answer& gold, const Answer& answer, const Equality& rules);

}  // namespace retort::math
