#include "tests/layering.h"

#include <algorithm>
#include <regex>
#include <stdexcept>

namespace retort::tests {
namespace {

std::string trim(std::string_view text) {
  const size_t from = text.find_first_not_of(" \t\r");
  if (from == std::string_view::npos) return "";
  return std::string(text.substr(from, text.find_last_not_of(" \t\r") - from + 1));
}

// The cells of "| a | b |".
std::vector<std::string> table_cells(std::string_view line) {
  std::vector<std::string> cells;
  size_t from = line.find('|') + 1;
  for (size_t bar = line.find('|', from); bar != std::string_view::npos;
       bar = line.find('|', from)) {
    cells.push_back(trim(line.substr(from, bar - from)));
    from = bar + 1;
  }
  return cells;
}

// "tools, tests" -> {"tools", "tests"}
std::vector<std::string> names_of(std::string_view cell) {
  std::vector<std::string> names;
  while (true) {
    const size_t comma = cell.find(',');
    names.push_back(trim(cell.substr(0, comma)));
    if (comma == std::string_view::npos) return names;
    cell.remove_prefix(comma + 1);
  }
}

// Everything between back quotes.
std::vector<std::string> between_back_quotes(std::string_view cell) {
  std::vector<std::string> parts;
  for (size_t open = cell.find('`'); open != std::string_view::npos; open = cell.find('`')) {
    const size_t close = cell.find('`', open + 1);
    if (close == std::string_view::npos) break;
    parts.emplace_back(cell.substr(open + 1, close - open - 1));
    cell.remove_prefix(close + 1);
  }
  return parts;
}

// The last column. Parts, joined by `;`: "none", "as ROW", "`.cpp`", "only `*_a.cpp`, `*_b.cpp`",
// "headers at most `X`, `Y`", "`*_a.h` at most `X`".
TorchRule parse_torch_rule(std::string_view cell, const std::map<std::string, TorchRule>& earlier) {
  TorchRule rule;
  if (cell == "none") return rule;
  if (cell.starts_with("as ")) {
    const auto it = earlier.find(std::string(cell.substr(3)));
    if (it == earlier.end()) {
      throw std::runtime_error("torch headers: '" + std::string(cell) + "': no such row");
    }
    return it->second;
  }
  while (true) {
    const size_t semicolon = cell.find(';');
    const std::string part = trim(cell.substr(0, semicolon));
    std::vector<std::string> names = between_back_quotes(part);
    const bool is_header_part = part.find(" at most ") != std::string::npos;
    if (is_header_part && part.starts_with("headers") && !names.empty()) {
      rule.header_endings.insert(".h");
      rule.headers.insert(names.begin(), names.end());
    } else if (is_header_part && names.size() >= 2 && names[0].starts_with("*")) {
      rule.header_endings.insert(names[0].substr(1));
      rule.headers.insert(names.begin() + 1, names.end());
    } else if (part == "`.cpp`") {
      rule.any_source = true;
    } else if (part.starts_with("only ") && !names.empty()) {
      for (const std::string& name : names) {
        if (!name.starts_with("*")) throw std::runtime_error("torch headers: '" + part + "'");
        rule.source_endings.insert(name.substr(1));
      }
    } else {
      throw std::runtime_error("torch headers: '" + part + "' is not understood");
    }
    if (semicolon == std::string_view::npos) break;
    cell.remove_prefix(semicolon + 1);
  }
  // The forward declarations of the same types.
  if (!rule.headers.empty()) rule.headers.insert("ATen/core/ATen_fwd.h");
  return rule;
}

bool is_torch(const std::string& target) {
  static const std::set<std::string> kFolders = {"ATen", "torch", "c10", "caffe2"};
  return kFolders.contains(top_folder(target));
}

bool ends_in_one_of(const std::string& path, const std::set<std::string>& endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&](const std::string& ending) { return path.ends_with(ending); });
}

bool may_include_torch(const TorchRule& rule, const std::string& path, const std::string& target) {
  if (path.ends_with(".h")) {
    return ends_in_one_of(path, rule.header_endings) && rule.headers.contains(target);
  }
  if (rule.any_source && path.ends_with(".cpp")) return true;
  return ends_in_one_of(path, rule.source_endings);
}

}  // namespace

IncludeTable parse_include_table(std::string_view markdown) {
  IncludeTable table;
  std::vector<std::string> columns;
  for (const std::string& line : split_lines(markdown)) {
    if (!line.starts_with("|")) {
      if (!table.torch.empty()) break;
      columns.clear();
      continue;
    }
    const std::vector<std::string> cells = table_cells(line);
    if (columns.empty()) {
      if (!cells.empty() && cells.back() == "torch headers") columns = cells;
      continue;
    }
    if (cells.size() > 1 && cells[1].starts_with("---")) continue;
    if (cells.size() != columns.size()) {
      throw std::runtime_error("include table: " + std::to_string(cells.size()) + " cells, " +
                               std::to_string(columns.size()) + " columns: " + line);
    }
    const std::vector<std::string> rows = names_of(cells.front());
    for (const std::string& row : rows) {
      std::set<std::string>& allowed = table.may_include[row];
      allowed.insert(rows.begin(), rows.end());
      for (size_t c = 1; c + 1 < cells.size(); ++c) {
        if (cells[c] == "✓" || cells[c] == "·") {
          allowed.insert(columns[c]);
        } else if (!cells[c].empty() && cells[c] != "**never**") {
          throw std::runtime_error("include table: row " + row + ": cell '" + cells[c] + "'");
        }
      }
      table.torch[row] = parse_torch_rule(cells.back(), table.torch);
    }
  }
  if (table.torch.empty()) {
    throw std::runtime_error("no table whose last column is 'torch headers'");
  }
  return table;
}

std::vector<std::string> include_violations(const IncludeTable& table,
                                            const std::vector<SourceFile>& files) {
  static const std::regex kInclude(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  std::vector<std::string> found;
  for (const SourceFile& file : files) {
    const std::string folder = top_folder(file.path);
    const auto allowed = table.may_include.find(folder);
    if (allowed == table.may_include.end()) {
      found.push_back(file.path + ":1: folder '" + folder + "' is not in the include table");
      continue;
    }
    const std::vector<std::string> lines = split_lines(file.text);
    for (size_t i = 0; i < lines.size(); ++i) {
      std::smatch match;
      if (!std::regex_search(lines[i], match, kInclude)) continue;
      const std::string target = match[2];
      const std::string to = top_folder(target);
      const std::string place = file.path + ":" + std::to_string(i + 1) + ": ";
      if (is_torch(target)) {
        if (!may_include_torch(table.torch.at(folder), file.path, target)) {
          found.push_back(place + file_name(file.path) + " may not include " + target);
        }
      } else if (table.may_include.contains(to)) {
        if (!allowed->second.contains(to)) {
          found.push_back(place + folder + " may not include " + to + " (" + target + ")");
        }
      } else if (match[1] == "\"") {
        found.push_back(place + "\"" + target +
                        "\": an include in quotes starts at the root with " +
                        "one of the project's folders");
      }
    }
  }
  return found;
}

}  // namespace retort::tests
