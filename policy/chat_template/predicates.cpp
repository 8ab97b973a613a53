#include "policy/chat_template/predicates.h"

#include "base/error.h"
#include "policy/chat_template/argument_reader.h"
#include "policy/chat_template/filters.h"
#include "policy/chat_template/operators.h"
#include "policy/chat_template/python_text.h"

#include <algorithm>
#include <array>
#include <string>

namespace retort::jinja {
namespace {

using Kind = Value::Kind;

template <Kind... kinds>
bool has_kind(const Value& value, const Arguments& arguments) {
  const ArgumentReader read("a test", arguments, {});
  return (value.is(kinds) || ...);
}

template <Kind kind>
bool has_not_kind(const Value& value, const Arguments& arguments) {
  return !has_kind<kind>(value, arguments);
}

template <bool wanted>
bool is_boolean(const Value& value, const Arguments& arguments) {
  return has_kind<Kind::kBool>(value, arguments) && value.boolean() == wanted;
}

bool is_divisible(const Value& value, int64_t by, int64_t rest) {
  return equal(arithmetic("%", value, Value(by)), Value(rest));
}

bool divisible_by(const Value& value, const Arguments& arguments) {
  const ArgumentReader read("divisibleby", arguments, {"num"});
  return is_divisible(value, read.integer(0), 0);
}

template <int64_t rest>
bool has_parity(const Value& value, const Arguments& arguments) {
  const ArgumentReader read("odd or even", arguments, {});
  return is_divisible(value, 2, rest);
}

// The symbols are template arguments by index.
constexpr std::array<std::string_view, 7> kSymbols = {"==", "!=", "<", "<=", ">", ">=", "in"};

template <size_t symbol>
bool compares(const Value& value, const Arguments& arguments) {
  const ArgumentReader read("a test", arguments, {"other"});
  return compare(kSymbols[symbol], value, read.required(0));
}

bool same_as(const Value& value, const Arguments& arguments) {
  const ArgumentReader read("sameas", arguments, {"other"});
  return value.same_as(read.required(0));
}

template <bool (*predicate)(std::string_view)>
bool text_is(const Value& value, const Arguments& arguments) {
  const ArgumentReader read("a test", arguments, {});
  return predicate(to_text(value));
}

bool names_filter(const Value& value, const Arguments&) {
  return value.is_string() && is_filter(value.text());
}

bool names_test(const Value& value, const Arguments&) {
  return value.is_string() && is_predicate(value.text());
}

bool is_escaped(const Value& value, const Arguments&) { return value.is_markup(); }

struct Row {
  std::string_view name;
  Predicate predicate;
};

constexpr std::array<Row, 39> kPredicates = {
    {{"!=", compares<1>},
     {"<", compares<2>},
     {"<=", compares<3>},
     {"==", compares<0>},
     {">", compares<4>},
     {">=", compares<5>},
     {"boolean", has_kind<Kind::kBool>},
     {"callable", has_kind<Kind::kCallable, Kind::kUndefined>},
     {"defined", has_not_kind<Kind::kUndefined>},
     {"divisibleby", divisible_by},
     {"eq", compares<0>},
     {"equalto", compares<0>},
     {"escaped", is_escaped},
     {"even", has_parity<0>},
     {"false", is_boolean<false>},
     {"filter", names_filter},
     {"float", has_kind<Kind::kFloat>},
     {"ge", compares<5>},
     {"greaterthan", compares<4>},
     {"gt", compares<4>},
     {"in", compares<6>},
     {"integer", has_kind<Kind::kInt>},
     {"iterable", has_kind<Kind::kUndefined, Kind::kString, Kind::kList, Kind::kTuple, Kind::kDict,
                           Kind::kGenerator>},
     {"le", compares<3>},
     {"lessthan", compares<2>},
     {"lower", text_is<python::is_lower>},
     {"lt", compares<2>},
     {"mapping", has_kind<Kind::kDict>},
     {"ne", compares<1>},
     {"none", has_kind<Kind::kNone>},
     {"number", has_kind<Kind::kBool, Kind::kInt, Kind::kFloat>},
     {"odd", has_parity<1>},
     {"sameas", same_as},
     {"sequence", has_kind<Kind::kString, Kind::kList, Kind::kTuple, Kind::kDict>},
     {"string", has_kind<Kind::kString>},
     {"test", names_test},
     {"true", is_boolean<true>},
     {"undefined", has_kind<Kind::kUndefined>},
     {"upper", text_is<python::is_upper>}}};

}  // namespace

bool is_predicate(std::string_view name) {
  return std::ranges::find(kPredicates, name, &Row::name) != kPredicates.end();
}

Predicate predicate_called(std::string_view name) {
  const auto row = std::ranges::find(kPredicates, name, &Row::name);
  if (row != kPredicates.end()) return row->predicate;
  std::vector<std::string> known;
  for (const Row& each : kPredicates) known.emplace_back(each.name);
  throw TemplateFailure("no test named '" + std::string(name) + "'" + did_you_mean(name, known) +
                        " (known: " + join(known) + ")");
}

}  // namespace retort::jinja
