#pragma once
// runs/NAME/: where a run's files lie and how its name is chosen.
#include <string>

#include "base/metric.h"

namespace retort {

// The directory a new run of `config_path` gets: runs/STEM, or runs/STEM-2, -3, … when that exists.
std::string new_run_directory(const std::string& config_path);
// The newest existing run of that stem; "" if there is none.
std::string newest_run_directory(const std::string& config_path);

// Writes metrics.jsonl, one object a step. Rewritten to a step on resume.
class MetricsFile {
 public:
  // Keeps the lines of steps <= `last_step` (-1: none) and appends after them.
  MetricsFile(const std::string& run_dir, int64_t last_step);
  void append(const MetricRow& row);

 private:
  std::string path_;
};

}  // namespace retort
