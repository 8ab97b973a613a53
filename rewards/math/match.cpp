#include "rewards/math/answer.h"
#include "rewards/math/unit.h"
#include "rewards/text.h"

#include <algorithm>
#include <cctype>

namespace retort::math {
namespace {

using Kind = Answer::Kind;

bool equal_numbers(const Value& gold, const Value& answer, const Equality& rules) {
  if (gold.infinite != 0 || answer.infinite != 0) return gold.infinite == answer.infinite;
  if (gold.number == answer.number) return true;
  if (rules.percent_equal && gold.percent != answer.percent) {
    const Number& percent = gold.percent ? gold.number : answer.number;
    const Number& plain = gold.percent ? answer.number : gold.number;
    if (Number::product(percent, Number(100)) == plain) return true;
  }
  if (!rules.tolerance) return false;
  const mpf_class a = answer.number.approximate(), b = gold.number.approximate();
  const mpf_class size = abs(b) > 1 ? mpf_class(abs(b)) : mpf_class(1);
  return abs(a - b) <= *rules.tolerance * size;
}

Match match_values(const Value& gold, const Value& answer, const Equality& rules) {
  const bool lone = gold.unit.empty() || answer.unit.empty();
  if (gold.unit != answer.unit && !(lone && rules.lone_unit_free))
    return known_to_differ(gold.unit, answer.unit) ? Match::kDiffers : Match::kOpen;
  return equal_numbers(gold, answer, rules) ? Match::kEqual : Match::kDiffers;
}

// Yes, yes and YES are one word; AB and ab may be two products, ABC a triangle.
bool is_word(const std::string& text) {
  constexpr std::string_view kShort[] = {"no", "yes", "odd", "even", "true", "none"};
  const std::string low = lower(text);
  if (std::find(std::begin(kShort), std::end(kShort), low) != std::end(kShort)) return true;
  constexpr size_t kWord = 3, kMostPoints = 6;
  const bool capitals =
      std::none_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  return text.size() >= kWord && !(capitals && text.size() <= kMostPoints);
}

Match match_texts(const std::string& gold, const std::string& answer) {
  if (gold == answer) return Match::kEqual;
  if (lower(gold) != lower(answer)) return Match::kDiffers;
  return is_word(gold) && is_word(answer) ? Match::kEqual : Match::kOpen;
}

Match match_in_order(const std::vector<Answer>& gold, const std::vector<Answer>& answer,
                     const Equality& rules) {
  if (gold.size() != answer.size()) return Match::kDiffers;
  Match all = Match::kEqual;
  for (size_t i = 0; i < gold.size() && all != Match::kDiffers; ++i)
    if (const Match one = match(gold[i], answer[i], rules); one != Match::kEqual) all = one;
  return all;
}

// Every member of one side has a match on the other; with `counted` one of its own.
Match match_unordered(const std::vector<Answer>& gold, const std::vector<Answer>& answer,
                      bool counted, const Equality& rules) {
  if (counted && gold.size() != answer.size()) return Match::kDiffers;
  bool open = false;
  std::vector<char> taken(answer.size(), 0);
  for (const Answer& wanted : gold) {
    bool found = false;
    for (size_t i = 0; i < answer.size() && !(found && counted); ++i) {
      if (counted && taken[i] != 0) continue;
      const Match one = match(wanted, answer[i], rules);
      open = open || one == Match::kOpen;
      if (one != Match::kEqual) continue;
      found = true;
      taken[i] = 1;
    }
    if (!found) return open ? Match::kOpen : Match::kDiffers;
  }
  if (std::find(taken.begin(), taken.end(), 0) == taken.end()) return Match::kEqual;
  return open ? Match::kOpen : Match::kDiffers;
}

bool is_unordered(const Answer& answer) {
  return answer.kind == Kind::kSet || answer.kind == Kind::kList;
}

}  // namespace

Match match(const Answer& gold, const Answer& answer, const Equality& rules) {
  if (!gold.name.empty() && !answer.name.empty() && gold.name != answer.name) return Match::kOpen;
  const bool tuples = gold.kind == Kind::kTuple && answer.kind == Kind::kTuple;
  const auto may_be_set = [&](const Answer& one) {
    return is_unordered(one) || (rules.tuple_as_set && one.kind == Kind::kTuple);
  };
  if (may_be_set(gold) && may_be_set(answer)) {
    // \{1,1\} is \{1\}; the list 1, 1 may be a root that counts twice.
    const bool counted = gold.kind == Kind::kList || answer.kind == Kind::kList;
    return match_unordered(gold.members, answer.members, counted, rules);
  }
  if (gold.kind != answer.kind) {
    const auto open = [](const Answer& one) {
      return one.kind == Kind::kText || one.kind == Kind::kMatrix || one.kind == Kind::kUnion;
    };
    return open(gold) || open(answer) ? Match::kOpen : Match::kDiffers;
  }
  switch (gold.kind) {
    case Kind::kValue:
      return match_values(gold.value, answer.value, rules);
    case Kind::kText:
      return match_texts(gold.text, answer.text);
    case Kind::kUnion: {
      // (0,1]\cup(1,2) is (0,2): what is written in another way is left open.
      const Match same = match_unordered(gold.members, answer.members, true, rules);
      return same == Match::kEqual ? same : Match::kOpen;
    }
    case Kind::kTuple:
    case Kind::kMatrix:
      if (tuples && (gold.open != answer.open || gold.close != answer.close))
        return Match::kDiffers;
      return match_in_order(gold.members, answer.members, rules);
    case Kind::kSet:
    case Kind::kList:
      break;  // above
  }
  return Match::kDiffers;
}

}  // namespace retort::math
