#pragma once
// What a run shows a reader without SQL, made from run.db: metrics.jsonl, TensorBoard's event file
// (learner/event_file.h) and samples/. What is flushed is seen (RunStore::flush).
#include "base/metric.h"

#include <cstdint>
#include <string>

namespace retort {

// Writes metrics.jsonl and the event file anew: the lines that were recorded, byte for byte as
// MetricRow::json() gave them, in the order of the steps.
void write_metrics_view(const std::string& run_dir);

// Both as they are before the first line; what other rows they held is gone.
void begin_metrics_view(const std::string& run_dir);

// One more line in both, at once and before it is in run.db.
void append_metrics_view(const std::string& run_dir, const MetricRow& row);

// Writes samples/step_N.md: prompts and completions of the step's first tasks, with scores.
void write_samples_view(const std::string& run_dir, int64_t step, int64_t tasks = 4,
                        int64_t samples_per_task = 4);

// Resume, after RunStore::truncate_after(step): the metrics' views anew, no samples/ of later
// steps.
void rewrite_views(const std::string& run_dir, int64_t step);

}  // namespace retort
