#include "rewards/math/extract.h"

#include "rewards/math/answer.h"
#include "rewards/text.h"

#include <algorithm>

namespace retort::math {
namespace {

constexpr size_t kLongestAnswer = 200;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<std::string> from_box(std::string_view text) {
  const std::optional<std::string_view> box = last_box(text);
  return box ? std::optional(std::string(*box)) : std::nullopt;
}

std::optional<std::string> from_tag(std::string_view text) {
  const std::optional<std::string_view> tag = last_answer_tag(text);
  if (!tag) return std::nullopt;
  const std::optional<std::string> box = from_box(*tag);
  return box ? box : std::string(*tag);
}

std::optional<std::string> from_phrase(std::string_view text) {
  const std::string low = lower(text);
  const size_t is = low.rfind("answer is"), colon = low.rfind("answer:");
  if (is == std::string::npos && colon == std::string::npos) return std::nullopt;
  const bool by_colon = is == std::string::npos || (colon != std::string::npos && colon > is);
  std::string_view rest = by_colon ? text.substr(colon + 7) : text.substr(is + 9);
  rest = rest.substr(0, rest.find('\n'));
  // A sentence ends at a full stop that no digit follows.
  for (size_t i = 0; i < rest.size(); ++i)
    if (rest[i] == '.' && i + 1 < rest.size() && rest[i + 1] == ' ') rest = rest.substr(0, i);
  rest = stripped(rest);
  for (const std::string_view lead : {":", "**", "="})
    while (rest.starts_with(lead)) rest = stripped(rest.substr(lead.size()));
  while (rest.ends_with("**")) rest = stripped(rest.substr(0, rest.size() - 2));
  return std::string(rest);
}

// -12, 1,234.5, 3/4, 50%, \frac{1}{2} with what stands directly before it.
std::optional<std::string> last_number(std::string_view text) {
  size_t end = text.size();
  while (end > 0 && !is_digit(text[end - 1])) --end;
  if (end == 0) return std::nullopt;
  size_t begin = end;
  const auto belongs = [&](size_t i) {
    const char c = text[i];
    return is_digit(c) || ((c == '.' || c == ',' || c == '/') && i > 0 && is_digit(text[i - 1]));
  };
  while (begin > 0 && belongs(begin - 1)) --begin;
  if (begin > 0 && text[begin - 1] == '-' && (begin == 1 || !is_digit(text[begin - 2]))) --begin;
  // \frac{a}{b}
  if (end < text.size() && text[end] == '}') {
    const size_t frac = text.rfind("frac{", begin);
    const size_t close = frac == std::string_view::npos ? frac : text.find("}{", frac);
    if (close != std::string_view::npos && close + 2 == begin) {
      begin = text.rfind('\\', frac);
      if (begin == std::string_view::npos) return std::nullopt;
      if (begin > 0 && text[begin - 1] == '-') --begin;
      return std::string(text.substr(begin, end + 1 - begin));
    }
  }
  if (end < text.size() && text[end] == '%') ++end;
  if (end + 1 < text.size() && text.substr(end, 2) == "\\%") end += 2;
  return std::string(text.substr(begin, end - begin));
}

}  // namespace

std::optional<std::string_view> last_box(std::string_view text) {
  size_t at = std::string_view::npos;
  for (const std::string_view open : {"\\boxed{", "\\fbox{"}) {
    const size_t found = text.rfind(open);
    if (found == std::string_view::npos) continue;
    const size_t inside = found + open.size();
    at = at == std::string_view::npos ? inside : std::max(at, inside);
  }
  if (at == std::string_view::npos) return std::nullopt;
  int depth = 1;
  for (size_t i = at; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;  // \{ and \} are characters
      continue;
    }
    depth += text[i] == '{' ? 1 : text[i] == '}' ? -1 : 0;
    if (depth == 0) return text.substr(at, i - at);
  }
  return std::string_view();
}

std::optional<std::string> extract(std::string_view completion,
                                   const std::vector<std::string>& ways) {
  for (const std::string& way : ways) {
    std::optional<std::string> found;
    if (way == "boxed") found = from_box(completion);
    if (way == "answer_tag") found = from_tag(completion);
    if (way == "phrase") found = from_phrase(completion);
    if (way == "last") {
      // A completion that is an answer as a whole stands for itself.
      std::string why;
      const bool whole = completion.size() <= kLongestAnswer && read_answer(completion, &why);
      found = whole ? std::string(completion) : last_number(completion);
    }
    if (found) return found;
  }
  return std::nullopt;
}

}  // namespace retort::math
