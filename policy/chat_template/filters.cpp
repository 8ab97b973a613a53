#include "policy/chat_template/filters.h"

#include "base/error.h"
#include "policy/chat_template/argument_reader.h"
#include "policy/chat_template/formatting.h"
#include "policy/chat_template/json_text.h"
#include "policy/chat_template/limits.h"
#include "policy/chat_template/methods.h"
#include "policy/chat_template/operators.h"
#include "policy/chat_template/python_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <string>

namespace retort::jinja {
namespace {

// Markup where `value` was it.
Value like(const Value& value, std::string_view text) {
  return value.is_markup() ? Value::markup(std::string(text)) : Value(text);
}

using Kind = Value::Kind;

// Python's int(text, base): white space around, a sign, underscores between digits.
std::optional<int64_t> parse_integer(std::string_view text, int base) {
  text = python::strip(text, python::Side::kBoth);
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  const std::string_view prefix = base == 16 ? "0x" : base == 8 ? "0o" : base == 2 ? "0b" : "";
  if (!prefix.empty() && text.size() > 2 && text[0] == '0' && (text[1] | 0x20) == prefix[1]) {
    text.remove_prefix(2);
  }
  std::string digits = is_negative ? "-" : "";
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_' && i > 0 && i + 1 < text.size() && text[i - 1] != '_') continue;
    digits += text[i];
  }
  int64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, value, base);
  if (read.ec == std::errc::result_out_of_range) {
    throw TemplateFailure("the number " + digits + " leaves 64 bits");
  }
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return value;
}

// Python's float(text).
std::optional<double> parse_float(std::string_view text) {
  text = python::strip(text, python::Side::kBoth);
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || text[0] == '-' || text[0] == '+') return std::nullopt;
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_' && i > 0 && i + 1 < text.size() && text[i - 1] != '_') continue;
    digits += text[i];
  }
  double value = 0;
  const char* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, value);
  if (read.ptr != end || read.ec == std::errc::invalid_argument) return std::nullopt;
  if (read.ec == std::errc::result_out_of_range) {
    const bool is_small =
        digits.find("e-") != std::string::npos || digits.find("E-") != std::string::npos;
    value = is_small ? 0 : std::numeric_limits<double>::infinity();
  }
  return is_negative ? -value : value;
}

std::optional<int64_t> truncated(double value) {
  if (!std::isfinite(value)) return std::nullopt;
  if (std::fabs(value) >= 9.2e18) throw TemplateFailure("a whole number leaves 64 bits");
  return static_cast<int64_t>(value);
}

Value to_int(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("int", arguments, {"default", "base"});
  require_defined(value);
  std::optional<int64_t> number;
  if (value.is_integral()) number = value.integer();
  if (value.is(Kind::kFloat)) number = truncated(value.number());
  if (value.is_string()) {
    number = parse_integer(value.text(), static_cast<int>(read.integer_or(1, 10)));
    if (!number) {
      if (const std::optional<double> real = parse_float(value.text())) number = truncated(*real);
    }
  }
  if (number) return Value(*number);
  const Value* fallback = read.optional(0);
  return fallback != nullptr ? *fallback : Value(int64_t{0});
}

Value to_float(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("float", arguments, {"default"});
  require_defined(value);
  if (value.is_number()) return Value(value.number());
  if (value.is_string()) {
    if (const std::optional<double> number = parse_float(value.text())) return Value(*number);
  }
  const Value* fallback = read.optional(0);
  return fallback != nullptr ? *fallback : Value(0.0);
}

Value absolute(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("abs", arguments, {});
  require_defined(value);
  if (!value.is_number()) throw TemplateFailure("abs needs a number");
  if (value.is_integral()) return value.integer() < 0 ? negative(value) : Value(value.integer());
  return Value(std::fabs(value.number()));
}

// Half to even, on the decimal digits that the float has, as Python's round().
double rounded(double value, int64_t digits) {
  if (!std::isfinite(value)) return value;
  if (digits < 0 || digits > 300) throw TemplateFailure("round: the precision must be 0 to 300");
  std::array<char, 700> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value,
                                 std::chars_format::fixed, static_cast<int>(digits));
  double result = 0;
  std::from_chars(text.data(), end.ptr, result);
  return result;
}

