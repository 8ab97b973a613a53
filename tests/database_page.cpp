#include "tests/database_page.h"

#include "tests/source_tree.h"

#include <gtest/gtest.h>

namespace retort::tests {
namespace {

std::vector<std::string> back_quoted(std::string_view text) {
  std::vector<std::string> names;
  for (size_t open = text.find('`'); open != std::string_view::npos; open = text.find('`')) {
    const size_t close = text.find('`', open + 1);
    names.emplace_back(text.substr(open + 1, close - open - 1));
    text.remove_prefix(close + 1);
  }
  return names;
}

std::string cell_of(std::string_view line, int index) {
  for (; index >= 0 && line.find('|') != std::string_view::npos; --index)
    line.remove_prefix(line.find('|') + 1);
  const std::string_view cell = line.substr(0, line.find('|'));
  const size_t from = cell.find_first_not_of(' ');
  if (from == std::string_view::npos) return "";
  return std::string(cell.substr(from, cell.find_last_not_of(' ') - from + 1));
}

}  // namespace

DatabaseColumns documented_columns(std::string_view page) {
  DatabaseColumns columns;
  std::string table;
  bool typed = false;
  for (const std::string& line : split_lines(page)) {
    if (line.starts_with("### ")) table = line.starts_with("### `") ? back_quoted(line)[0] : "";
    if (line.starts_with("| column")) typed = line.find("| type") != std::string::npos;
    if (table.empty() || !line.starts_with("| `")) continue;
    for (const std::string& name : back_quoted(cell_of(line, 0)))
      columns[table].push_back(name + (typed ? " " + cell_of(line, 1) : ""));
  }
  return columns;
}

DatabaseColumns made_columns(Database& database) {
  DatabaseColumns made;
  Statement column = database.prepare(
      "SELECT m.name, c.name || iif(m.type = 'table', ' ' || c.type, '') FROM sqlite_schema m JOIN "
      "pragma_table_info(m.name) c WHERE m.type IN ('table', 'view') ORDER BY m.name, c.cid");
  while (column.next()) made[column.text(0)].push_back(column.text(1));
  return made;
}

std::vector<DocumentedQuery> documented_queries(std::string_view page) {
  std::vector<DocumentedQuery> queries;
  bool in_sql = false;
  for (const std::string& line : split_lines(page.substr(page.find("## Example queries")))) {
    if (line.starts_with("### ")) queries.push_back({line.substr(4), "", {}});
    if (line.starts_with("```")) {
      in_sql = line == "```sql";
      continue;
    }
    if (in_sql) queries.back().sql += line + "\n";
    if (line.starts_with("Columns: ")) queries.back().columns = back_quoted(line);
  }
  return queries;
}

void expect_queries_return_rows(Database& database, std::string_view page) {
  for (const DocumentedQuery& query : documented_queries(page)) {
    SCOPED_TRACE(query.title);
    Statement statement = database.prepare(query.sql);
    std::vector<std::string> columns;
    for (int i = 0; i < statement.columns(); ++i) columns.push_back(statement.column_name(i));
    EXPECT_FALSE(query.columns.empty());
    EXPECT_EQ(columns, query.columns);
    int rows = 0;
    std::vector<int> values(columns.size(), 0);
    for (; statement.next(); ++rows)
      for (size_t i = 0; i < values.size(); ++i)
        values[i] += statement.is_null(static_cast<int>(i)) ? 0 : 1;
    EXPECT_GT(rows, 0);
    for (size_t i = 0; i < values.size(); ++i) EXPECT_GT(values[i], 0) << columns[i] << " is empty";
  }
}

int64_t lax_tables(Database& database) {
  return database
      .integer(
          "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
          "AND NOT strict AND name NOT LIKE 'sqlite_%'")
      .value_or(-1);
}

}  // namespace retort::tests
