#include "tests/run_dump.h"

#include "base/sqlite.h"
#include "learner/run_store.h"

#include <vector>

namespace retort::tests {
namespace {

const std::set<std::string> kHostTimes = {"started_at", "finished_at", "at"};

std::vector<std::string> names_of(Database& database, const std::string& sql) {
  Statement row = database.prepare(sql);
  std::vector<std::string> names;
  while (row.next()) names.push_back(row.text(0));
  return names;
}

}  // namespace

std::string dump_run(const std::string& run_dir, const std::set<std::string>& without_tables) {
  Database database = Database::open(RunStore::path(run_dir), Database::Mode::kRead);
  std::string dump;
  for (const std::string& table :
       names_of(database, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")) {
    if (without_tables.contains(table)) continue;
    std::string columns;
    for (const std::string& column :
         names_of(database, "SELECT name FROM pragma_table_info('" + table + "')"))
      if (!kHostTimes.contains(column))
        columns += (columns.empty() ? "" : " || ', ' || ") + ("quote(" + column + ")");
    dump += table + "\n";
    for (const std::string& row :
         names_of(database, "SELECT " + columns + " FROM " + table + " ORDER BY 1"))
      dump += "  " + row + "\n";
  }
  return dump;
}

}  // namespace retort::tests
