#include "policy/chat_template/python_text.h"

#include "policy/chat_template/case_table.h"
#include "policy/tokenizer/utf8.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <utility>

namespace retort::python {
namespace {

enum class Case { kUpper, kLower, kTitle };

utf8proc_category_t category(uint32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

bool is_letter(uint32_t c) {
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

// Lu, Ll, Lt, and letters and marks that have the other case or look like it.
bool is_cased(uint32_t c) {
  const auto kind = category(c);
  const auto signed_c = static_cast<utf8proc_int32_t>(c);
  return (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LT) ||
         utf8proc_islower(signed_c) != 0 || utf8proc_isupper(signed_c) != 0;
}

// Marks, modifiers, formats and the signs inside of words: Unicode's Case_Ignorable.
bool is_case_ignorable(uint32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return std::u32string_view(
                 U"'.:\u00B7\u0387\u055F\u05F4\u2018\u2019\u2024\u2027\uFE13\uFE52"
                 U"\uFE55\uFF07\uFF0E\uFF1A")
                 .find(static_cast<char32_t>(c)) != std::u32string_view::npos;
  }
}

// Whether the sigma at [begin, end) ends a word: a cased character before it and none behind, but
// for ignorable ones.
bool is_final_sigma(std::string_view text, size_t begin, size_t end) {
  bool is_behind_letter = false;
  for (size_t at = begin; at > 0;) {
    const uint32_t c = previous_code_point(text, &at);
    if (is_case_ignorable(c)) continue;
    is_behind_letter = is_cased(c);
    break;
  }
  if (!is_behind_letter) return false;
  for (size_t at = end; at < text.size();) {
    const uint32_t c = next_code_point(text, &at);
    if (!is_case_ignorable(c)) return !is_cased(c);
  }
  return true;
}

void append_cased(std::string_view text, size_t begin, size_t end, Case wanted, std::string* out) {
  size_t at = begin;
  const uint32_t c = next_code_point(text, &at);
  const auto signed_c = static_cast<utf8proc_int32_t>(c);
  if (wanted == Case::kLower) {
    if (c == 0x130) {
      *out += "i\u0307";
    } else if (c == 0x3A3 && is_final_sigma(text, begin, end)) {
      *out += "\u03C2";
    } else {
      append_code_point(static_cast<uint32_t>(utf8proc_tolower(signed_c)), out);
    }
    return;
  }
  const auto row = std::ranges::lower_bound(long_cases(), c, {}, &LongCase::code_point);
  if (row != long_cases().end() && row->code_point == c) {
    *out += wanted == Case::kUpper ? row->upper : row->title;
  } else {
    const auto mapped =
        wanted == Case::kUpper ? utf8proc_toupper(signed_c) : utf8proc_totitle(signed_c);
    append_code_point(static_cast<uint32_t>(mapped), out);
  }
}

// Each character in the case that `choose(code point)` names.
template <class Choose>
std::string with_case(std::string_view text, Choose choose) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const uint32_t c = next_code_point(text, &at);
    append_cased(text, begin, at, choose(c), &out);
  }
  return out;
}

template <class Predicate>
bool all_characters(std::string_view text, Predicate predicate) {
  for (size_t at = 0; at < text.size();) {
    if (!predicate(next_code_point(text, &at))) return false;
  }
  return !text.empty();
}

// Superscripts, circled digits and the like: digits that are not decimal (Numeric_Type=Digit).
bool is_other_digit(uint32_t c) {
  static constexpr std::array<std::array<uint32_t, 2>, 20> kRanges = {
      {{0xB2, 0xB3},       {0xB9, 0xB9},       {0x1369, 0x1371},   {0x19DA, 0x19DA},
       {0x2070, 0x2070},   {0x2074, 0x2079},   {0x2080, 0x2089},   {0x2460, 0x2468},
       {0x2474, 0x247C},   {0x2488, 0x2490},   {0x24EA, 0x24EA},   {0x24F5, 0x24FD},
       {0x24FF, 0x24FF},   {0x2776, 0x277E},   {0x2780, 0x2788},   {0x278A, 0x2792},
       {0x10A40, 0x10A43}, {0x10E60, 0x10E68}, {0x11052, 0x1105A}, {0x1F100, 0x1F10A}}};
  return std::ranges::any_of(kRanges,
                             [&](const auto& range) { return c >= range[0] && c <= range[1]; });
}

bool is_printable(uint32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    case UTF8PROC_CATEGORY_ZS:
      return c == ' ';
    default:
      return true;
  }
}

