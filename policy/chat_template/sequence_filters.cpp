// Filters that walk over sequences.
#include "policy/chat_template/argument_reader.h"
#include "policy/chat_template/filters.h"
#include "policy/chat_template/interpreter.h"
#include "policy/chat_template/limits.h"
#include "policy/chat_template/operators.h"
#include "policy/chat_template/python_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

namespace retort::jinja {
namespace {

using Kind = Value::Kind;

// A filter whose work is done when its result is walked.
template <List (*produce)(Interpreter&, const Value&, const Arguments&)>
Value lazily(Interpreter& self, const Value& value, const Arguments& arguments) {
  Generator made;
  made.nesting = nesting_around(arguments.positional);
  for (const auto& [name, given] : arguments.named)
    made.nesting = std::max(made.nesting, given.nesting() + 1);
  made.nesting = std::max(made.nesting, value.nesting() + 1);
  made.produce = [&self, value, arguments] { return produce(self, value, arguments); };
  return Value(std::move(made));
}

// A path like "a.b.0": items of items. What is missing on the way becomes `missing`, if that is
// given.
Value at_path(Value value, const Value& path, const Value* missing = nullptr) {
  const auto or_missing = [&](const Value& found) {
    return found.is_undefined() && missing != nullptr && !missing->is_none() ? *missing : found;
  };
  if (!path.is_string()) return or_missing(item(value, path));
  for (const std::string& part : python::split(path.text(), ".", -1)) {
    int64_t index = 0;
    const char* end = part.data() + part.size();
    const auto read = std::from_chars(part.data(), end, index);
    const bool is_index =
        !part.empty() && part[0] != '-' && read.ptr == end && read.ec == std::errc();
    value = or_missing(item(value, is_index ? Value(index) : Value(part)));
  }
  return value;
}

Value without_case(const Value& value) {
  return value.is_string() ? Value(python::lower(value.text())) : value;
}

// What items are compared by: themselves or an attribute, in lower case unless case counts.
Value key_of(const Value& value, const Value* path, bool is_case_sensitive) {
  const Value key = path == nullptr || path->is_none() ? value : at_path(value, *path);
  return is_case_sensitive ? key : without_case(key);
}

Value length_filter(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("length", arguments, {});
  return Value(length(value));
}

Value first(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("first", arguments, {});
  if (value.is(Kind::kGenerator)) {
    Generator& walk = value.generator();
    walk.start();
    if (walk.next < walk.items.size()) return walk.items[walk.next++];
  } else {
    const List items = iterate(value);
    if (!items.empty()) return items.front();
  }
  return Value::undefined("No first item, sequence was empty.");
}

Value last(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("last", arguments, {});
  if (value.is(Kind::kGenerator)) throw TemplateFailure("'generator' object is not reversible");
  const List items = iterate(value);
  return items.empty() ? Value::undefined("No last item, sequence was empty.") : items.back();
}

Value join(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("join", arguments, {"d", "attribute"});
  const Value* separator = read.optional(0);
  const std::string between = separator == nullptr ? "" : to_text(*separator);
  const Value* path = read.optional(1);
  std::string out;
  bool is_first = true;
  for (const Value& part : iterate(value)) {
    if (!std::exchange(is_first, false)) out += between;
    out += to_text(path == nullptr || path->is_none() ? part : at_path(part, *path));
    check_text_size(out.size());
  }
  return Value(std::move(out));
}

Value list(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("list", arguments, {});
  return Value(iterate(value));
}

List items(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("items", arguments, {});
  List pairs;
  if (value.is_undefined()) return {};
  if (!value.is(Kind::kDict)) throw TemplateFailure("Can only get item pairs from a mapping.");
  for (const auto& [key, entry] : value.dict().entries) pairs.emplace_back(Tuple{{key, entry}});
  return pairs;
}

Value reverse(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("reverse", arguments, {});
  List all = iterate(value);
  std::ranges::reverse(all);
  if (!value.is_string()) {
    Generator made;
    made.items = std::move(all);
    return Value(std::move(made));
  }
  std::string text;
  for (const Value& c : all) text += c.text();
  return Value(std::move(text));
}

// map(attribute='a', default=…) or map('filter', …).
List map(Interpreter& self, const Value& value, const Arguments& arguments) {
  List mapped;
  if (!truth(value)) return mapped;  // also of none
  if (arguments.positional.empty()) {
    const ArgumentReader read("map", arguments, {"attribute", "default"});
    const Value& path = read.required(0);
    const Value* fallback = read.optional(1);
    for (const Value& each : iterate(value)) mapped.push_back(at_path(each, path, fallback));
    return mapped;
  }
  if (!arguments.positional[0].is_string()) throw TemplateFailure("map needs a filter's name");
  Arguments rest = arguments;
  rest.positional.erase(rest.positional.begin());
  for (const Value& each : iterate(value)) {
    mapped.push_back(self.filter(arguments.positional[0].text(), each, rest));
  }
  return mapped;
}

// select, reject (by the item) and selectattr, rejectattr (by an attribute of it).
template <bool by_attribute, bool wanted>
List select(Interpreter& self, const Value& value, const Arguments& arguments) {
  Arguments rest = arguments;
  std::optional<Value> path;
  if (by_attribute) {
    if (rest.positional.empty()) throw TemplateFailure("Missing parameter for attribute name");
    path = rest.positional[0];
    rest.positional.erase(rest.positional.begin());
  }
  std::optional<std::string> test;
  if (!rest.positional.empty()) {
    if (!rest.positional[0].is_string()) throw TemplateFailure("select needs a test's name");
    test = rest.positional[0].text();
    rest.positional.erase(rest.positional.begin());
  }
  List kept;
  if (!truth(value)) return kept;  // also of none
  for (const Value& each : iterate(value)) {
    const Value judged = path ? at_path(each, *path) : each;
    if ((test ? self.test(*test, judged, rest) : truth(judged)) == wanted) kept.push_back(each);
  }
  return kept;
}

List sorted(List all, bool is_reversed, const std::function<Value(const Value&)>& key) {
  std::vector<std::pair<Value, Value>> keyed;
  for (Value& each : all) {
    Value its_key = key(each);
    keyed.emplace_back(std::move(its_key), std::move(each));
  }
  // Python keeps equal items in order also when it sorts downwards.
  std::ranges::stable_sort(keyed, [&](const auto& a, const auto& b) {
    return is_reversed ? less(b.first, a.first) : less(a.first, b.first);
  });
  List out;
  for (auto& [unused, each] : keyed) out.push_back(std::move(each));
  return out;
}

Value sort(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("sort", arguments, {"reverse", "case_sensitive", "attribute"});
  const bool by_case = read.truth_or(1, false);
  const Value* path = read.optional(2);
  const bool has_path = path != nullptr && !path->is_none();
  return Value(sorted(iterate(value), read.truth_or(0, false), [&](const Value& each) {
    if (!has_path || !path->is_string()) return key_of(each, path, by_case);
    List keys;
    for (const std::string& part : python::split(path->text(), ",", -1)) {
      const Value one(part);
      keys.push_back(key_of(each, &one, by_case));
    }
    return Value(std::move(keys));
  }));
}

Value dict_sort(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("dictsort", arguments, {"case_sensitive", "by", "reverse"});
  const std::string by = read.text_or(1, "key");
  if (by != "key" && by != "value") {
    throw TemplateFailure("You can only sort by either \"key\" or \"value\"");
  }
  require_defined(value);
  if (!value.is(Kind::kDict)) throw TemplateFailure("dictsort needs a mapping");
  List pairs;
  for (const auto& [key, entry] : value.dict().entries) pairs.emplace_back(Tuple{{key, entry}});
  return Value(sorted(std::move(pairs), read.truth_or(2, false), [&](const Value& pair) {
    const Value& part = pair.items()[by == "key" ? 0 : 1];
    return read.truth_or(0, false) ? part : without_case(part);
  }));
}

List unique(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("unique", arguments, {"case_sensitive", "attribute"});
  List seen;
  List kept;
  for (const Value& each : iterate(value)) {
    const Value key = key_of(each, read.optional(1), read.truth_or(0, false));
    require_hashable(key);  // Jinja keeps a set of them
    if (std::ranges::any_of(seen, [&](const Value& old) { return equal(old, key); })) continue;
    seen.push_back(key);
    kept.push_back(each);
  }
  return kept;
}

template <bool wants_largest>
Value extreme(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("min or max", arguments, {"case_sensitive", "attribute"});
  std::optional<Value> best;
  Value best_key;
  for (const Value& each : iterate(value)) {
    const Value key = key_of(each, read.optional(1), read.truth_or(0, false));
    if (best && !(wants_largest ? less(best_key, key) : less(key, best_key))) continue;
    best = each;
    best_key = key;
  }
  return best ? *best : Value::undefined("No aggregated item, sequence was empty.");
}

Value sum(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("sum", arguments, {"attribute", "start"});
  const Value* path = read.optional(0);
  const Value* start = read.optional(1);
  Value total = start != nullptr ? *start : Value(int64_t{0});
  if (total.is_string()) throw TemplateFailure("sum() can't sum strings");
  for (const Value& each : iterate(value)) {
    total =
        arithmetic("+", total, path == nullptr || path->is_none() ? each : at_path(each, *path));
  }
  return total;
}

Value group_by(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("groupby", arguments, {"attribute", "default", "case_sensitive"});
  const Value& path = read.required(0);
  const bool by_case = read.truth_or(2, false);
  const auto raw_key = [&](const Value& each) { return at_path(each, path, read.optional(1)); };
  const auto key = [&](const Value& each) {
    return by_case ? raw_key(each) : without_case(raw_key(each));
  };
  List groups;
  List members;
  const List ordered = sorted(iterate(value), false, key);
  for (size_t i = 0; i < ordered.size(); ++i) {
    members.push_back(ordered[i]);
    if (i + 1 < ordered.size() && equal(key(ordered[i]), key(ordered[i + 1]))) continue;
    const Value name = raw_key(members.front());
    groups.emplace_back(Tuple{{name, Value(std::exchange(members, {}))}});
  }
  return Value(std::move(groups));
}

List batch(Interpreter&, const Value& value, const Arguments& arguments) {
  const ArgumentReader read("batch", arguments, {"linecount", "fill_with"});
  const int64_t size = read.integer(0);
  if (size < 1 || size > kMaxItems) throw TemplateFailure("batch needs a size of 1 or more");
  List rows;
  List row;
  for (const Value& each : iterate(value)) {
    if (static_cast<int64_t>(row.size()) == size) rows.emplace_back(std::exchange(row, {}));
    row.push_back(each);
  }
  if (!row.empty()) {
    const Value* fill = read.optional(1);
    if (fill != nullptr && !fill->is_none()) row.resize(static_cast<size_t>(size), *fill);
    rows.emplace_back(std::move(row));
  }
  return rows;
}

struct Row {
  std::string_view name;
  Filter filter;
};

constexpr std::array<Row, 21> kFilters = {{{"batch", lazily<batch>},
                                           {"count", length_filter},
                                           {"dictsort", dict_sort},
                                           {"first", first},
                                           {"groupby", group_by},
                                           {"items", lazily<items>},
                                           {"join", join},
                                           {"last", last},
                                           {"length", length_filter},
                                           {"list", list},
                                           {"map", lazily<map>},
                                           {"max", extreme<true>},
                                           {"min", extreme<false>},
                                           {"reject", lazily<select<false, false>>},
                                           {"rejectattr", lazily<select<true, false>>},
                                           {"reverse", reverse},
                                           {"select", lazily<select<false, true>>},
                                           {"selectattr", lazily<select<true, true>>},
                                           {"sort", sort},
                                           {"sum", sum},
                                           {"unique", lazily<unique>}}};

}  // namespace

Filter sequence_filter_called(std::string_view name) {
  const auto row = std::ranges::find(kFilters, name, &Row::name);
  return row == kFilters.end() ? nullptr : row->filter;
}

std::vector<std::string> sequence_filter_names() {
  std::vector<std::string> names;
  for (const Row& row : kFilters) names.emplace_back(row.name);
  return names;
}

}  // namespace retort::jinja