Value round(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("round", arguments, {"precision", "method"});
  require_defined(value);
  if (!value.is_number()) throw TemplateFailure("round needs a number");
  const int64_t precision = read.integer_or(0, 0);
  const std::string method = read.text_or(1, "common");
  if (method == "common") {
    if (value.is_integral()) return Value(value.integer());
    return Value(rounded(value.number(), precision));
  }
  if (method != "ceil" && method != "floor") {
    throw TemplateFailure("method must be common, ceil or floor");
  }
  if (precision < 0 || precision > 300)
    throw TemplateFailure("round: the precision must be 0 to 300");
  double scale = 1;
  for (int64_t i = 0; i < precision; ++i) scale *= 10;
  const double scaled = value.number() * scale;
  return Value((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

Value fallback(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("default", arguments, {"default_value", "boolean"});
  const bool applies = value.is_undefined() || (read.truth_or(1, false) && !truth(value));
  if (!applies) return value;
  const Value* given = read.optional(0);
  return given != nullptr ? *given : Value("");
}

Value trim(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("trim", arguments, {"chars"});
  const std::string text = to_text(value);
  const Value* chars = read.optional(0);
  if (chars == nullptr || chars->is_none())
    return like(value, python::strip(text, python::Side::kBoth));
  return like(value, python::strip(text, python::Side::kBoth, read.text(0)));
}

Value replace(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("replace", arguments, {"old", "new", "count"});
  const std::string text = to_text(value);
  const std::string from = to_text(read.required(0));
  const std::string to = to_text(read.required(1));
  const Value* count = read.optional(2);
  const int64_t limit = count == nullptr || count->is_none() ? -1 : read.integer(2);
  const size_t places = from.empty() ? text.size() + 1 : text.size() / from.size();
  if (to.size() > from.size() && places > kMaxText / to.size()) check_text_size(kMaxText + 1);
  return Value(python::replace(text, from, to, limit));
}

template <std::string (*change)(std::string_view)>
Value changed(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("a text filter", arguments, {});
  return like(value, change(to_text(value)));
}

// Jinja's own title: words also begin behind - ( { [ <.
std::string title(std::string_view text) {
  std::string out;
  bool starts = true;
  std::string word;
  const auto end_word = [&] {
    const std::vector<std::string_view> characters = python::characters(word);
    if (characters.empty()) return;
    out += python::upper(characters[0]) +
           python::lower(std::string_view(word).substr(characters[0].size()));
    word.clear();
  };
  for (const std::string_view c : python::characters(text)) {
    starts = python::is_all_space(c) || c == "-" || c == "(" || c == "{" || c == "[" || c == "<";
    if (starts) {
      end_word();
      out += c;
    } else {
      word += c;
    }
  }
  end_word();
  return out;
}

// Never markup: Jinja joins the words anew.
Value titled(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("title", arguments, {});
  return Value(title(to_text(value)));
}

Value as_string(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("string", arguments, {});
  return like(value, to_text(value));
}

Value indent(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("indent", arguments, {"width", "first", "blank"});
  require_defined(value);
  if (!value.is_string()) throw TemplateFailure("indent needs a text");
  const Value* width = read.optional(0);
  std::string space;
  if (width != nullptr && width->is_string()) {
    space = width->text();
  } else {
    const int64_t count = std::max<int64_t>(read.integer_or(0, 4), 0);
    check_item_count(count);
    space = std::string(static_cast<size_t>(count), ' ');
  }
  const bool indents_blank = read.truth_or(2, false);
  const std::vector<std::string> lines = python::split_lines(value.text() + "\n", false);
  check_text_size(value.text().size() + lines.size() * space.size());
  std::string out = read.truth_or(1, false) ? space : "";
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += '\n';
    if (i > 0 && (indents_blank || !lines[i].empty())) out += space;
    out += lines[i];
  }
  return Value(std::move(out));
}

Value to_json_filter(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("tojson", arguments,
                            {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ensure_ascii = read.truth_or(0, false);
  style.sort_keys = read.truth_or(3, false);
  const Value* level = read.optional(1);
  if (level != nullptr && !level->is_none()) {
    style.is_indented = true;
    style.item_separator = ",";
    const int64_t width = level->is_string() ? 0 : std::max<int64_t>(read.integer(1), 0);
    if (width > 1000) throw TemplateFailure("tojson: an indent above 1000");
    style.indent =
        level->is_string() ? level->text() : std::string(static_cast<size_t>(width), ' ');
  }
  const Value* separators = read.optional(2);
  if (separators != nullptr && !separators->is_none()) {
    const List pair = iterate(*separators);
    if (pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
      throw TemplateFailure("tojson: separators must be two strings");
    }
    style.item_separator = pair[0].text();
    style.key_separator = pair[1].text();
  }
  return Value(to_json(value, style));
}

Value format(Interpreter&, const Value& value, const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty()) {
    throw TemplateFailure("format takes positional or keyword arguments, not both");
  }
  if (value.is_markup()) {
    throw TemplateFailure("format of a text that safe or escape made is not supported");
  }
  Dict named;
  for (const auto& [name, given] : arguments.named) named.set(Value(name), given);
  const Value given =
      arguments.named.empty() ? Value(Tuple{arguments.positional}) : Value(std::move(named));
  return Value(format_percent(to_text(value), given));
}

// Text for HTML. What Jinja calls markup is plain text here.
Value escape(Interpreter&, const Value& value, const Arguments&) {
  std::string text = escaped(value);
  check_text_size(text.size());
  return Value::markup(std::move(text));
}

Value force_escape(Interpreter&, const Value& value, const Arguments&) {
  return Value::markup(escaped(Value(to_text(value))));
}

Value safe(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("safe", arguments, {});
  return Value::markup(to_text(value));
}

Value attribute_filter(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("attr", arguments, {"name"});
  require_defined(value);
  const std::string& name = read.text(0);
  const std::optional<Value> found = python_attribute(value, name);  // no items
  return found ? *found : Value::undefined("no attribute '" + name + "'");
}

Value truncate(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("truncate", arguments, {"length", "killwords", "end", "leeway"});
  const int64_t limit = read.integer_or(0, 255);
  const std::string end = read.text_or(2, "...");
  const int64_t leeway = read.integer_or(3, 5);
  const int64_t kept = limit - python::length(end);
  if (kept < 0 || leeway < 0) throw TemplateFailure("truncate: length or leeway is too small");
  if (length(value) <= limit + leeway) return value;  // as it is, of any kind
  if (!value.is_string()) throw TemplateFailure("truncate needs a string");
  const std::string& text = value.text();
  const Value cut = slice(Value(text), Value(None()), Value(kept), Value(None()));
  if (read.truth_or(1, false)) return Value(cut.text() + end);
  return Value(python::rsplit(cut.text(), " ", 1)[0] + end);
}

Value word_count(Interpreter&, const Value& value, const Arguments&) {
  const std::string text = to_text(value);
  int64_t words = 0;
  bool in_word = false;
  for (const std::string_view c : python::characters(text)) {
    const bool is_word = c == "_" || python::is_alnum(c);
    words += is_word && !in_word;
    in_word = is_word;
  }
  return Value(words);
}

Value center(Interpreter& self, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("center", arguments, {"width"});
  Arguments given;
  given.positional.emplace_back(read.integer_or(0, 80));
  return attribute(Value(to_text(value)), "center").callable().call(self, given);
}

struct Row {
  std::string_view name;
  Filter filter;
};

constexpr std::array<Row, 25> kFilters = {{{"abs", absolute},
                                           {"attr", attribute_filter},
                                           {"capitalize", changed<python::capitalize>},
                                           {"center", center},
                                           {"d", fallback},
                                           {"default", fallback},
                                           {"e", escape},
                                           {"escape", escape},
                                           {"float", to_float},
                                           {"forceescape", force_escape},
                                           {"format", format},
                                           {"indent", indent},
                                           {"int", to_int},
                                           {"lower", changed<python::lower>},
                                           {"replace", replace},
                                           {"round", round},
                                           {"safe", safe},
                                           {"string", as_string},
                                           {"title", titled},
                                           {"tojson", to_json_filter},
                                           {"trim", trim},
                                           {"truncate", truncate},
                                           {"upper", changed<python::upper>},
                                           {"wordcount", word_count},
                                           {"", nullptr}}};

Filter find_filter(std::string_view name) {
  for (const Row& row : kFilters) {
    if (!name.empty() && row.name == name) return row.filter;
  }
  return sequence_filter_called(name);
}

}  // namespace

bool is_filter(std::string_view name) { return find_filter(name) != nullptr; }

Filter filter_called(std::string_view name) {
  if (const Filter found = find_filter(name)) return found;
  std::vector<std::string> known = sequence_filter_names();
  for (const Row& row : kFilters) {
    if (!row.name.empty()) known.emplace_back(row.name);
  }
  std::ranges::sort(known);
  throw TemplateFailure("no filter named '" + std::string(name) + "'" + did_you_mean(name, known) +
                        " (known: " + join(known) + ")");
}

}  // namespace retort::jinja
