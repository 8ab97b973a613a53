#pragma once
// A page of docs/ that explains a database, and the database it explains.
#include "base/sqlite.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace retort::tests {

// "name TYPE" of each column, by table or view; of views the name alone.
using DatabaseColumns = std::map<std::string, std::vector<std::string>>;
DatabaseColumns documented_columns(std::string_view page);
DatabaseColumns made_columns(Database& database);

// The section "Example queries": a heading, SQL, and a line "Columns: `a`, `b`" each.
struct DocumentedQuery {
  std::string title, sql;
  std::vector<std::string> columns;
};
std::vector<DocumentedQuery> documented_queries(std::string_view page);

// Runs every query: it has the columns that the page names, at least one row, and a value in each
// column. A test failure otherwise.
void expect_queries_return_rows(Database& database, std::string_view page);

// Tables that are not STRICT.
int64_t lax_tables(Database& database);

}  // namespace retort::tests
