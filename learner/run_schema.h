#pragma once
// The schema of run.db. docs/run_db.md explains every column; a test holds the two together.
#include <cstdint>
#include <string>

namespace retort {

// PRAGMA user_version of the databases that this program makes and reads.
inline constexpr int64_t kRunSchemaNumber = 1;

// Tables, indices and views, in an order in which they can be made.
std::string run_schema_sql();

}  // namespace retort
