#include "base/config_value.h"

#include "base/number.h"

#include <algorithm>
#include <cstdio>

namespace retort::config {
namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          char escape[8];
          std::snprintf(escape, sizeof escape, "\\u%04X", static_cast<unsigned>(c));
          out += escape;
        } else {
          out += c;
        }
    }
  }
  return out + '"';
}

std::string key_text(const std::string& key) {
  const bool bare = !key.empty() && key.find_first_not_of(
                                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                        "0123456789_-") == std::string::npos;
  return bare ? key : quote(key);
}

bool holds_tables(const List& list) {
  return std::any_of(list.begin(), list.end(),
                     [](const Value& item) { return std::holds_alternative<Table>(item.data); });
}

// A list of tables gets one line per table.
std::string value_text(const Value& value) {
  const auto* list = std::get_if<List>(&value.data);
  if (list == nullptr || !holds_tables(*list)) return to_toml(value);
  std::string text = "[\n";
  for (const Value& item : *list) text += "  " + to_toml(item) + ",\n";
  return text + "]";
}

void write_table(const Table& table, const std::string& path, std::string& out) {
  for (const Entry& entry : table)
    if (!std::holds_alternative<Table>(entry.value.data))
      out += key_text(entry.key) + " = " + value_text(entry.value) + "\n";
  for (const Entry& entry : table) {
    const auto* section = std::get_if<Table>(&entry.value.data);
    if (section == nullptr) continue;
    const std::string name = path.empty() ? key_text(entry.key) : path + "." + key_text(entry.key);
    out += (out.empty() ? "[" : "\n[") + name + "]\n";
    write_table(*section, name, out);
  }
}

void flatten(const Table& table, const std::string& path, std::vector<Difference>& rows,
             std::string Difference::*side) {
  for (const Entry& entry : table) {
    const std::string key = path.empty() ? entry.key : path + "." + entry.key;
    if (const auto* section = std::get_if<Table>(&entry.value.data)) {
      flatten(*section, key, rows, side);
      continue;
    }
    auto row =
        std::find_if(rows.begin(), rows.end(), [&](const Difference& r) { return r.key == key; });
    if (row == rows.end()) row = rows.insert(rows.end(), {key, "", ""});
    *row.*side = to_toml(entry.value);
  }
}

}  // namespace

std::string to_toml(const Value& value) {
  return std::visit(
      Overloaded{[](bool v) { return std::string(v ? "true" : "false"); },
                 [](int64_t v) { return std::to_string(v); }, [](double v) { return shortest(v); },
                 [](const std::string& v) { return quote(v); },
                 [](const List& v) {
                   std::string text = "[";
                   for (size_t i = 0; i < v.size(); ++i)
                     text += (i > 0 ? ", " : "") + to_toml(v[i]);
                   return text + "]";
                 },
                 [](const Table& v) {
                   std::string text = "{";
                   for (size_t i = 0; i < v.size(); ++i)
                     text += (i > 0 ? ", " : "") + key_text(v[i].key) + " = " + to_toml(v[i].value);
                   return text + "}";
                 },
                 [](const Unsupported& v) { return v.text; }},
      value.data);
}

std::string to_toml(const Table& table) {
  std::string out;
  write_table(table, "", out);
  return out;
}

std::string describe(const Value& value) {
  if (std::holds_alternative<std::string>(value.data)) return "the string " + to_toml(value);
  if (std::holds_alternative<List>(value.data)) return "a list";
  if (std::holds_alternative<Table>(value.data)) return "a table";
  if (std::holds_alternative<Unsupported>(value.data)) return "the date or time " + to_toml(value);
  return to_toml(value);
}

std::vector<Difference> diff(const Table& a, const Table& b) {
  std::vector<Difference> rows;
  flatten(a, "", rows, &Difference::a);
  flatten(b, "", rows, &Difference::b);
  std::erase_if(rows, [](const Difference& row) { return row.a == row.b; });
  return rows;
}

}  // namespace retort::config
