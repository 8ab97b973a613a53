#include "learner/run_reader.h"

#include "base/error.h"
#include "learner/run_schema.h"
#include "learner/run_store.h"

#include <filesystem>
#include <string>

namespace retort {

Database open_run_record(const std::string& run_dir) {
  const std::string path = RunStore::path(run_dir);
  if (!std::filesystem::exists(path))
    throw UserError(path, "does not exist", "give the directory of a run");
  Database database = Database::open(path, Database::Mode::kRead);
  check_run_schema(database);
  return database;
}

void check_run_schema(Database& database) {
  const int64_t number = database.integer("PRAGMA user_version").value_or(0);
  if (number == kRunSchemaNumber) return;
  if (number == 0)
    throw UserError(database.path(), "is not the database of a run", "give the directory of a run");
  throw UserError(database.path(),
                  "has schema " + std::to_string(number) + ", this program reads schema " +
                      std::to_string(kRunSchemaNumber),
                  "use the version of retort that made it, or start a new run");
}

}  // namespace retort
