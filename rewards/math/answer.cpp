#include "rewards/math/answer.h"

#include "rewards/math/expression.h"
#include "rewards/math/extract.h"
#include "rewards/text.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace retort::math {
namespace {

constexpr size_t kMaxText = 4096;

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

// Commands that say nothing about the value, other spellings of those that do.
std::string normal_text(std::string_view raw) {
  std::string text(raw);
  constexpr std::array<std::array<std::string_view, 2>, 30> kSame = {{
      {"\xe2\x88\x92", "-"},
      {"\xe2\x80\x93", "-"},
      {"\xc3\x97", "\\times "},
      {"\xc3\xb7", "\\div "},
      {"\xc2\xb7", "\\cdot "},
      {"\xcf\x80", "\\pi "},
      {"\xc2\xb0", "^\\circ "},
      {"\xe2\x88\x9a", "\\sqrt "},
      {"\xc2\xa0", " "},
      {"\\dfrac", "\\frac"},
      {"\\tfrac", "\\frac"},
      {"\\cfrac", "\\frac"},
      {"\\left", ""},
      {"\\right", ""},
      {"\\displaystyle", ""},
      {"\\,", ""},
      {"\\!", ""},
      {"\\;", " "},
      {"\\:", " "},
      {"\\ ", " "},
      {"\\quad", " "},
      {"~", " "},
      {"{,}", ","},
      {"\\(", ""},
      {"\\)", ""},
      {"\\[", ""},
      {"\\]", ""},
      {"\\lbrace", "\\{"},
      {"\\rbrace", "\\}"},
      {"\\cup", " \\cup "},
  }};
  // Escaped dollars are money, the others mark mathematics.
  std::string dollars;
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] != '$' || (i > 0 && text[i - 1] == '\\')) dollars += text[i];
  text = dollars;
  for (const auto& [from, to] : kSame) replace_all(text, from, to);
  for (char& c : text)
    if (c == '\n' || c == '\t' || c == '\r') c = ' ';
  while (text.find("  ") != std::string::npos) replace_all(text, "  ", " ");
  std::string_view view = stripped(text);
  if (view.ends_with('.') || view.ends_with(',')) view = stripped(view.substr(0, view.size() - 1));
  return std::string(view);
}

// "x = 5" -> "5"; "x_1=5" too. Two signs of equality stay, and are not read.
std::string_view without_name(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || text.find('=', equals + 1) != std::string_view::npos)
    return text;
  std::string_view name = stripped(text.substr(0, equals));
  if (name.empty() || !is_letter(name.front())) return text;
  name.remove_prefix(1);
  const bool index = name.starts_with("_") && name.size() <= 5;
  return name.empty() || index ? stripped(text.substr(equals + 1)) : text;
}

// Whether `text` is one bracket from its first to its last character.
bool is_enclosed(std::string_view text, size_t open_size, size_t close_size) {
  int depth = 0;
  for (size_t i = 0; i + close_size <= text.size(); ++i) {
    const char c = text[i];
    if (c == '(' || c == '[' || c == '{') ++depth;
    if (c == ')' || c == ']' || c == '}') --depth;
    if (depth == 0 && i >= open_size - 1 && i + 1 < text.size()) return false;
  }
  return depth == 0;
}

// Parts between the commas outside of brackets. With `words`, "and" and "or" part them as well.
std::vector<std::string> parts_of(std::string text, bool words) {
  if (words)
    for (const std::string_view joint :
         {"\\text{ and }", "\\text{and}", "\\text{ or }", "\\text{or}", " and ", " or "})
      replace_all(text, joint, ",,");
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char c : text) {
    if (c == '(' || c == '[' || c == '{') ++depth;
    if (c == ')' || c == ']' || c == '}') --depth;
    if (c == ',' && depth == 0)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  // "1, and 2" has an empty part.
  if (words) std::erase_if(parts, [](const std::string& part) { return stripped(part).empty(); });
  return parts;
}

