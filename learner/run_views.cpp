#include "learner/run_views.h"

#include "base/error.h"
#include "base/file.h"
#include "base/metric.h"
#include "base/number.h"
#include "base/sqlite.h"
#include "learner/event_file.h"
#include "learner/run_reader.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <optional>

namespace retort {
namespace {

namespace fs = std::filesystem;

std::string metrics_path(const std::string& run_dir) { return run_dir + "/metrics.jsonl"; }
std::string samples_folder(const std::string& run_dir) { return run_dir + "/samples"; }

// N of "step_N.md".
std::optional<int64_t> step_of(const std::string& name) {
  constexpr std::string_view kHead = "step_", kTail = ".md";
  if (!name.starts_with(kHead) || !name.ends_with(kTail)) return std::nullopt;
  const char* first = name.data() + kHead.size();
  const char* last = name.data() + name.size() - kTail.size();
  int64_t step = 0;
  const auto [end, error] = std::from_chars(first, last, step);
  return error == std::errc() && end == last ? std::optional(step) : std::nullopt;
}

// A block of Markdown that shows `text` as it is: its fence is longer than any run of back quotes
// within.
std::string fenced(const std::string& text) {
  size_t longest = 2, run = 0;
  for (const char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const std::string fence(longest + 1, '`');
  return fence + "text\n" + text + (text.ends_with('\n') ? "" : "\n") + fence + "\n";
}

std::string score_text(const Statement& sample) {
  if (sample.is_null(5)) return "no score";
  return "score " + compact(sample.real(5));
}

std::string sample_section(const Statement& sample) {
  return "### slot " + std::to_string(sample.integer(0)) + ": " + score_text(sample) + ", " +
         sample.text(4) + ", " + std::to_string(sample.integer(1)) + " tokens, ended by " +
         sample.text(2) + "\n\n" + fenced(sample.text(3)) + "\n";
}

}  // namespace

void write_metrics_view(const std::string& run_dir) {
  Database database = open_run_record(run_dir);
  Statement metric =
      database.prepare("SELECT step, name, value FROM metric ORDER BY step, position");
  std::string text;
  EventFile events(run_dir);
  MetricRow row;
  std::optional<int64_t> row_step;
  const auto end_row = [&] {
    if (row_step) {
      text += row.json() + "\n";
      events.add(row);
    }
    row = MetricRow();
  };
  while (metric.next()) {
    if (row_step != metric.integer(0)) end_row();
    row_step = metric.integer(0);
    const std::string name = metric.text(1);
    if (find_metric(name) == nullptr)
      throw UserError(database.path(), "has the metric '" + name + "', which is not known here",
                      "use the version of retort that made it");
    switch (metric.type(2)) {
      case ColumnType::kInteger:
        row.set(name, metric.integer(2));
        break;
      case ColumnType::kReal:
        row.set(name, metric.real(2));
        break;
      default:
        row.set_null(name);
    }
  }
  end_row();
  write_file_atomic(metrics_path(run_dir), text);
  events.replace();
}

void begin_metrics_view(const std::string& run_dir) {
  write_file_atomic(metrics_path(run_dir), "");
  EventFile(run_dir).replace();
}

void append_metrics_view(const std::string& run_dir, const MetricRow& row) {
  LineFile(metrics_path(run_dir)).append_line(row.json());
  EventFile events(run_dir);
  events.add(row);
  events.append();
}

void write_samples_view(const std::string& run_dir, int64_t step, int64_t tasks,
                        int64_t samples_per_task) {
  Database database = open_run_record(run_dir);
  Statement task = database.prepare(
      "SELECT task, family, level, coalesce(prompt, messages), answer FROM task WHERE step = ? "
      "ORDER BY task LIMIT ?");
  Statement sample = database.prepare(
      "SELECT s.slot, s.tokens, s.stop, s.text, v.outcome, v.score FROM sample s JOIN verdict v ON "
      "v.sample = s.id WHERE s.step = ? AND s.task = ? ORDER BY s.slot, s.branch LIMIT ?");
  std::string text = "# Samples of step " + std::to_string(step) + "\n";
  task.bind(1, step);
  task.bind(2, tasks);
  while (task.next()) {
    text += "\n## task " + std::to_string(task.integer(0));
    if (!task.text(1).empty())
      text += ": " + task.text(1) + ", level " + std::to_string(task.integer(2));
    text += "\n\n" + fenced(task.text(3)) + "\nAnswer: `" + task.text(4) + "`\n\n";
    sample.bind(1, step);
    sample.bind(2, task.integer(0));
    sample.bind(3, samples_per_task);
    while (sample.next()) text += sample_section(sample);
  }
  make_folder(samples_folder(run_dir));
  write_file_atomic(samples_folder(run_dir) + "/step_" + std::to_string(step) + ".md", text);
}

void rewrite_views(const std::string& run_dir, int64_t step) {
  write_metrics_view(run_dir);
  if (!fs::is_directory(samples_folder(run_dir))) return;
  for (const std::string& name : list_folder(samples_folder(run_dir))) {
    const std::optional<int64_t> of = step_of(name);
    if (of && *of > step) fs::remove(fs::path(samples_folder(run_dir)) / name);
  }
}

}  // namespace retort
