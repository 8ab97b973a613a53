#include "rewards/math/answer.h"

#include "rewards/math/expression.h"
#include "rewards/math/extract.h"
#include "rewards/math/plain.h"
#include "rewards/text.h"

#include <algorithm>
#include <cctype>

namespace retort::math {
namespace {

constexpr size_t kMaxText = 4096;
constexpr size_t kMaxMembers = 256;
constexpr int kMaxNesting = 6;

using Kind = Answer::Kind;

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

// The parts between the `what`s outside of brackets.
std::vector<std::string_view> cut(std::string_view text, std::string_view what) {
  std::vector<std::string_view> parts;
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '(' || c == '[' || c == '{') ++depth;
    if (c == ')' || c == ']' || c == '}') --depth;
    if (depth == 0 && text.substr(i).starts_with(what)) {
      parts.push_back(stripped(text.substr(begin, i - begin)));
      i += what.size() - 1;
      begin = i + 1;
    }
  }
  parts.push_back(stripped(text.substr(begin)));
  return parts;
}

// Whether one bracket, of `size` characters, goes from the first to the last character.
bool is_enclosed(std::string_view text, size_t size) {
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '(' || c == '[' || c == '{') ++depth;
    if (c == ')' || c == ']' || c == '}') --depth;
    if (depth == 0 && i >= size - 1 && i + 1 < text.size()) return false;
  }
  return depth == 0;
}

// Whether it names one unknown: x, x_1, x_{10}, \theta.
bool is_name(std::string_view text) {
  constexpr std::string_view kGreek[] = {"alpha", "beta",   "gamma",  "delta", "epsilon", "theta",
                                         "kappa", "lambda", "mu",     "nu",    "rho",     "sigma",
                                         "tau",   "phi",    "varphi", "psi",   "omega"};
  if (text.starts_with('\\'))
    return std::find(std::begin(kGreek), std::end(kGreek), text.substr(1)) != std::end(kGreek);
  if (text.empty() || !is_letter(text.front())) return false;
  text.remove_prefix(1);
  const auto of_index = [](char c) {
    return c == '_' || c == '{' || c == '}' || std::isalnum(static_cast<unsigned char>(c)) != 0;
  };
  return text.empty() || (text.starts_with("_") && text.size() <= 5 &&
                          std::all_of(text.begin(), text.end(), of_index));
}

// Takes "x =" off; also "(x,y) =", whose names must be in the order of the alphabet, which is the
// order of what is asked for. A second sign of equality may follow when the text is no list.
std::string take_name(std::string_view& text) {
  const std::vector<std::string_view> sides = cut(text, "=");
  const bool list = cut(text, ",").size() > 1 || text.find(" or ") != std::string_view::npos ||
                    text.find(" and ") != std::string_view::npos;
  if (sides.size() < 2 || sides.size() > 3 || (sides.size() == 3 && list)) return "";
  const std::string_view name = sides.front();
  bool named = is_name(name);
  if (name.size() > 2 && name.front() == '(' && name.back() == ')') {
    const std::vector<std::string_view> names = cut(name.substr(1, name.size() - 2), ",");
    named = names.size() > 1 && std::all_of(names.begin(), names.end(), is_name) &&
            std::is_sorted(names.begin(), names.end()) &&
            std::adjacent_find(names.begin(), names.end()) == names.end();
  }
  if (!named) return "";
  text = stripped(text.substr(text.find('=', name.size()) + 1));
  std::string dense(name);
  std::erase(dense, ' ');
  return dense;
}

// Words alone: no digit, no sign, no command.
std::optional<std::string> words_of(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.size() == 3 && text.front() == '(' && text.back() == ')' && is_letter(text[1]))
    text = text.substr(1, 1);  // (C) of a choice
  const auto is_word = [](char c) {
    return is_letter(c) || c == ' ' || c == '-' || c == '\'' ||
           static_cast<unsigned char>(c) >= 0x80;
  };
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_word) || text.front() == '-' ||
      text == "pi")
    return std::nullopt;
  return std::string(text);
}

class AnswerReader {
 public:
  explicit AnswerReader(std::string* why) : why_(why) {}

  std::optional<Answer> read(std::string_view text, int depth) {
    if (depth > kMaxNesting) return fail("is nested too deeply");
    text = without_font(text);
    std::string name = take_name(text);
    text = without_font(text);
    if (text.empty()) return fail("is empty");
    std::optional<Answer> answer = read_unnamed(text, depth);
    if (answer && answer->name.empty()) answer->name = std::move(name);
    return answer;
  }

 private:
  std::optional<Answer> fail(std::string why) {
    *why_ = std::move(why);
    return std::nullopt;
  }

  std::optional<Answer> read_unnamed(std::string_view text, int depth) {
    Answer answer;
    if (text == "\\emptyset" || text == "\\{\\}" || text == "\\{ \\}") {
      answer.kind = Kind::kSet;
      return answer;
    }
    if (text.starts_with("\\begin{")) return read_matrix(text, depth);
    if (const auto parts = cut(text, "\\cup"); parts.size() > 1) return read_union(parts, depth);
    if (text.starts_with("\\{") && text.ends_with("\\}") && is_enclosed(text, 2)) {
      answer.kind = Kind::kSet;
      return read_members(cut(text.substr(2, text.size() - 4), ","), answer, depth);
    }
    const char open = text.front(), close = text.back();
    if ((open == '(' || open == '[') && (close == ')' || close == ']') && is_enclosed(text, 1)) {
      const std::vector<std::string_view> parts = cut(text.substr(1, text.size() - 2), ",");
      if (parts.size() > 1) {
        answer.kind = Kind::kTuple;
        answer.open = open;
        answer.close = close;
        return read_members(parts, answer, depth);
      }
    }
    if (const std::optional<std::string> words = words_of(text)) {
      answer.kind = Kind::kText;
      answer.text = *words;
      return answer;
    }
    if (const size_t sign = text.find("\\pm"); sign != std::string_view::npos)
      return read_both_signs(text, sign, depth);
    if (const auto sides = cut(text, "="); sides.size() == 2) return read_equation(sides, depth);
    // One number, thousands separated or not, before a list.
    if (std::optional<Value> value = read_value(text, why_)) {
      answer.value = std::move(*value);
      return answer;
    }
    return read_list(text, depth);
  }

