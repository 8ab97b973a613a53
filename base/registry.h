#pragma once
// A registry is one visible table: name, one-line help, factory. No static registrars (a static
// library drops them). The table drives lookup, --list, the documentation and "did you mean".
#include "base/error.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

template <class Factory>
struct RegistryRow {
  std::string_view name;
  std::string_view help;
  Factory make;
};

template <class Row>
std::vector<std::string> row_names(std::span<const Row> rows) {
  std::vector<std::string> names;
  for (const Row& row : rows) names.emplace_back(row.name);
  return names;
}

// The row called `name`; UserError at `place` with the known names and "did you mean" if there is
// none.
template <class Row>
const Row& find_row(std::span<const Row> rows, std::string_view name, const std::string& place,
                    const std::string& kind) {
  for (const Row& row : rows)
    if (row.name == name) return row;
  const std::vector<std::string> names = row_names(rows);
  throw UserError(place,
                  "unknown " + kind + " '" + std::string(name) + "'" + did_you_mean(name, names),
                  "known: " + join(names));
}

}  // namespace retort
