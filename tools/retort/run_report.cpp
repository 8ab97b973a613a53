#include "tools/retort/run_report.h"

#include "base/config_value.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "learner/run_reader.h"
#include "learner/run_store.h"
#include "tools/retort/run_sample.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>

namespace retort {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCurves[] = {"critic/score/mean", "eval/all/pass@1", "train/loss",
                                        "val/loss"};
constexpr std::string_view kTiming = "timing_s/";

using MetricVisitor = std::function<void(int64_t step, const std::string& name, double value)>;

// Numbers in the order of the steps; what is null is passed over.
void visit_record(Database& database, const MetricVisitor& visit) {
  Statement row = database.prepare(
      "SELECT step, name, value FROM metric WHERE value IS NOT NULL AND (name IN "
      "('critic/score/mean', 'eval/all/pass@1', 'time_s') OR name GLOB 'timing_s/*') "
      "ORDER BY step, position");
  while (row.next()) visit(row.integer(0), row.text(1), row.real(2));
}

// The lines of metrics.jsonl; one that is being written is not there yet.
void visit_lines(const std::string& path, const MetricVisitor& visit) {
  std::string text = read_file(path);
  text.erase(text.rfind('\n') + 1);
  parse_json_lines(text, path, [&](const nlohmann::ordered_json& row, const std::string& place) {
    const auto step = row.find("step");
    if (step == row.end() || !step->is_number_integer())
      throw UserError(place, "has no step", "give the directory of a run");
    for (const auto& [name, value] : row.items())
      if (value.is_number()) visit(step->get<int64_t>(), name, value.get<double>());
  });
}

// Collects curves and times of the visited numbers.
class Collector {
 public:
  void add(int64_t step, const std::string& name, double value) {
    last_step_ = std::max(last_step_, step);
    if (std::find(std::begin(kCurves), std::end(kCurves), name) != std::end(kCurves)) {
      curves_[name].steps.push_back(step);
      curves_[name].values.push_back(value);
    } else if (name == "time_s" && step > 0) {
      step_time(step).seconds = value - before_;
      before_ = value;
    } else if (name.starts_with(kTiming)) {
      step_time(step).parts.push_back({name.substr(kTiming.size()), value});
    }
  }

  int64_t last_step() const { return last_step_; }

  void finish(RunReport& report, size_t slowest_steps) {
    for (const std::string_view name : kCurves)
      if (auto found = curves_.find(std::string(name)); found != curves_.end()) {
        found->second.name = name;
        report.curves.push_back(std::move(found->second));
      }
    take_step_parts();
    report.time = means();
    const size_t count = std::min(slowest_steps, times_.size());
    std::partial_sort(times_.begin(), times_.begin() + static_cast<std::ptrdiff_t>(count),
                      times_.end(), [](const StepTime& a, const StepTime& b) {
                        return a.seconds != b.seconds ? a.seconds > b.seconds : a.step < b.step;
                      });
    report.slowest.assign(times_.begin(), times_.begin() + static_cast<std::ptrdiff_t>(count));
  }

 private:
  StepTime& step_time(int64_t step) {
    if (times_.empty() || times_.back().step != step) times_.push_back({step, 0, {}});
    return times_.back();
  }

  // timing_s/step is what the step took, if it is there.
  void take_step_parts() {
    for (StepTime& time : times_)
      for (const NamedSeconds& part : time.parts)
        if (part.name == "step") time.seconds = part.seconds;
  }

  std::vector<NamedSeconds> means() const {
    std::vector<NamedSeconds> means;
    for (const StepTime& time : times_)
      for (const NamedSeconds& part : time.parts) {
        auto mean = std::find_if(means.begin(), means.end(),
                                 [&](const NamedSeconds& one) { return one.name == part.name; });
        if (mean == means.end()) mean = means.insert(means.end(), {part.name, 0});
        mean->seconds += part.seconds / static_cast<double>(times_.size());
      }
    return means;
  }

  std::map<std::string, Curve> curves_;
  std::vector<StepTime> times_;
  double before_ = 0;
  int64_t last_step_ = -1;
};

void flatten(const config::Table& table, const std::string& prefix, RunReport& report) {
  for (const config::Entry& entry : table) {
    if (const auto* inner = std::get_if<config::Table>(&entry.value.data))
      flatten(*inner, prefix + entry.key + ".", report);
    else
      report.config.emplace_back(prefix + entry.key, config::to_toml(entry.value));
  }
}

std::vector<std::pair<std::string, int64_t>> counts(Database& database, const std::string& sql) {
  std::vector<std::pair<std::string, int64_t>> counts;
  Statement row = database.prepare(sql);
  while (row.next()) counts.emplace_back(row.text(0), row.integer(1));
  return counts;
}

void read_record(const std::string& run_dir, const std::string& sample, Collector& collector,
                 RunReport& report) {
  Database database = open_run_record(run_dir);
  database.execute("BEGIN");  // one state of the run, also while it goes on
  Statement run =
      database.prepare("SELECT program, numerics, host, started_at, config_toml FROM run");
  if (!run.next()) throw UserError(database.path(), "holds no run", "give the directory of a run");
  report.program = run.text(0);
  report.numerics = run.text(1);
  report.host = run.text(2);
  report.started_at = run.real(3);
  flatten(config::parse_document(run.text(4), database.path() + ", run.config_toml").table, "",
          report);
  report.last_step =
      database.integer("SELECT max(step) FROM step WHERE finished_at IS NOT NULL").value_or(-1);
  visit_record(database, [&](auto&&... metric) { collector.add(metric...); });
  report.outcomes =
      counts(database, "SELECT outcome, count(*) FROM verdict GROUP BY outcome ORDER BY 2 DESC, 1");
  report.events = counts(database, "SELECT kind, count(*) FROM event GROUP BY kind ORDER BY 1");
  report.sample = read_run_sample(database, sample);
}

}  // namespace

std::string RunReport::setting(std::string_view key) const {
  for (const auto& [name, text] : config)
    if (name == key) return text;
  return "";
}

bool is_run_dir(const std::string& path) {
  if (fs::exists(RunStore::path(path))) return true;
  return fs::exists(path + "/config.toml") && fs::exists(path + "/metrics.jsonl") &&
         !fs::exists(path + "/config.json");
}

RunReport read_run_report(const std::string& run_dir, const std::string& sample,
                          size_t slowest_steps) {
  RunReport report;
  report.dir = run_dir;
  Collector collector;
  if (fs::exists(RunStore::path(run_dir))) {
    read_record(run_dir, sample, collector, report);
  } else {
    if (!sample.empty())
      throw UserError("--sample", run_dir + " has no run.db, so no samples are recorded",
                      "leave --sample out");
    flatten(config::read_document(run_dir + "/config.toml").table, "", report);
    visit_lines(run_dir + "/metrics.jsonl", [&](auto&&... metric) { collector.add(metric...); });
    report.last_step = collector.last_step();
  }
  for (const char* key : {"train.steps", "sft.steps"})
    if (const std::string text = report.setting(key); !text.empty())
      report.planned_steps = std::atoll(text.c_str());
  collector.finish(report, slowest_steps);
  return report;
}

}  // namespace retort
