#pragma once
// Reading the record of a run, also while it is written.
#include "base/sqlite.h"

#include <string>

namespace retort {

// DIR/run.db, for queries. UserError when it is missing, damaged, no run's, or of another schema.
Database open_run_record(const std::string& run_dir);

// UserError unless it is a run's database of the schema that this program knows (run_schema.h); the
// text has both numbers.
void check_run_schema(Database& database);

}  // namespace retort
