#include "rewards/math/extract.h"

#include "rewards/math/answer.h"
#include "rewards/text.h"

#include <algorithm>
#include <iterator>

namespace retort::math {
namespace {

constexpr size_t kLongestAnswer = 200;
constexpr std::string_view kMark = "####";  // of GSM8K
constexpr std::string_view kSpace = " \t\n\r";

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::optional<Found> from_tag(std::string_view text) {
  const std::optional<std::string_view> tag = last_answer_tag(text);
  if (!tag) return std::nullopt;
  const std::optional<Found> box = last_box(*tag);
  return box ? box : Found{std::string(*tag)};
}

// Without markdown's stars around it.
std::string_view without_stars(std::string_view text) {
  text = stripped(text);
  while (text.ends_with('*')) text = stripped(text.substr(0, text.size() - 1));
  while (text.starts_with('*')) text = stripped(text.substr(1));
  return text;
}

std::optional<Found> from_phrase(std::string_view text) {
  const std::string low = lower(text);
  size_t begin = std::string::npos;
  for (const std::string_view phrase : {"answer is", "answer:", "answer**:", "answer =", "####"}) {
    const size_t at = low.rfind(phrase);
    if (at != std::string::npos && (begin == std::string::npos || at + phrase.size() > begin))
      begin = at + phrase.size();
  }
  if (begin == std::string::npos) return std::nullopt;
  const bool mark = text.substr(0, begin).ends_with(kMark);
  std::string_view rest = text.substr(begin);
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t:*"), rest.size()));
  if (rest.starts_with('\n')) rest = stripped(rest);
  rest = rest.substr(0, rest.find('\n'));
  // A sentence ends at a full stop before a space, outside of mathematics.
  bool math = false;
  for (size_t i = 0; i < rest.size() && !mark; ++i) {
    if (rest[i] == '$') math = !math;
    if (rest[i] == '.' && !math && i + 1 < rest.size() && rest[i + 1] == ' ')
      rest = rest.substr(0, i);
  }
  rest = without_stars(rest);
  for (const std::string_view lead : {":", "="})
    if (rest.starts_with(lead)) rest = without_stars(rest.substr(1));
  return Found{std::string(rest)};
}

// A word of prose that leaves a number beside it alone; a sign of equality before one does too.
bool is_prose(std::string_view word, bool before) {
  constexpr std::string_view kChanging[] = {
      "minus",    "negative", "plus",     "times",      "over",      "point",
      "half",     "hundred",  "hundreds", "thousand",   "thousands", "million",
      "millions", "billion",  "billions", "trillion",   "dozen",     "percent",
      "per",      "squared",  "cubed",    "and",        "or",        "not",
      "isn't",    "never",    "pi",       "root",       "by",        "to",
      "e",        "x",        "divided",  "multiplied", "about",     "approximately",
      "almost",   "nearly",   "than",     "between",    "mod",       "modulo",
      "base",     "least",    "most",     "under",      "below",     "above",
      "of",       "twice",    "thrice",   "double",     "triple",    "sqrt",
      "log",      "ln",       "sin",      "cos",        "tan",       "factorial",
      "choose"};
  if (before && word == "=") return true;
  std::string low;
  for (const char c : word) {
    if (is_letter(c) || c == '\'')
      low += c;
    else if (std::string_view(".,:;!?*()\"").find(c) == std::string_view::npos)
      return false;
  }
  low = lower(low);
  return std::find(std::begin(kChanging), std::end(kChanging), low) == std::end(kChanging) &&
         (low.size() > 1 || low == "a" || low.empty());
}

// Whether the clause around text[at] says what is not so.
bool is_denied(std::string_view text, size_t at) {
  constexpr std::string_view kEnds = ".,;:!?\n";
  const size_t before = text.find_last_of(kEnds, at), after = text.find_first_of(kEnds, at);
  const size_t begin = before == std::string_view::npos ? 0 : before + 1;
  std::string clause = " ";
  for (const char c : text.substr(begin, std::min(after, text.size()) - begin))
    clause += is_letter(c) || c == '\'' ? c : ' ';
  clause = lower(clause + " ");
  constexpr std::string_view kDenying[] = {" not ",   "n't ",        " cannot ",     " never ",
                                           " wrong ", " incorrect ", " impossible ", " false "};
  return std::any_of(std::begin(kDenying), std::end(kDenying),
                     [&](std::string_view word) { return clause.find(word) != std::string::npos; });
}

// The last word with a digit, when it stands alone between words of prose.
std::optional<Found> last_number(std::string_view text) {
  const size_t digit = text.find_last_of("0123456789");
  if (digit == std::string_view::npos) return std::nullopt;
  const size_t before = text.find_last_of(kSpace, digit);
  const size_t begin = before == std::string_view::npos ? 0 : before + 1;
  const size_t end = std::min(text.find_first_of(kSpace, digit), text.size());
  std::string_view word = text.substr(begin, end - begin);
  while (!word.empty() && std::string_view(".,:;?*\"'").find(word.back()) != std::string_view::npos)
    word.remove_suffix(1);
  while (!word.empty() && std::string_view("*\"'").find(word.front()) != std::string_view::npos)
    word.remove_prefix(1);
  const std::string_view left = stripped(text.substr(0, begin)), right = stripped(text.substr(end));
  const size_t space = left.find_last_of(kSpace);
  const std::string_view previous = left.substr(space == std::string_view::npos ? 0 : space + 1);
  const std::string_view next = right.substr(0, right.find_first_of(kSpace));
  return Found{std::string(word),
               !is_prose(previous, true) || !is_prose(next, false) || is_denied(text, digit)};
}

std::optional<Found> from_end(std::string_view text) {
  std::string why;
  const std::string_view whole = stripped(text);
  if (whole.size() <= kLongestAnswer && read_answer(whole, &why)) return Found{std::string(whole)};
  return last_number(text);
}

}  // namespace

std::optional<Found> extract(std::string_view completion, const std::vector<std::string>& ways) {
  for (const std::string& way : ways) {
    std::optional<Found> found;
    if (way == "boxed") found = last_box(completion);
    if (way == "answer_tag") found = from_tag(completion);
    if (way == "phrase") found = from_phrase(completion);
    if (way == "last") found = from_end(completion);
    if (found) return found;
  }
  return std::nullopt;
}

Found final_part(std::string_view gold) {
  if (std::optional<Found> box = last_box(gold)) return *box;
  const size_t mark = gold.rfind(kMark);
  return Found{
      std::string(mark == std::string_view::npos ? gold : gold.substr(mark + kMark.size()))};
}

}  // namespace retort::math
