#include "policy/chat_template/formatting.h"

#include "policy/chat_template/limits.h"
#include "policy/chat_template/operators.h"
#include "policy/chat_template/python_text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace retort::jinja {
namespace {

constexpr size_t kMaxWidth = 10'000;

// One conversion of a % format.
struct Conversion {
  bool left = false;
  bool zero = false;
  bool plus = false;
  bool blank = false;
  size_t width = 0;
  int precision = -1;
  char type = 's';
};

size_t number_at(std::string_view text, size_t* at) {
  size_t value = 0;
  while (*at < text.size() && text[*at] >= '0' && text[*at] <= '9') {
    value = value * 10 + static_cast<size_t>(text[(*at)++] - '0');
    if (value > kMaxWidth) throw TemplateFailure("a width above 10000 in a format");
  }
  return value;
}

Conversion conversion_at(std::string_view text, size_t* at) {
  Conversion found;
  for (; *at < text.size(); ++*at) {
    const char c = text[*at];
    if (c == '-') {
      found.left = true;
    } else if (c == '0') {
      found.zero = true;
    } else if (c == '+') {
      found.plus = true;
    } else if (c == ' ') {
      found.blank = true;
    } else {
      break;
    }
  }
  found.width = number_at(text, at);
  if (*at < text.size() && text[*at] == '.') {
    ++*at;
    found.precision = static_cast<int>(number_at(text, at));
  }
  if (*at >= text.size()) throw TemplateFailure("incomplete format");
  found.type = text[(*at)++];
  return found;
}

std::string float_digits(const Conversion& conversion, double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : "inf";
  const int precision = conversion.precision < 0 ? 6 : conversion.precision;
  const std::string format = std::string("%.*") + conversion.type;
  std::string text(static_cast<size_t>(precision) + 400, '\0');
  const int size = std::snprintf(text.data(), text.size(), format.c_str(), precision, value);
  text.resize(static_cast<size_t>(size));
  return text;
}

std::string integer_digits(char type, uint64_t value) {
  std::array<char, 32> buffer;
  const int base = type == 'x' || type == 'X' ? 16 : type == 'o' ? 8 : 10;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, base).ptr;
  std::string text(buffer.data(), end);
  return type == 'X' ? python::upper(text) : text;
}

std::string converted(const Conversion& conversion, const Value& value) {
  std::string text;
  std::string sign;
  bool is_number = true;
  switch (conversion.type) {
    case 's':
    case 'r': {
      is_number = false;
      text = conversion.type == 's' ? to_text(value) : representation(value);
      if (conversion.precision >= 0) {
        const Value cut =
            slice(Value(text), Value(None()), Value(int64_t{conversion.precision}), Value(None()));
        text = cut.text();
      }
      break;
    }
    case 'd':
    case 'i':
    case 'x':
    case 'X':
    case 'o': {
      require_defined(value);
      if (!value.is_number()) throw TemplateFailure("a number is needed for %d, not a text");
      const int64_t number =
          value.is_integral() ? value.integer() : static_cast<int64_t>(value.number());
      sign = number < 0 ? "-" : conversion.plus ? "+" : conversion.blank ? " " : "";
      text =
          integer_digits(conversion.type, number < 0 ? uint64_t{0} - static_cast<uint64_t>(number)
                                                     : static_cast<uint64_t>(number));
      break;
    }
    case 'f':
    case 'F':
    case 'e':
    case 'E':
    case 'g':
    case 'G': {
      require_defined(value);
      if (!value.is_number()) throw TemplateFailure("a number is needed for %f, not a text");
      const double number = value.number();
      sign = std::signbit(number) ? "-" : conversion.plus ? "+" : conversion.blank ? " " : "";
      text = float_digits(conversion, std::fabs(number));
      break;
    }
    default:
      throw TemplateFailure("format %" + std::string(1, conversion.type) + " is not supported");
  }
  const auto size = static_cast<size_t>(python::length(sign + text));
  const std::string fill(conversion.width > size ? conversion.width - size : 0,
                         conversion.zero && is_number && !conversion.left ? '0' : ' ');
  if (conversion.left) return sign + text + fill;
  return fill.starts_with('0') ? sign + fill + text : fill + sign + text;
}

}  // namespace

