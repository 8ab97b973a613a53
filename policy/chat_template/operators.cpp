#include "policy/chat_template/operators.h"

#include "base/exact_math.h"
#include "policy/chat_template/formatting.h"
#include "policy/chat_template/limits.h"
#include "policy/chat_template/methods.h"
#include "policy/chat_template/python_text.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

namespace retort::jinja {
namespace {

using Kind = Value::Kind;

[[noreturn]] void wrong_operands(std::string_view symbol, const Value& left, const Value& right) {
  throw TemplateFailure("unsupported operand type(s) for " + std::string(symbol) + ": '" +
                        std::string(left.type_name()) + "' and '" + std::string(right.type_name()) +
                        "'");
}

[[noreturn]] void overflow() { throw TemplateFailure("a whole number leaves 64 bits"); }

int64_t floor_divide(int64_t a, int64_t b) {
  if (b == -1) return a == INT64_MIN ? (overflow(), 0) : -a;
  const int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

int64_t power(int64_t base, int64_t exponent) {
  int64_t result = 1;
  while (exponent > 0) {
    if (exponent % 2 == 1 && __builtin_mul_overflow(result, base, &result)) overflow();
    exponent /= 2;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) overflow();
  }
  return result;
}

Value integers(char symbol, bool is_double, int64_t a, int64_t b) {
  int64_t result = 0;
  const bool divides = symbol == '/' || symbol == '%';
  if (divides && b == 0) throw TemplateFailure("division by zero");
  switch (symbol) {
    case '+':
      if (__builtin_add_overflow(a, b, &result)) overflow();
      return Value(result);
    case '-':
      if (__builtin_sub_overflow(a, b, &result)) overflow();
      return Value(result);
    case '*':
      if (is_double) {
        return b < 0 ? Value(1.0 / static_cast<double>(power(a, -b))) : Value(power(a, b));
      }
      if (__builtin_mul_overflow(a, b, &result)) overflow();
      return Value(result);
    case '/':
      if (is_double) return Value(floor_divide(a, b));
      return Value(static_cast<double>(a) / static_cast<double>(b));
    default:
      return Value(b == -1 ? int64_t{0} : a - floor_divide(a, b) * b);
  }
}

Value floats(char symbol, bool is_double, double a, double b) {
  const bool divides = symbol == '/' || symbol == '%';
  if (divides && b == 0) throw TemplateFailure("float division by zero");
  switch (symbol) {
    case '+':
      return Value(a + b);
    case '-':
      return Value(a - b);
    case '*':
      if (!is_double) return Value(a * b);
      if (a < 0) throw TemplateFailure("a power of a negative float is not supported");
      if (a == 0 && b < 0) throw TemplateFailure("0.0 cannot be raised to a negative power");
      return Value(b == 0 ? 1.0 : exact::pow(a, b));
    case '/':
      return Value(is_double ? std::floor(a / b) : a / b);
    default: {
      const double rest = std::fmod(a, b);
      return Value(rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest);
    }
  }
}

std::optional<Value> joined(const Value& left, const Value& right) {
  if (left.kind() != right.kind()) return std::nullopt;
  if (left.is_string()) {
    check_text_size(left.text().size() + right.text().size());
    return Value(left.text() + right.text());
  }
  if (!left.is(Kind::kList) && !left.is(Kind::kTuple)) return std::nullopt;
  List all = left.items();
  all.insert(all.end(), right.items().begin(), right.items().end());
  check_item_count(static_cast<int64_t>(all.size()));
  return left.is(Kind::kList) ? Value(std::move(all)) : Value(Tuple{std::move(all)});
}

std::optional<Value> repeated(const Value& value, const Value& times) {
  if (!times.is_integral()) return std::nullopt;
  const int64_t count = std::max<int64_t>(times.integer(), 0);
  if (value.is_string()) {
    const size_t size = value.text().size();
    if (size > 0 && static_cast<uint64_t>(count) > kMaxText) check_text_size(kMaxText + 1);
    check_text_size(size * static_cast<size_t>(count));
    std::string text;
    for (int64_t i = 0; size > 0 && i < count; ++i) text += value.text();
    return Value(std::move(text));
  }
  if (!value.is(Kind::kList) && !value.is(Kind::kTuple)) return std::nullopt;
  const auto size = static_cast<int64_t>(value.items().size());
  if (size > 0 && count > kMaxItems) check_item_count(kMaxItems + 1);
  check_item_count(size * count);
  List all;
  for (int64_t i = 0; size > 0 && i < count; ++i) {
    all.insert(all.end(), value.items().begin(), value.items().end());
  }
  return value.is(Kind::kList) ? Value(std::move(all)) : Value(Tuple{std::move(all)});
}

std::optional<int64_t> bound(const Value& value) {
  return value.is_integral() ? std::optional(value.integer()) : std::nullopt;
}

// The indices that a slice takes from a sequence of `size` (Python's slice.indices).
std::vector<size_t> slice_indices(int64_t size, std::optional<int64_t> from,
                                  std::optional<int64_t> to, int64_t step) {
  const auto clamped = [&](int64_t index, int64_t low, int64_t high) {
    if (index < 0) index += size;
    return std::clamp(index, low, high);
  };
  const int64_t low = step > 0 ? 0 : -1;
  const int64_t high = step > 0 ? size : size - 1;
  const int64_t begin = from ? clamped(*from, low, high) : (step > 0 ? low : high);
  const int64_t end = to ? clamped(*to, low, high) : (step > 0 ? high : low);
  std::vector<size_t> indices;
  if (step > 0) {
    for (int64_t i = begin; i < end; i += std::min(step, size)) {
      indices.push_back(static_cast<size_t>(i));
    }
  } else {
    for (int64_t i = begin; i > end; i += std::max(step, -size)) {
      indices.push_back(static_cast<size_t>(i));
    }
  }
  return indices;
}

// value[key], or nothing where Python raises TypeError or LookupError.
std::optional<Value> subscript(const Value& value, const Value& key) {
  if (value.is(Kind::kDict)) {
    const Value* found = value.dict().find(key);
    return found == nullptr ? std::nullopt : std::optional(*found);
  }
  const bool is_sequence = value.is_string() || value.is(Kind::kList) || value.is(Kind::kTuple);
  if (!is_sequence || !key.is_integral()) return std::nullopt;
  const int64_t size = length(value);
  const int64_t index = key.integer() < 0 ? key.integer() + size : key.integer();
  if (index < 0 || index >= size) return std::nullopt;
  if (!value.is_string()) return value.items()[static_cast<size_t>(index)];
  return Value(python::characters(value.text())[static_cast<size_t>(index)]);
}

Value missing(const Value& value, std::string_view name) {
  if (value.is_none())
    return Value::undefined("'None' has no attribute '" + std::string(name) + "'");
  return Value::undefined("'" + std::string(value.type_name()) + " object' has no attribute '" +
                          std::string(name) + "'");
}

// A text that is added to markup is escaped.
std::optional<Value> markup_arithmetic(std::string_view symbol, const Value& left,
                                       const Value& right) {
  if (symbol == "%" && left.is_markup()) {
    throw TemplateFailure("'%' with a text that safe or escape made is not supported");
  }
  if (symbol == "+" && left.is_string() && right.is_string()) {
    return Value::markup(joined(Value(escaped(left)), Value(escaped(right)))->text());
  }
  if (symbol == "*" && (left.is_integral() || right.is_integral())) {
    const Value& text = left.is_markup() ? left : right;
    const Value& times = left.is_markup() ? right : left;
    return Value::markup(repeated(text, times)->text());
  }
  return std::nullopt;
}

}  // namespace

Value arithmetic(std::string_view symbol, const Value& left, const Value& right) {
  require_defined(left);
  if (left.is_markup() || right.is_markup()) {
    if (const std::optional<Value> made = markup_arithmetic(symbol, left, right)) return *made;
  }
  if (symbol == "%" && left.is_string()) return Value(format_percent(left.text(), right));
  require_defined(right);
  const bool is_double = symbol.size() == 2;
  if (left.is_number() && right.is_number()) {
    if (left.is_integral() && right.is_integral()) {
      return integers(symbol[0], is_double, left.integer(), right.integer());
    }
    return floats(symbol[0], is_double, left.number(), right.number());
  }
  std::optional<Value> result;
  if (symbol == "+") result = joined(left, right);
  if (symbol == "*") {
    result = repeated(left, right);
    if (!result) result = repeated(right, left);
  }
  if (!result) wrong_operands(symbol, left, right);
  return *result;
}

Value negative(const Value& value) {
  require_defined(value);
  if (value.is_integral()) return integers('-', false, 0, value.integer());
  if (!value.is_number()) {
    throw TemplateFailure("bad operand type for unary -: '" + std::string(value.type_name()) + "'");
  }
  return Value(-value.number());
}

Value positive(const Value& value) {
  require_defined(value);
  if (value.is_integral()) return Value(value.integer());
  if (!value.is_number()) {
    throw TemplateFailure("bad operand type for unary +: '" + std::string(value.type_name()) + "'");
  }
  return value;
}

bool compare(std::string_view symbol, const Value& left, const Value& right) {
  if (symbol == "==") return equal(left, right);
  if (symbol == "!=") return !equal(left, right);
  if (symbol == "in") return contains(right, left);
  if (symbol == "notin") return !contains(right, left);
  if (symbol == "<") return less(left, right);
  if (symbol == ">") return less(right, left);
  return (symbol == "<=" ? less(left, right) : less(right, left)) || equal(left, right);
}

Value slice(const Value& value, const Value& from, const Value& to, const Value& step) {
  require_defined(value);
  const bool is_sequence = value.is_string() || value.is(Kind::kList) || value.is(Kind::kTuple);
  if (!is_sequence) {
    throw TemplateFailure("a slice of '" + std::string(value.type_name()) + "' does not exist");
  }
  for (const Value& each : {from, to, step}) {
    if (!each.is_none() && !each.is_integral()) {
      throw TemplateFailure("slice indices must be integers or none");
    }
  }
  const int64_t by = bound(step).value_or(1);
  if (by == 0) throw TemplateFailure("slice step cannot be zero");
  const std::vector<size_t> indices = slice_indices(length(value), bound(from), bound(to), by);
  if (value.is_string()) {
    const std::vector<std::string_view> characters = python::characters(value.text());
    std::string text;
    for (const size_t i : indices) text += characters[i];
    return value.is_markup() ? Value::markup(std::move(text)) : Value(std::move(text));
  }
  List items;
  for (const size_t i : indices) items.push_back(value.items()[i]);
  return value.is(Kind::kList) ? Value(std::move(items)) : Value(Tuple{std::move(items)});
}

Value item(const Value& value, const Value& key) {
  require_defined(value);
  if (const std::optional<Value> found = subscript(value, key)) return *found;
  if (key.is_string()) {
    if (const std::optional<Value> method = python_attribute(value, key.text())) return *method;
  }
  return missing(value, to_text(key));
}

Value attribute(const Value& value, std::string_view name) {
  require_defined(value);
  if (const std::optional<Value> method = python_attribute(value, name)) return *method;
  if (const std::optional<Value> found = subscript(value, Value(name))) return *found;
  return missing(value, name);
}

}  // namespace retort::jinja
