#include "tools/retort/compare_records.h"

#include "base/check.h"
#include "base/metric.h"
#include "base/number.h"
#include "base/sqlite.h"
#include "learner/run_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace retort {
namespace {

bool is_time_or_rate(const Statement& row) {
  const MetricInfo* metric = find_metric(row.text(1));
  return metric != nullptr && !metric->deterministic;
}

// One kind of row. The query's first `keys` columns order it and name the place; the others are
// compared. ?1 is the last step that both runs have.
struct Records {
  const char* what;
  const char* unit;
  int keys;
  const char* sql;
  bool (*left_out)(const Statement& row) = nullptr;
};

constexpr Records kRecords[] = {
    {"tasks", "tasks", 2,
     "SELECT step, task, uid, coalesce(prompt, messages) AS prompt, answer FROM task "
     "WHERE step <= ?1 ORDER BY step, task"},
    {"sampled tokens", "samples", 4,
     "SELECT step, task, slot, branch, prompt_ids, ids, stop, version_min, versions, loss_mask, "
     "kept_begin, kept_ids FROM sample JOIN token ON token.sample = sample.id "
     "WHERE step <= ?1 ORDER BY step, task, slot, branch"},
    {"log-probabilities", "samples", 4,
     "SELECT step, task, slot, branch, logprobs FROM sample JOIN token ON token.sample = sample.id "
     "WHERE step <= ?1 ORDER BY step, task, slot, branch"},
    {"entropies", "samples", 4,
     "SELECT step, task, slot, branch, entropies FROM sample JOIN token ON token.sample = "
     "sample.id WHERE step <= ?1 ORDER BY step, task, slot, branch"},
    {"verdicts", "samples", 4,
     "SELECT step, task, slot, branch, outcome, score FROM sample JOIN verdict ON verdict.sample = "
     "sample.id WHERE step <= ?1 ORDER BY step, task, slot, branch"},
    {"parts of verdicts", "parts", 5,
     "SELECT step, task, slot, branch, part, name, weight, outcome, score FROM sample JOIN part ON "
     "part.sample = sample.id WHERE step <= ?1 ORDER BY step, task, slot, branch, part"},
    {"metrics", "numbers", 2,
     "SELECT step, name, value FROM metric WHERE step <= ?1 ORDER BY step, name", is_time_or_rate},
    {"versions", "digests", 1,
     "SELECT number AS version, digest FROM version WHERE number <= ?1 ORDER BY number"},
};

constexpr std::string_view kFloatBlobs[] = {"logprobs", "entropies"};
constexpr std::string_view kByteBlobs[] = {"loss_mask"};
constexpr size_t kShownCharacters = 60;

template <size_t N>
bool is_one_of(const std::string_view (&names)[N], const std::string& name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

std::string float_text(uint32_t bits) {
  return fmt::format("{:.9g} (0x{:08x})", std::bit_cast<float>(bits), bits);
}

template <class Number, class Show>
std::string first_element(Blob a, Blob b, const std::string& name, const Show& show) {
  const size_t common = std::min(a.size(), b.size()) / sizeof(Number);
  for (size_t i = 0; i < common; ++i) {
    Number x, y;
    std::memcpy(&x, a.data() + i * sizeof x, sizeof x);
    std::memcpy(&y, b.data() + i * sizeof y, sizeof y);
    if (x != y) return fmt::format("{}[{}] {} | {}", name, i, show(x), show(y));
  }
  return fmt::format("{} of {} | {} entries", name, a.size() / sizeof(Number),
                     b.size() / sizeof(Number));
}

std::string blob_difference(Blob a, Blob b, const std::string& name) {
  if (is_one_of(kFloatBlobs, name)) return first_element<uint32_t>(a, b, name, float_text);
  const auto plain = [](auto number) { return std::to_string(number); };
  if (is_one_of(kByteBlobs, name)) return first_element<uint8_t>(a, b, name, plain);
  return first_element<int32_t>(a, b, name, plain);
}

std::string value_text(const Statement& row, int column) {
  switch (row.type(column)) {
    case ColumnType::kNull:
      return "null";
    case ColumnType::kInteger:
      return std::to_string(row.integer(column));
    case ColumnType::kReal:
      return shortest(row.real(column));
    case ColumnType::kBlob:
      return fmt::format("{} bytes", row.blob(column).size());
    case ColumnType::kText:
      break;
  }
  const std::string text = row.text(column);
  return text.size() <= kShownCharacters ? text : text.substr(0, kShownCharacters) + "…";
}

bool same_value(const Statement& a, const Statement& b, int column) {
  if (a.type(column) != b.type(column)) return false;
  switch (a.type(column)) {
    case ColumnType::kNull:
      return true;
    case ColumnType::kInteger:
      return a.integer(column) == b.integer(column);
    case ColumnType::kReal:
      return std::bit_cast<uint64_t>(a.real(column)) == std::bit_cast<uint64_t>(b.real(column));
    case ColumnType::kText:
      return a.text(column) == b.text(column);
    case ColumnType::kBlob:
      return std::ranges::equal(a.blob(column), b.blob(column));
  }
  return false;
}

// "NAME A | B" of the first column that differs; "" when none does.
std::string row_difference(const Statement& a, const Statement& b, int keys) {
  for (int column = keys; column < a.columns(); ++column) {
    if (same_value(a, b, column)) continue;
    const std::string name = a.column_name(column);
    if (a.type(column) == ColumnType::kBlob && b.type(column) == ColumnType::kBlob)
      return blob_difference(a.blob(column), b.blob(column), name);
    return fmt::format("{} {} | {}", name, value_text(a, column), value_text(b, column));
  }
  return "";
}

// "step 3, task 2, slot 5": the keys by their names; branch 0 goes without saying.
std::string place_of(const Statement& row, int keys) {
  std::string place;
  for (int column = 0; column < keys; ++column) {
    const std::string name = row.column_name(column), value = value_text(row, column);
    if (name == "branch" && value == "0") continue;
    place += (place.empty() ? "" : ", ") + (name == "name" ? value : name + " " + value);
  }
  return place;
}

// The order of the query: integers by value, texts by bytes.
int compare_keys(const Statement& a, const Statement& b, int keys) {
  for (int column = 0; column < keys; ++column) {
    if (a.type(column) == ColumnType::kText) {
      if (const int order = a.text(column).compare(b.text(column)); order != 0) return order;
    } else if (a.integer(column) != b.integer(column)) {
      return a.integer(column) < b.integer(column) ? -1 : 1;
    }
  }
  return 0;
}

ComparisonRow compare_rows(const Records& records, Database& a, Database& b, int64_t last_step) {
  ComparisonRow result{records.what, records.unit};
  Statement row_a = a.prepare(records.sql), row_b = b.prepare(records.sql);
  row_a.bind(1, last_step);
  row_b.bind(1, last_step);
  const auto next = [&](Statement& row) {
    while (row.next())
      if (records.left_out == nullptr || !records.left_out(row)) return true;
    return false;
  };
  bool has_a = next(row_a), has_b = next(row_b);
  while (has_a || has_b) {
    const int order = !has_a ? 1 : !has_b ? -1 : compare_keys(row_a, row_b, records.keys);
    ++result.compared;
    if (order < 0) {
      result.differ(place_of(row_a, records.keys) + ": only in A");
    } else if (order > 0) {
      result.differ(place_of(row_b, records.keys) + ": only in B");
    } else if (const std::string text = row_difference(row_a, row_b, records.keys); !text.empty()) {
      result.differ(place_of(row_a, records.keys) + ": " + text);
    }
    if (order <= 0) has_a = next(row_a);
    if (order >= 0) has_b = next(row_b);
  }
  return result;
}

int64_t last_step(Database& database) {
  return database.integer("SELECT max(step) FROM step WHERE finished_at IS NOT NULL").value_or(-1);
}

ComparisonRow compare_lengths(int64_t a, int64_t b) {
  ComparisonRow row{"steps", "steps", std::max<int64_t>({a, b, 0}), std::abs(a - b)};
  if (a != b) row.first = fmt::format("the last is {} | {}", a, b);
  return row;
}

// Line by line; paths and names may differ between equal runs, so for information.
ComparisonRow compare_configs(Database& a, Database& b) {
  ComparisonRow row{"config", "lines"};
  row.gated = false;
  const std::string text_a = a.text("SELECT config_toml FROM run").value_or("");
  const std::string text_b = b.text("SELECT config_toml FROM run").value_or("");
  std::string_view rest_a = text_a, rest_b = text_b;
  const auto take_line = [](std::string_view& rest) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    return line;
  };
  while (!rest_a.empty() || !rest_b.empty()) {
    ++row.compared;
    const std::string_view line_a = take_line(rest_a), line_b = take_line(rest_b);
    if (line_a != line_b) row.differ(fmt::format("line {}: {} | {}", row.compared, line_a, line_b));
  }
  return row;
}

}  // namespace

Comparison compare_records(const std::string& run_a, const std::string& run_b) {
  Database a = open_run_record(run_a), b = open_run_record(run_b);
  const int64_t last_a = last_step(a), last_b = last_step(b);
  Comparison comparison = {compare_configs(a, b), compare_lengths(last_a, last_b)};
  for (const Records& records : kRecords)
    comparison.push_back(compare_rows(records, a, b, std::min(last_a, last_b)));
  return comparison;
}

}  // namespace retort
