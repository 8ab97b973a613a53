// The only file that knows toml++.
#include "base/config_value.h"
#include "base/error.h"
#include "base/file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <sstream>

namespace retort::config {
namespace {

Value convert(const toml::node& node);

Table convert_table(const toml::table& table) {
  struct Row {
    toml::source_position at;
    Entry entry;
  };
  std::vector<Row> rows;
  for (const auto& [key, node] : table)
    rows.push_back({key.source().begin, {std::string(key.str()), convert(node)}});
  // The library sorts keys by name; errors and `resolved` follow the file.
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.at < b.at; });
  Table out;
  for (Row& row : rows) out.push_back(std::move(row.entry));
  return out;
}

Value convert(const toml::node& node) {
  if (const auto* v = node.as_boolean()) return {v->get()};
  if (const auto* v = node.as_integer()) return {v->get()};
  if (const auto* v = node.as_floating_point()) return {v->get()};
  if (const auto* v = node.as_string()) return {v->get()};
  if (const auto* v = node.as_table()) return {convert_table(*v)};
  if (const auto* v = node.as_array()) {
    List list;
    for (const toml::node& item : *v) list.push_back(convert(item));
    return {std::move(list)};
  }
  std::ostringstream text;
  node.visit([&](const auto& concrete) { text << concrete; });
  return {Unsupported{text.str()}};
}

// "Error while parsing integer: …" and the like, on one line.
std::string one_line(std::string_view description) {
  std::string text(description);
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

Document parse_document(std::string_view text, const std::string& file) {
  try {
    return {file, convert_table(toml::parse(text, std::string_view(file)))};
  } catch (const toml::parse_error& error) {
    throw UserError(file + ":" + std::to_string(error.source().begin.line),
                    one_line(error.description()), "write it as TOML");
  }
}

Document read_document(const std::string& file) { return parse_document(read_file(file), file); }

Table parse_assignment(std::string_view assignment) {
  const std::string whole = "--set " + std::string(assignment);
  const size_t equals = assignment.find('=');
  if (equals == std::string_view::npos)
    throw UserError(whole, "has no '='", "write --set section.key=value");
  const std::string_view path = assignment.substr(0, equals);
  const std::string text(assignment.substr(equals + 1));

  Value value{text};
  try {
    const toml::table parsed = toml::parse("value = " + text);
    // A line break in the text may not smuggle in other keys.
    if (parsed.size() == 1 && parsed.contains("value")) value = convert(*parsed.get("value"));
  } catch (const toml::parse_error&) {
    // A bare word: taken as text.
  }
  if (!std::holds_alternative<std::string>(value.data)) value.bare = text;

  std::vector<std::string> keys;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t dot = std::min(path.find('.', begin), path.size());
    keys.emplace_back(path.substr(begin, dot - begin));
    if (keys.back().empty())
      throw UserError(whole, "has an empty key", "write --set section.key=value");
    begin = dot + 1;
  }
  for (size_t i = keys.size(); i > 1; --i) value = {Table{{keys[i - 1], std::move(value)}}};
  return {{keys.front(), std::move(value)}};
}

}  // namespace retort::config
