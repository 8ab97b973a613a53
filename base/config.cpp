#include "base/config.h"

#include "base/check.h"
#include "base/error.h"
#include "base/number.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace retort::config {
namespace {

[[noreturn]] void fail_type(const Value& value, const std::string& wanted, const Check& check,
                            const Place& place) {
  std::string fix = wanted;
  if (!check.names().empty())
    fix = check.range();
  else if (!check.range().empty())
    fix += ", " + check.range();
  throw UserError(place.text(), "got " + describe(value), "set it to " + fix);
}

template <class Integer>
void assign_integer(Integer& out, const Value& value, const Check& check, const Place& place) {
  const auto* number = std::get_if<int64_t>(&value.data);
  if (number == nullptr) fail_type(value, "an integer", check, place);
  const auto got = "got " + std::to_string(*number);
  if (!check.allows(static_cast<double>(*number)))
    throw UserError(place.text(), got, "set it to " + check.range());
  constexpr auto kLow = static_cast<int64_t>(std::numeric_limits<Integer>::min());
  constexpr auto kHigh = static_cast<int64_t>(std::numeric_limits<Integer>::max());
  if (*number < kLow || *number > kHigh)
    throw UserError(
        place.text(), got,
        "set it to a value from " + std::to_string(kLow) + " to " + std::to_string(kHigh));
  out = static_cast<Integer>(*number);
}

// A cell of a Markdown table.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string Place::text() const { return (file.empty() ? "[" : file + ": [") + key + "]"; }
Place Place::child(std::string_view name) const {
  return {file, key.empty() ? std::string(name) : key + "." + std::string(name)};
}
Place Place::item(size_t index) const { return {file, key + "[" + std::to_string(index) + "]"}; }

void assign(bool& out, const Value& value, const Check& check, const Place& place) {
  const auto* flag = std::get_if<bool>(&value.data);
  if (flag == nullptr) fail_type(value, "true or false", check, place);
  out = *flag;
}
void assign(int32_t& out, const Value& value, const Check& check, const Place& place) {
  assign_integer(out, value, check, place);
}
void assign(int64_t& out, const Value& value, const Check& check, const Place& place) {
  assign_integer(out, value, check, place);
}
void assign(uint32_t& out, const Value& value, const Check& check, const Place& place) {
  assign_integer(out, value, check, place);
}

void assign(double& out, const Value& value, const Check& check, const Place& place) {
  double number = 0;
  if (const auto* real = std::get_if<double>(&value.data))
    number = *real;
  else if (const auto* integer = std::get_if<int64_t>(&value.data))
    number = static_cast<double>(*integer);
  else
    fail_type(value, "a number", check, place);
  if (!std::isfinite(number) || !check.allows(number))
    throw UserError(place.text(), "got " + compact(number),
                    "set it to " + (check.range().empty() ? "a finite number" : check.range()));
  out = number;
}

void assign(std::string& out, const Value& value, const Check& check, const Place& place) {
  const auto* text = std::get_if<std::string>(&value.data);
  if (text == nullptr && value.bare.empty()) fail_type(value, "a text in quotes", check, place);
  const std::string& content = text != nullptr ? *text : value.bare;
  if (!check.allows(content))
    throw UserError(place.text(),
                    "got " + to_toml(Value{content}) + did_you_mean(content, check.names()),
                    "set it to " + check.range());
  out = content;
}

Value value_of(bool value) { return {value}; }
Value value_of(int32_t value) { return {int64_t{value}}; }
Value value_of(int64_t value) { return {value}; }
Value value_of(uint32_t value) { return {int64_t{value}}; }
Value value_of(double value) { return {value}; }
Value value_of(const std::string& value) { return {value}; }

const Table& expect_table(const Value& value, const Place& place) {
  const auto* table = std::get_if<Table>(&value.data);
  if (table == nullptr)
    throw UserError(place.text(), "got " + describe(value), "write a table of its keys here");
  return *table;
}

const List& expect_list(const Value& value, const std::string& item_type, const Place& place) {
  const auto* list = std::get_if<List>(&value.data);
  if (list == nullptr)
    throw UserError(place.text(), "got " + describe(value),
                    "set it to a list of " + item_type + ", [a, b]");
  return *list;
}

void fail_unknown_key(const Place& section, const std::string& key,
                      const std::vector<std::string>& known) {
  throw UserError(section.child(key).text(), "unknown key" + did_you_mean(key, known),
                  "known here: " + join(known));
}

std::vector<std::string> Binder::names() const {
  std::vector<std::string> names;
  for (const Root& root : roots_) names.push_back(root.name);
  return names;
}

void Binder::assign_table(const Table& table, const std::string& file) {
  for (const Entry& entry : table) {
    const auto root = std::find_if(roots_.begin(), roots_.end(), [&](const Root& candidate) {
      return candidate.name == entry.key;
    });
    const Place place = Place{file, ""}.child(entry.key);
    if (root == roots_.end())
      throw UserError(place.text(), "unknown section" + did_you_mean(entry.key, names()),
                      "known: " + join(names()));
    root->assign(entry.value, place);
  }
}

void Binder::apply(const Document& document) { assign_table(document.table, document.file); }

void Binder::set(std::string_view assignment) { assign_table(parse_assignment(assignment), ""); }

void Binder::check() const {
  for (const Root& root : roots_) root.check();
}

Table Binder::values() const {
  Table table;
  for (const Root& root : roots_) table.push_back({root.name, root.value()});
  return table;
}

std::string Binder::help() const {
  std::string out;
  for (const Root& root : roots_) {
    out += (out.empty() ? "[" : "\n[") + root.name + "]" +
           (root.doc.empty() ? "" : "  " + root.doc) + "\n";
    for (const FieldRow& row : root.rows) {
      out += "  " + row.key + " = " + row.default_ + "   (" + row.type;
      if (!row.range.empty()) out += ", " + row.range;
      if (!row.unit.empty()) out += "; " + row.unit;
      out += ")\n      " + row.doc + "\n";
    }
  }
  return out;
}

std::string Binder::markdown() const {
  std::string out;
  for (const Root& root : roots_) {
    out += (out.empty() ? "## `" : "\n## `") + root.name + "`\n\n";
    if (!root.doc.empty()) out += root.doc + "\n\n";
    out += "| key | type | default | range | unit | meaning |\n|---|---|---|---|---|---|\n";
    for (const FieldRow& row : root.rows)
      out += "| `" + cell(row.key) + "` | " + cell(row.type) + " | `" + cell(row.default_) +
             "` | " + cell(row.range) + " | " + cell(row.unit) + " | " + cell(row.doc) + " |\n";
  }
  return out;
}

}  // namespace retort::config