void append_hex(const char* format, uint32_t c, std::string* out) {
  std::array<char, 16> text;
  std::snprintf(text.data(), text.size(), format, c);
  *out += text.data();
}

}  // namespace

int64_t length(std::string_view text) { return static_cast<int64_t>(code_point_count(text)); }

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> parts;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    next_code_point(text, &at);
    parts.push_back(text.substr(begin, at - begin));
  }
  return parts;
}

bool is_space(uint32_t code_point) {
  return is_white_space(code_point) || (code_point >= 0x1C && code_point <= 0x1F);
}

namespace {

template <class Predicate>
std::string_view strip_if(std::string_view text, Side side, Predicate goes) {
  size_t begin = 0;
  while (side != Side::kRight && begin < text.size()) {
    size_t next = begin;
    if (!goes(next_code_point(text, &next))) break;
    begin = next;
  }
  size_t end = text.size();
  while (side != Side::kLeft && end > begin) {
    size_t before = end;
    if (!goes(previous_code_point(text, &before))) break;
    end = before;
  }
  return text.substr(begin, end - begin);
}

}  // namespace

std::string_view strip(std::string_view text, Side side) { return strip_if(text, side, is_space); }

std::string_view strip(std::string_view text, Side side, std::string_view chars) {
  return strip_if(text, side, [&](uint32_t c) {
    std::string character;
    append_code_point(c, &character);
    return chars.find(character) != std::string_view::npos;
  });
}

std::string upper(std::string_view text) {
  return with_case(text, [](uint32_t) { return Case::kUpper; });
}

std::string lower(std::string_view text) {
  return with_case(text, [](uint32_t) { return Case::kLower; });
}

std::string capitalize(std::string_view text) {
  bool is_first = true;
  return with_case(
      text, [&](uint32_t) { return std::exchange(is_first, false) ? Case::kTitle : Case::kLower; });
}

std::string title(std::string_view text) {
  bool in_word = false;
  return with_case(text, [&](uint32_t c) {
    const bool was_in_word = std::exchange(in_word, is_cased(c));
    return was_in_word ? Case::kLower : Case::kTitle;
  });
}

std::string swapcase(std::string_view text) {
  return with_case(text, [](uint32_t c) {
    return utf8proc_isupper(static_cast<utf8proc_int32_t>(c)) != 0 ? Case::kLower : Case::kUpper;
  });
}

bool is_alpha(std::string_view text) { return all_characters(text, is_letter); }

bool is_decimal(std::string_view text) {
  return all_characters(text, [](uint32_t c) { return category(c) == UTF8PROC_CATEGORY_ND; });
}

bool is_digit(std::string_view text) {
  return all_characters(
      text, [](uint32_t c) { return category(c) == UTF8PROC_CATEGORY_ND || is_other_digit(c); });
}

bool is_alnum(std::string_view text) {
  return all_characters(text, [](uint32_t c) {
    const auto kind = category(c);
    return is_letter(c) || (kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO);
  });
}

bool is_all_space(std::string_view text) { return all_characters(text, is_space); }

namespace {

bool has_only_case(std::string_view text, bool wants_upper) {
  bool found = false;
  for (size_t at = 0; at < text.size();) {
    const auto c = static_cast<utf8proc_int32_t>(next_code_point(text, &at));
    const bool is_title = utf8proc_category(c) == UTF8PROC_CATEGORY_LT;
    const bool is_lower_one = utf8proc_islower(c) != 0;
    const bool is_upper_one = utf8proc_isupper(c) != 0;
    if (is_title || (wants_upper ? is_lower_one : is_upper_one)) return false;
    found = found || (wants_upper ? is_upper_one : is_lower_one);
  }
  return found;
}

}  // namespace

bool is_upper(std::string_view text) { return has_only_case(text, true); }
bool is_lower(std::string_view text) { return has_only_case(text, false); }

