#pragma once
// One sample of run.db with everything that is known of it.
#include "base/sqlite.h"
#include "tools/retort/run_report.h"

#include <optional>
#include <string>

namespace retort {

// `place`: "STEP/TASK/SLOT"; empty: the first sample of the last step, nullopt when there is none.
// UserError at --sample for one that the run does not have.
std::optional<RunSample> read_run_sample(Database& database, const std::string& place);

}  // namespace retort
