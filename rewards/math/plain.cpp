#include "rewards/math/plain.h"

#include "rewards/text.h"

#include <cctype>
#include <utility>

namespace retort::math {
namespace {

constexpr size_t kNowhere = std::string_view::npos;

using Spelling = std::pair<std::string_view, std::string_view>;

constexpr Spelling kCommands[] = {
    {"dfrac", "\\frac"},    {"tfrac", "\\frac"},
    {"cfrac", "\\frac"},    {"lbrace", "\\{"},
    {"rbrace", "\\}"},      {"lbrack", "["},
    {"rbrack", "]"},        {"textdollar", "\\$"},
    {"degree", "^\\circ "}, {"varnothing", "\\emptyset"},
};

constexpr std::string_view kInvisible[] = {
    "left", "right", "big",  "Big",   "bigg",      "Bigg",         "bigl",      "bigr",
    "Bigl", "Bigr",  "quad", "qquad", "thinspace", "displaystyle", "textstyle", "limits"};

constexpr Spelling kSigns[] = {
    {"\u2212", "-"},           {"\u2013", "-"},        {"\u00d7", "\\times "},
    {"\u00f7", "\\div "},      {"\u00b7", "\\cdot "},  {"\u22c5", "\\cdot "},
    {"\u03c0", "\\pi "},       {"\u00b0", "^\\circ "}, {"\u221a", "\\sqrt "},
    {"\u221e", "\\infty "},    {"\u00b1", "\\pm "},    {"\u222a", "\\cup "},
    {"\u00a0", " "},           {"\u2009", " "},        {"\u202f", " "},
    {"\u2205", "\\emptyset "},
};

constexpr std::string_view kFonts[] = {"\\text{",   "\\mathrm{", "\\mathbf{", "\\textbf{",
                                       "\\textit{", "\\textrm{", "\\mathit{", "\\mbox{",
                                       "\\mathsf{", "\\mathtt{"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

// "1{,}234{,}567" at `at`: its digits, and `at` behind it. "" for none.
std::string joined_thousands(std::string_view text, size_t& at) {
  if (at > 0 && (is_digit(text[at - 1]) || text[at - 1] == '.')) return "";
  size_t end = at;
  while (end < text.size() && is_digit(text[end])) ++end;
  if (end == at || end - at > 3 || text[at] == '0') return "";
  std::string digits(text.substr(at, end - at));
  for (const std::string_view separator : {"{,}", ",\\!", "\\,"}) {
    size_t next = end;
    std::string all = digits;
    const auto group = [&] {
      if (!text.substr(next).starts_with(separator)) return false;
      const std::string_view three = text.substr(next + separator.size()).substr(0, 4);
      if (three.size() < 3 || !is_digit(three[0]) || !is_digit(three[1]) || !is_digit(three[2]))
        return false;
      return three.size() == 3 || !is_digit(three[3]);
    };
    while (group()) {
      all += text.substr(next + separator.size(), 3);
      next += separator.size() + 3;
    }
    if (next == end) continue;
    at = next;
    return all;
  }
  return "";
}

// The command at text[at] == '\\', in its one spelling; `at` behind it.
std::string command(std::string_view text, size_t& at) {
  size_t end = at + 1;
  while (end < text.size() && is_letter(text[end])) ++end;
  const std::string_view name = text.substr(at + 1, end - at - 1);
  if (name.empty()) {
    const std::string_view sign = text.substr(at, 2);
    at += 2;
    const bool space = sign.size() == 2 && std::string_view(",:;! ()[]").find(sign[1]) != kNowhere;
    return space ? " " : std::string(sign);
  }
  at = end;
  for (const auto& [other, one] : kCommands)
    if (name == other) return std::string(one);
  // The dot of \left. is no bracket, and no decimal point.
  if ((name == "left" || name == "right") && text.substr(at).starts_with('.')) ++at;
  for (const std::string_view invisible : kInvisible)
    if (name == invisible) return " ";
  return "\\" + std::string(name);
}

// The unescaped dollars as spaces.
std::optional<std::string> without_dollars(std::string_view raw) {
  std::string text;
  size_t count = 0;
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '\\' && i + 1 < raw.size()) {
      text += raw.substr(i++, 2);
    } else {
      count += raw[i] == '$' ? 1 : 0;
      text += raw[i] == '$' ? ' ' : raw[i];
    }
  }
  if (count % 2 == 0) return text;
  if (count == 1 && stripped(raw).starts_with('$')) return "\\$" + text;
  return std::nullopt;
}

}  // namespace

std::optional<std::string> plain_text(std::string_view raw) {
  const std::optional<std::string> text = without_dollars(raw);
  if (!text) return std::nullopt;
  std::string plain;
  const auto add = [&](std::string_view piece) {
    for (const char c : piece) {
      const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '~';
      if (!space)
        plain += c;
      else if (!plain.empty() && plain.back() != ' ')
        plain += ' ';
    }
  };
  for (size_t at = 0; at < text->size();) {
    const std::string_view rest = std::string_view(*text).substr(at);
    if (const std::string digits = joined_thousands(*text, at); !digits.empty()) {
      add(digits);
      continue;
    }
    if (rest.front() == '\\') {
      add(command(*text, at));
      continue;
    }
    std::string_view piece = rest.substr(0, 1);
    at += 1;
    for (const auto& [sign, one] : kSigns)
      if (rest.starts_with(sign)) {
        piece = one;
        at += sign.size() - 1;
      }
    add(piece);
  }
  std::string_view view = stripped(plain);
  if (view.ends_with('.') || view.ends_with(',')) view = stripped(view.substr(0, view.size() - 1));
  return std::string(view);
}

std::string_view font_command(std::string_view text) {
  for (const std::string_view font : kFonts)
    if (text.starts_with(font)) return font;
  return "";
}

std::string_view without_font(std::string_view text) {
  for (bool again = true; again;) {
    again = false;
    text = stripped(text);
    const std::string_view font = font_command(text);
    if (!font.empty() && group_end(text, font.size() - 1) == text.size() - 1) {
      text = text.substr(font.size(), text.size() - font.size() - 1);
      again = true;
    }
  }
  return text;
}

size_t group_end(std::string_view text, size_t open) {
  size_t depth = 0;
  for (size_t i = open; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == '{')
      ++depth;
    else if (text[i] == '}' && --depth == 0)
      return i;
  }
  return kNowhere;
}

}  // namespace retort::math