std::vector<std::string> split_at_space(std::string_view text, int64_t limit) {
  std::vector<std::string> parts;
  text = strip(text, Side::kLeft);
  while (!text.empty()) {
    if (limit == 0) {
      parts.emplace_back(text);  // white space at the end stays
      break;
    }
    size_t end = 0;
    while (end < text.size()) {
      size_t next = end;
      if (is_space(next_code_point(text, &next))) break;
      end = next;
    }
    parts.emplace_back(text.substr(0, end));
    text = strip(text.substr(end), Side::kLeft);
    --limit;
  }
  return parts;
}

std::vector<std::string> rsplit_at_space(std::string_view text, int64_t limit) {
  std::vector<std::string> parts;
  text = strip(text, Side::kRight);
  while (!text.empty()) {
    if (limit == 0) {
      parts.emplace_back(text);
      break;
    }
    size_t begin = text.size();
    while (begin > 0) {
      size_t before = begin;
      if (is_space(previous_code_point(text, &before))) break;
      begin = before;
    }
    parts.emplace_back(text.substr(begin));
    text = strip(text.substr(0, begin), Side::kRight);
    --limit;
  }
  std::ranges::reverse(parts);
  return parts;
}

std::vector<std::string> split(std::string_view text, std::string_view separator, int64_t limit) {
  std::vector<std::string> parts;
  for (size_t at = text.find(separator); limit != 0 && at != std::string_view::npos;
       at = text.find(separator)) {
    parts.emplace_back(text.substr(0, at));
    text.remove_prefix(at + separator.size());
    --limit;
  }
  parts.emplace_back(text);
  return parts;
}

std::vector<std::string> rsplit(std::string_view text, std::string_view separator, int64_t limit) {
  std::vector<std::string> parts;
  for (size_t at = text.rfind(separator); limit != 0 && at != std::string_view::npos;
       at = text.rfind(separator)) {
    parts.emplace_back(text.substr(at + separator.size()));
    text = text.substr(0, at);
    --limit;
  }
  parts.emplace_back(text);
  std::ranges::reverse(parts);
  return parts;
}

std::vector<std::string> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string> lines;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = at;
    const uint32_t c = next_code_point(text, &at);
    const bool ends = (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 ||
                      c == 0x2028 || c == 0x2029;
    if (!ends) continue;
    if (c == '\r' && at < text.size() && text[at] == '\n') ++at;
    lines.emplace_back(text.substr(begin, (keep_ends ? at : end) - begin));
    begin = at;
  }
  if (begin < text.size()) lines.emplace_back(text.substr(begin));
  return lines;
}

std::string replace(std::string_view text, std::string_view from, std::string_view to,
                    int64_t limit) {
  std::string out;
  if (from.empty()) {
    for (const std::string_view c : characters(text)) {
      if (limit != 0) {
        out += to;
        --limit;
      }
      out += c;
    }
    return limit != 0 ? out.append(to) : out;
  }
  for (size_t at = text.find(from); limit != 0 && at != std::string_view::npos;
       at = text.find(from)) {
    out.append(text.substr(0, at)).append(to);
    text.remove_prefix(at + from.size());
    --limit;
  }
  return out.append(text);
}

std::string quoted(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  for (size_t at = 0; at < text.size();) {
    const uint32_t c = next_code_point(text, &at);
    if (c == static_cast<uint32_t>(quote) || c == '\\') {
      out += {'\\', static_cast<char>(c)};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (is_printable(c)) {
      append_code_point(c, &out);
    } else {
      append_hex(c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c, &out);
    }
  }
  return out += quote;
}

// The shortest digits that read back; fixed notation for exponents from -4 to 15.
std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 32> buffer;
  const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                     std::chars_format::scientific);
  const std::string_view shortest(buffer.data(), static_cast<size_t>(written.ptr - buffer.data()));
  int exponent = 0;
  const size_t e = shortest.find('e');
  const char* digits = shortest.data() + e + (shortest[e + 1] == '+' ? 2 : 1);
  std::from_chars(digits, written.ptr, exponent);
  if (exponent < -4 || exponent >= 16) return std::string(shortest);
  const auto fixed =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed);
  std::string text(buffer.data(), fixed.ptr);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

}  // namespace retort::python
