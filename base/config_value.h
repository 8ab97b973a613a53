#pragma once
// What a configuration file or a --set says, before it meets a struct: a small tree of values, and
// the reader and writer of its TOML text. Errors are UserError.
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace retort::config {

struct Value;
struct Entry;
using List = std::vector<Value>;
using Table = std::vector<Entry>;  // in the order of the file; keys are unique

struct Unsupported {  // dates and times of TOML
  std::string text;
  bool operator==(const Unsupported&) const = default;
};

struct Value {
  std::variant<bool, int64_t, double, std::string, List, Table, Unsupported> data;
  // The text behind the `=` of a --set that was no quoted string: a text field takes it as it
  // stands, so that `--set tasks.train=chain_sum:1-6` needs no quotes. "" otherwise.
  std::string bare = {};

  bool operator==(const Value& other) const;
};

struct Entry {
  std::string key;
  Value value;
  bool operator==(const Entry& other) const { return key == other.key && value == other.value; }
};

// Only here is Entry, which `data` may hold, complete.
inline bool Value::operator==(const Value& other) const { return data == other.data; }

struct Document {
  std::string file;  // as the user wrote it; shown in errors
  Table table;
};

Document read_document(const std::string& file);
Document parse_document(std::string_view text, const std::string& file);

// `section.key=VALUE`, VALUE in TOML syntax or a bare word, as nested tables.
Table parse_assignment(std::string_view assignment);

// A table as a TOML document: plain values first, then tables as [sections]. parse_document reads
// back an equal table (up to order).
std::string to_toml(const Table& table);
// One value on one line.
std::string to_toml(const Value& value);
// As an error names it: `8`, `the string "8"`, `a list`, `a table`.
std::string describe(const Value& value);

struct Difference {
  std::string key;  // "rollout.group_size"; lists are compared whole
  std::string a;    // TOML text; "" where the key is absent
  std::string b;
};
std::vector<Difference> diff(const Table& a, const Table& b);

}  // namespace retort::config
