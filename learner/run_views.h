#pragma once
// What a run shows a reader without SQL, made from run.db: metrics.jsonl and samples/. What is
// flushed is seen (RunStore::flush).
#include <cstdint>
#include <string>

namespace retort {

// Writes metrics.jsonl anew: the lines that were recorded, byte for byte as MetricRow::json() gave
// them, in the order of the steps.
void write_metrics_view(const std::string& run_dir);

// Writes samples/step_N.md: prompts and completions of the step's first tasks, with scores.
void write_samples_view(const std::string& run_dir, int64_t step, int64_t tasks = 4,
                        int64_t samples_per_task = 4);

// Resume, after RunStore::truncate_after(step): metrics.jsonl anew, no samples/ of later steps.
void rewrite_views(const std::string& run_dir, int64_t step);

}  // namespace retort
