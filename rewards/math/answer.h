#pragma once
// A mathematical answer read from plain text or LaTeX: numbers, tuples and intervals, sets, lists,
// unions, matrices, words.
//
// Read: integers, decimals (1,234.5; .5; 0.\overline{3}; 1e6), fractions, mixed numbers, roots,
// powers, pi, infinity, percent, a unit behind the number, one \pm, "x =" before it. Not read, and
// never guessed: variables, functions, 1/2\pi (which of the two?), numbers that have no exact form
// here. Bounded: 4 KiB of text, 64 levels, 256 members.
#include "rewards/math/number.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort::math {

struct Value {
  Number number;
  int infinite = 0;      // 1 and -1: the infinities
  std::string unit;      // in one spelling (rewards/math/unit.h); "" for none
  bool percent = false;  // written with %; `number` is divided by 100 already
};

struct Answer {
  enum class Kind {
    kValue,
    kText,    // words: `text`
    kTuple,   // or interval: brackets `open` and `close`, members in order
    kSet,     // in braces
    kList,    // without brackets: in any order
    kUnion,   // of intervals and sets
    kMatrix,  // its rows, each a tuple
  };
  Kind kind = Kind::kValue;
  std::string name;  // of "x = 5"
  Value value;
  std::string text;
  char open = 0, close = 0;
  std::vector<Answer> members;
};

// nullopt, with the reason in `why`, for what is not read.
std::optional<Answer> read_answer(std::string_view raw, std::string* why);

struct Equality {
  bool percent_equal = false;  // 50% answers 50 too
  bool tuple_as_set = false;
  bool lone_unit_free = false;      // $10 answers 10, and 10 answers $10
  std::optional<double> tolerance;  // |a - b| <= tolerance max(1, |b|)
};

enum class Match {
  kEqual,
  kDiffers,
  kOpen,  // cannot be decided: other names, units that are not known
};
Match match(const Answer& gold, const Answer& answer, const Equality& rules);

}  // namespace retort::math
