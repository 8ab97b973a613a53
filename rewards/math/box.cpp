#include "rewards/math/extract.h"
#include "rewards/text.h"

#include <algorithm>
#include <cctype>

namespace retort::math {
namespace {

constexpr size_t kNowhere = std::string_view::npos;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

// For every '{' where its '}' stands, in one pass.
std::vector<size_t> group_ends(std::string_view text) {
  std::vector<size_t> ends(text.size(), kNowhere), open;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '{') {
      open.push_back(i);
    } else if (text[i] == '}' && !open.empty()) {
      ends[open.back()] = i;
      open.pop_back();
    }
  }
  return ends;
}

// Where the group of the box command at text[at] opens; npos when it is none.
size_t box_group(std::string_view text, size_t at) {
  for (const std::string_view command : {"\\boxed", "\\fbox"}) {
    if (!text.substr(at).starts_with(command)) continue;
    size_t open = at + command.size();
    while (open < text.size() && text[open] == ' ') ++open;
    if (open < text.size() && text[open] == '{') return open;
  }
  return kNowhere;
}

bool ends_with_any(std::string_view text, std::initializer_list<std::string_view> ends) {
  return std::any_of(ends.begin(), ends.end(), [&](auto end) { return text.ends_with(end); });
}
bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> starts) {
  return std::any_of(starts.begin(), starts.end(),
                     [&](auto start) { return text.starts_with(start); });
}

// <answer>, </p>: no sign of an order.
bool ends_with_tag(std::string_view text) {
  if (!text.ends_with('>')) return false;
  const size_t open = text.rfind('<');
  if (open == kNowhere || open + 2 >= text.size()) return false;
  const std::string_view name = text.substr(open + 1, text.size() - open - 2);
  return std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || c == '/'; });
}

// Nothing but what joins the members of a list.
bool only_joins(std::string_view between) {
  constexpr size_t kLongest = 64;
  if (between.size() > kLongest) return false;
  std::string word;
  for (size_t i = 0; i <= between.size(); ++i) {
    if (i < between.size() && is_digit(between[i])) return false;
    if (i < between.size() && is_letter(between[i])) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(between[i])));
      continue;
    }
    if (!word.empty() && word != "or" && word != "and" && word != "text" && word != "quad")
      return false;
    word.clear();
  }
  return true;
}

// Whether what stands beside the box makes another answer of it: -\boxed{5}, \boxed{5}\%, 2 +
// \boxed{5}.
bool part_of_more(std::string_view before, std::string_view after) {
  // A dollar or \( only begins mathematics.
  while (ends_with_any(before, {"$", "\\(", "\\["}))
    before.remove_suffix(before.ends_with('$') ? 1 : 2);
  while (starts_with_any(after, {"$", "\\)", "\\]"}))
    after.remove_prefix(after.starts_with('$') ? 1 : 2);
  const std::string_view left = stripped(before), right = stripped(after);
  if (ends_with_any(
          left, {"\\cdot",   "\\times", "\\div",  "\\sqrt", "\\frac", "\\pi",   "\\pm",   "\\mp",
                 "\\neq",    "\\ne",    "\\lt",   "\\gt",   "\\le",   "\\ge",   "\\leq",  "\\geq",
                 "\\approx", "\\sim",   "+",      "*",      "/",      "^",      "_",      "<",
                 ">",        "\u00d7",  "\u00b1", "\u2260", "\u2264", "\u2265", "\u2248", "!="}) &&
      !left.ends_with("**") && !left.ends_with("->") && !left.ends_with("=>") &&
      !ends_with_tag(left))
    return true;
  if (left.ends_with('{') &&
      ends_with_any(stripped(left.substr(0, left.size() - 1)),
                    {"\\sqrt", "frac", "^", "_", "}", "]", "\\log", "\\overline", "\\binom"}))
    return true;
  if ((left.ends_with('(') && right.starts_with(',')) ||
      (left.ends_with(',') && right.starts_with(')')))
    return true;
  if (ends_with_any(left, {"-", "\u2212"}) &&
      ends_with_any(stripped(left.substr(0, left.find_last_of("-\xe2"))), {"=", ":"}))
    return true;
  if (ends_with_any(before, {"-", "\u2212", "."}) || (!before.empty() && is_digit(before.back())))
    return true;
  if (starts_with_any(right,
                      {"\\cdot",  "\\times",  "\\div",   "\\sqrt",  "\\frac",   "\\pi",   "\\pm",
                       "\\%",     "%",        "^",       "/",       "+",        "!",      "\u00d7",
                       "\u00b1",  "\u00b0",   "\\cup",   "\\pmod",  "\\mod",    "\\bmod", "percent",
                       "hundred", "thousand", "million", "billion", "trillion", "dozen"}) ||
      (right.starts_with("*") && !right.starts_with("**")))
    return true;
  if (right.starts_with('-')) {
    const std::string_view next = stripped(right.substr(1));
    if (!next.empty() && (is_digit(next.front()) || next.front() == '\\')) return true;
  }
  if (after.empty()) return false;
  const bool number_goes_on =
      (after.front() == '.' || after.front() == ',') && after.size() > 1 && is_digit(after[1]);
  return number_goes_on || is_digit(after.front()) || is_letter(after.front()) ||
         after.front() == '_' || after.front() == '(';
}

// The box's own inside: of \boxed{\boxed{5}} the inner one.
Found inside_of(std::string_view inside) {
  const bool nested = inside.find("\\boxed") != kNowhere || inside.find("\\fbox") != kNowhere;
  if (!nested) return {std::string(inside), false};
  const std::string_view text = stripped(inside);
  const size_t open = box_group(text, 0);
  if (open != kNowhere && group_ends(text)[open] == text.size() - 1) {
    const std::string_view inner = text.substr(open + 1, text.size() - open - 2);
    if (inner.find("\\boxed") == kNowhere && inner.find("\\fbox") == kNowhere)
      return {std::string(inner), false};
  }
  return {std::string(inside), true};
}

}  // namespace

std::optional<Found> last_box(std::string_view text) {
  std::vector<size_t> ends;  // made when there is a box
  bool any = false, closed = false, several = false;
  size_t first = 0;  // of the last box: its command, its inside, behind it
  size_t begin = 0, end = 0;
  for (size_t i = text.find('\\'); i != kNowhere; i = text.find('\\', i)) {
    const size_t open = box_group(text, i);
    if (open == kNowhere) {
      i += 2;  // what the backslash escapes too
      continue;
    }
    if (ends.empty()) ends = group_ends(text);
    if (ends[open] == kNowhere) {
      any = true;
      closed = false;
      i = open + 1;
      continue;
    }
    const std::string_view inside = text.substr(open + 1, ends[open] - open - 1);
    if (closed && only_joins(text.substr(end, i - end)))
      several = several || end == i || text.substr(begin, end - 1 - begin) != inside;
    else
      several = false;
    any = closed = true;
    first = i;
    begin = open + 1;
    end = ends[open] + 1;
    i = end;
  }
  if (!any) return std::nullopt;
  if (!closed) return Found{"", true};
  Found found = inside_of(text.substr(begin, end - 1 - begin));
  found.open = found.open || several || part_of_more(text.substr(0, first), text.substr(end));
  return found;
}

}  // namespace retort::math