  std::optional<Answer> read_members(const std::vector<std::string_view>& parts, Answer answer,
                                     int depth) {
    if (parts.size() > kMaxMembers) return fail("has too many members");
    for (const std::string_view part : parts) {
      std::optional<Answer> member = read(part, depth + 1);
      if (!member) return std::nullopt;
      // "Alice, Bob", not a sentence with commas.
      if (std::count(member->text.begin(), member->text.end(), ' ') > 1)
        return fail("has a sentence where a member is due");
      // x=1, y=2 is no list of two values of one unknown.
      const bool first = answer.members.empty();
      if (!member->name.empty() && (!first || parts.size() > 1) &&
          (answer.kind != Kind::kList || (!first && answer.members.front().name != member->name)))
        return fail("names its members");
      answer.members.push_back(std::move(*member));
    }
    if (answer.kind == Kind::kList) {
      answer.name = answer.members.front().name;
      for (Answer& member : answer.members) member.name.clear();
    }
    return answer;
  }

  std::optional<Answer> read_list(std::string_view text, int depth) {
    std::string joined(text);
    for (const std::string_view joint :
         {"\\text{ and }", "\\text{and}", "\\text{and }", "\\text{ or }", "\\text{or}",
          "\\text{or }", "\\text{, and }", "\\text{, or }", " and ", " or "})
      replace_all(joined, joint, ",,");
    std::vector<std::string_view> parts = cut(joined, ",");
    // "1, and 2" has an empty part.
    std::erase_if(parts, [](std::string_view part) { return part.empty(); });
    if (parts.size() < 2) return std::nullopt;  // why is said already
    Answer answer;
    answer.kind = Kind::kList;
    return read_members(parts, answer, depth);
  }

  std::optional<Answer> read_both_signs(std::string_view text, size_t sign, int depth) {
    const std::string_view after = text.substr(sign + 3);
    if (after.find("\\pm") != std::string_view::npos ||
        text.find("\\mp") != std::string_view::npos || (!after.empty() && is_letter(after.front())))
      return fail("has signs that are not read");
    Answer answer;
    answer.kind = Kind::kList;
    const std::string before(text.substr(0, sign)), behind(after);
    if (cut(text, ",").size() > 1) return fail("has signs that are not read");
    const std::string plus = before + "+" + behind, minus = before + "-" + behind;
    return read_members({plus, minus}, answer, depth);
  }

  // 10/2 = 5: the value of both sides.
  std::optional<Answer> read_equation(const std::vector<std::string_view>& sides, int depth) {
    const std::optional<Answer> left = read(sides[0], depth + 1);
    if (!left) return std::nullopt;
    std::optional<Answer> right = read(sides[1], depth + 1);
    if (!right) return std::nullopt;
    const bool values = left->kind == Kind::kValue && right->kind == Kind::kValue;
    if (!values || left->value.infinite != 0 || !left->name.empty() || !right->name.empty() ||
        !(left->value.number == right->value.number) ||
        (!left->value.unit.empty() && left->value.unit != right->value.unit))
      return fail("is an equation that does not hold, or of other than numbers");
    return right;
  }

  std::optional<Answer> read_union(const std::vector<std::string_view>& parts, int depth) {
    Answer answer;
    answer.kind = Kind::kUnion;
    std::optional<Answer> read = read_members(parts, answer, depth);
    const auto is_part = [](const Answer& member) {
      return member.kind == Kind::kSet ||
             (member.kind == Kind::kTuple && member.members.size() == 2);
    };
    if (read && !std::all_of(read->members.begin(), read->members.end(), is_part))
      return fail("is no union of intervals");
    return read;
  }

  std::optional<Answer> read_matrix(std::string_view text, int depth) {
    for (const std::string_view kind : {"pmatrix", "bmatrix"}) {
      const std::string begin = "\\begin{" + std::string(kind) + "}";
      const std::string end = "\\end{" + std::string(kind) + "}";
      if (!text.starts_with(begin) || !text.ends_with(end)) continue;
      text = text.substr(begin.size(), text.size() - begin.size() - end.size());
      std::vector<std::string_view> rows = cut(text, "\\\\");
      if (rows.size() > 1 && rows.back().empty()) rows.pop_back();
      Answer matrix;
      matrix.kind = Kind::kMatrix;
      for (const std::string_view each : rows) {
        Answer row;
        row.kind = Kind::kTuple;
        std::optional<Answer> read = read_members(cut(each, "&"), row, depth);
        if (!read) return std::nullopt;
        matrix.members.push_back(std::move(*read));
      }
      return matrix;
    }
    return fail("has '" + std::string(text.substr(0, 16)) + "', which is not read");
  }

  std::string* why_;
};

}  // namespace

std::optional<Answer> read_answer(std::string_view raw, std::string* why) {
  if (raw.size() > kMaxText) {
    *why = "is longer than 4096 bytes";
    return std::nullopt;
  }
  const std::optional<std::string> text = plain_text(raw);
  if (!text) {
    *why = "has a dollar sign that stands alone";
    return std::nullopt;
  }
  return AnswerReader(why).read(*text, 0);
}

}  // namespace retort::math
