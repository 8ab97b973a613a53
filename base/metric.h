#pragma once
// The one table of metric names, and a row of metrics. metrics.jsonl, run.db, docs/metrics.md and
// `compare` read the same table.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace retort {

struct MetricInfo {
  // '/' divides parts. A part in capitals stands for any text without '/', a K behind '@' for a
  // number: reward/PART/mean, eval/FAMILY/pass@K.
  std::string_view name;
  std::string_view unit;  // "" for a plain number
  bool deterministic;     // false: a time, a rate or a fact of the host; not compared between runs
  std::string_view meaning;
};

std::span<const MetricInfo> metric_table();

// The row that `name` is, or is a case of; null when there is none.
const MetricInfo* find_metric(std::string_view name);

// docs/metrics.md's table.
std::string metric_markdown();

// One line of metrics.jsonl: names in the order they were set, each a whole number, a number or
// null.
class MetricRow {
 public:
  using Value = std::variant<std::monostate, int64_t, double>;  // monostate: null
  struct Entry {
    std::string name;
    Value value;
  };

  // `name` is in the table and was not set before (checked).
  template <class Number>
  requires std::is_arithmetic_v<Number>
  void set(std::string_view name, Number value) {
    if constexpr (std::is_integral_v<Number>)
      add(name, static_cast<int64_t>(value));
    else
      add(name, static_cast<double>(value));
  }
  void set(std::string_view name, std::optional<double> value);
  void set_null(std::string_view name) { add(name, {}); }

  const std::vector<Entry>& entries() const { return entries_; }
  // The number under a name; nullopt when it is absent or null.
  std::optional<double> get(std::string_view name) const;

  // One JSON object without a line break. Numbers in their shortest form that reads back to the
  // same bits; null also for what is no finite number, which JSON cannot say.
  std::string json() const;

 private:
  void add(std::string_view name, Value value);
  std::vector<Entry> entries_;
};

}  // namespace retort