// Words alone: "no solution", "\text{Evelyn}". No digit, no sign, no further command.
std::optional<std::string> words_of(std::string text) {
  for (const std::string_view command : {"\\text{", "\\mathrm{", "\\textbf{", "\\textit{"})
    if (text.starts_with(command) && text.ends_with('}'))
      text = text.substr(command.size(), text.size() - command.size() - 1);
  text = std::string(stripped(text));
  const auto is_word = [](char c) {
    return is_letter(c) || c == ' ' || c == '-' || static_cast<unsigned char>(c) >= 0x80;
  };
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_word) || text.front() == '-' ||
      text == "pi")
    return std::nullopt;
  return lower(text);
}

std::optional<Answer> read_values(const std::vector<std::string>& parts, Answer answer,
                                  std::string* why) {
  for (const std::string& part : parts) {
    std::optional<Value> value = read_value(without_name(part), why);
    if (!value) return std::nullopt;
    answer.values.push_back(std::move(*value));
  }
  return answer;
}

bool equal(const Value& gold, const Value& answer, const Equality& rules) {
  if (gold.unit != answer.unit) return false;
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

bool equal_in_order(const std::vector<Value>& a, const std::vector<Value>& b,
                    const Equality& rules) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](const Value& x, const Value& y) { return equal(x, y, rules); });
}

// Every value of one side has an equal one on the other.
bool equal_as_sets(const std::vector<Value>& a, const std::vector<Value>& b,
                   const Equality& rules) {
  const auto covers = [&](const std::vector<Value>& some, const std::vector<Value>& all) {
    return std::all_of(all.begin(), all.end(), [&](const Value& value) {
      return std::any_of(some.begin(), some.end(),
                         [&](const Value& other) { return equal(value, other, rules); });
    });
  };
  return covers(a, b) && covers(b, a);
}

}  // namespace

std::optional<Answer> read_answer(std::string_view raw, std::string* why) {
  if (raw.size() > kMaxText) {
    *why = "is longer than 4096 bytes";
    return std::nullopt;
  }
  if (const std::optional<std::string_view> box = last_box(raw)) raw = *box;
  const std::string text = normal_text(raw);
  if (text.empty()) {
    *why = "is empty";
    return std::nullopt;
  }
  Answer answer;
  if (text.starts_with("\\{") && text.ends_with("\\}")) {
    answer.kind = Answer::Kind::kSet;
    return read_values(parts_of(text.substr(2, text.size() - 4), false), answer, why);
  }
  const char open = text.front(), close = text.back();
  if ((open == '(' || open == '[') && (close == ')' || close == ']') && is_enclosed(text, 1, 1)) {
    const std::vector<std::string> parts = parts_of(text.substr(1, text.size() - 2), false);
    if (parts.size() > 1) {
      answer.kind = Answer::Kind::kTuple;
      answer.open = open;
      answer.close = close;
      return read_values(parts, answer, why);
    }
  }
  if (const std::optional<std::string> words = words_of(text)) {
    answer.kind = Answer::Kind::kText;
    answer.text = *words;
    return answer;
  }
  // One number, thousands separated or not, before a list.
  if (std::optional<Value> value = read_value(without_name(text), why)) {
    answer.values.push_back(std::move(*value));
    return answer;
  }
  const std::vector<std::string> parts = parts_of(text, true);
  if (parts.size() < 2) return std::nullopt;
  answer.kind = Answer::Kind::kSet;
  return read_values(parts, answer, why);
}

bool equal(const Answer& gold, const Answer& answer, const Equality& rules) {
  using Kind = Answer::Kind;
  if (gold.kind != answer.kind) {
    const bool both_many = (gold.kind == Kind::kTuple || gold.kind == Kind::kSet) &&
                           (answer.kind == Kind::kTuple || answer.kind == Kind::kSet);
    return rules.tuple_as_set && both_many && equal_as_sets(gold.values, answer.values, rules);
  }
  switch (gold.kind) {
    case Kind::kText:
      return gold.text == answer.text;
    case Kind::kValue:
      return equal(gold.values.front(), answer.values.front(), rules);
    case Kind::kSet:
      return equal_as_sets(gold.values, answer.values, rules);
    case Kind::kTuple:
      if (rules.tuple_as_set) return equal_as_sets(gold.values, answer.values, rules);
      return gold.open == answer.open && gold.close == answer.close &&
             equal_in_order(gold.values, answer.values, rules);
  }
  return false;
}

}  // namespace retort::math
