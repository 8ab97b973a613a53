#pragma once
// The schema of a task store. docs/tasks_db.md explains every column; a test holds the two
// together.
#include "base/sqlite.h"

#include <cstdint>
#include <string>

namespace retort {

// PRAGMA user_version and application_id ("RtTs") of the stores that this program makes and reads.
inline constexpr int64_t kTaskSchemaNumber = 1;
inline constexpr int64_t kTaskApplicationId = 0x52745473;

// Tables, triggers and views, in an order in which they can be made.
std::string task_schema_sql();

// Neither a table nor a number: a new file, or what a crash within the first import leaves.
bool is_blank_database(Database& database);

// Makes the schema in a blank database, within the caller's transaction.
void make_task_schema(Database& database);

// UserError at the file's path when it is no task store, has another schema number (the text has
// both), or its tables are not those of the schema.
void check_task_schema(Database& database);

}  // namespace retort
