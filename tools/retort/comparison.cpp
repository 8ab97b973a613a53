#include "tools/retort/comparison.h"

#include "base/json.h"

#include <fmt/format.h>

namespace retort {

bool all_equal(const Comparison& comparison) {
  int64_t compared = 0;
  for (const ComparisonRow& row : comparison) {
    if (!row.gated) continue;
    if (row.differing > 0) return false;
    compared += row.compared;
  }
  return compared > 0;
}

std::string comparison_table(const Comparison& comparison) {
  std::string out = fmt::format("{:<20} {:>22} {:>10}  {}\n", "what", "compared", "differing",
                                "first difference (A | B)");
  for (const ComparisonRow& row : comparison)
    out += fmt::format("{:<20} {:>22} {:>10}  {}\n", row.what,
                       fmt::format("{} {}", row.compared, row.unit), row.differing,
                       row.first + (row.gated || row.first.empty() ? "" : " (allowed)"));
  return out;
}

std::string comparison_json(const Comparison& comparison) {
  std::string out;
  for (const ComparisonRow& row : comparison)
    out += fmt::format(
        R"({{"what":{},"unit":{},"compared":{},"differing":{},"first":{},"deterministic":{}}})"
        "\n",
        json_quote(row.what), json_quote(row.unit), row.compared, row.differing,
        row.first.empty() ? "null" : json_quote(row.first), row.gated);
  return out;
}

}  // namespace retort
