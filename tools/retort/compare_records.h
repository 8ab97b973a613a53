#pragma once
// Two run.db, row by row: what design calls the same bytes, but for files.
#include "tools/retort/comparison.h"

#include <string>

namespace retort {

// Steps, tasks, sampled tokens, log-probabilities, entropies, verdicts, deterministic metrics and
// digests of versions, over the steps that both runs have finished; the configuration for
// information. UserError for what is no run.
Comparison compare_records(const std::string& run_a, const std::string& run_b);

}  // namespace retort