std::string format_percent(std::string_view text, const Value& arguments) {
  const bool is_tuple = arguments.is(Value::Kind::kTuple);
  size_t used = 0;
  const auto next = [&]() -> Value {
    if (!is_tuple && used++ == 0) return arguments;
    if (!is_tuple || used >= arguments.items().size()) {
      throw TemplateFailure("not enough arguments for format string");
    }
    return arguments.items()[used++];
  };
  bool is_named = false;
  std::string out;
  for (size_t at = 0; at < text.size();) {
    if (text[at] != '%') {
      out += text[at++];
      continue;
    }
    ++at;
    if (at < text.size() && text[at] == '%') {
      out += text[at++];
      continue;
    }
    Value named;
    const bool has_name = at < text.size() && text[at] == '(';
    if (has_name) {
      const size_t end = text.find(')', at);
      if (end == std::string_view::npos) throw TemplateFailure("incomplete format key");
      if (!arguments.is(Value::Kind::kDict)) throw TemplateFailure("format requires a mapping");
      named = item(arguments, Value(text.substr(at + 1, end - at - 1)));
      require_defined(named);
      at = end + 1;
      is_named = true;
    }
    const Conversion conversion = conversion_at(text, &at);
    out += converted(conversion, has_name ? named : next());
    check_text_size(out.size());
  }
  const size_t given = is_tuple ? arguments.items().size() : 1;
  const bool may_be_left = arguments.is(Value::Kind::kDict) || arguments.is(Value::Kind::kList) ||
                           arguments.is_undefined();  // what Python takes for a mapping
  if (!is_named && used < given && !may_be_left) {
    throw TemplateFailure("not all arguments converted during string formatting");
  }
  return out;
}

std::string format_braces(std::string_view text, const Arguments& arguments) {
  std::string out;
  size_t automatic = 0;      // {} seen
  bool is_numbered = false;  // {0} seen
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    const bool is_doubled = at + 1 < text.size() && text[at + 1] == c;
    if (c != '{' && c != '}') {
      out += text[at++];
      continue;
    }
    if (is_doubled) {
      out += c;
      at += 2;
      continue;
    }
    const size_t end = text.find('}', at);
    if (c == '}' || end == std::string_view::npos)
      throw TemplateFailure("a single brace in a format");
    std::string_view field = text.substr(at + 1, end - at - 1);
    at = end + 1;
    if (field.find_first_of(":!{") != std::string_view::npos) {
      throw TemplateFailure("format specifications like {" + std::string(field) +
                            "} are not supported");
    }
    const size_t name_end = std::min(field.find_first_of(".["), field.size());
    const std::string_view name = field.substr(0, name_end);
    size_t place = 0;
    const auto read = std::from_chars(name.data(), name.data() + name.size(), place);
    const bool is_place = name.empty() || read.ptr == name.data() + name.size();
    if (name.empty()) place = automatic++;
    is_numbered = is_numbered || (is_place && !name.empty());
    if (is_numbered && automatic > 0) {
      throw TemplateFailure("a format mixes {} and {0}");
    }
    const Value* found =
        arguments.get(is_place ? place : arguments.positional.size(), is_place ? "" : name);
    if (found == nullptr)
      throw TemplateFailure("a format has no value for {" + std::string(field) + "}");
    Value value = *found;
    for (field.remove_prefix(name_end); !field.empty();) {
      const bool is_key = field[0] == '[';
      const size_t stop =
          std::min(is_key ? field.find(']') : field.find_first_of(".[", 1), field.size());
      const std::string_view part = field.substr(1, stop - 1);
      value = is_key ? item(value, Value(part)) : attribute(value, part);
      field.remove_prefix(is_key && stop < field.size() ? stop + 1 : stop);
    }
    out += to_text(value);
    check_text_size(out.size());
  }
  return out;
}

}  // namespace retort::jinja
