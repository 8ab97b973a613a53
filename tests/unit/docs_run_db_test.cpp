// docs/run_db.md against the database that the program makes: every table, column and type is
// explained, and every example query returns rows with the columns that the page names.
#include "base/file.h"
#include "base/sqlite.h"
#include "learner/run_schema.h"
#include "learner/run_store.h"
#include "tests/source_tree.h"
#include "tests/synthetic_run.h"
#include "tests/temporary_folder.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace retort {
namespace {

using namespace tests;

std::string page() { return retort::read_file("docs/run_db.md"); }

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

// "name TYPE" of each documented column, by table or view. Views have no column of types.
std::map<std::string, std::vector<std::string>> documented_columns() {
  std::map<std::string, std::vector<std::string>> columns;
  std::string table;
  bool typed = false;
  for (const std::string& line : split_lines(page())) {
    if (line.starts_with("### ")) table = line.starts_with("### `") ? back_quoted(line)[0] : "";
    if (line.starts_with("| column")) typed = line.find("| type") != std::string::npos;
    if (table.empty() || !line.starts_with("| `")) continue;
    for (const std::string& name : back_quoted(cell_of(line, 0)))
      columns[table].push_back(name + (typed ? " " + cell_of(line, 1) : ""));
  }
  return columns;
}

struct Query {
  std::string title, sql;
  std::vector<std::string> columns;
};
std::vector<Query> documented_queries() {
  std::vector<Query> queries;
  bool in_sql = false;
  const std::string text = page();
  for (const std::string& line : split_lines(text.substr(text.find("## Example queries")))) {
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

class RunDbPage : public testing::Test {
 protected:
  RunDbPage() {
    SyntheticRun run;
    run.steps = 12;
    write_run(folder_.path(), run);
  }
  Database open() const {
    return Database::open(RunStore::path(folder_.path()), Database::Mode::kRead);
  }
  TemporaryFolder folder_;
};

TEST_F(RunDbPage, ExplainsEveryColumnOfEveryTable) {
  Database database = open();
  std::map<std::string, std::vector<std::string>> made;
  Statement column = database.prepare(
      "SELECT m.name, c.name || iif(m.type = 'table', ' ' || c.type, '') FROM sqlite_schema m JOIN "
      "pragma_table_info(m.name) c WHERE m.type IN ('table', 'view') ORDER BY m.name, c.cid");
  while (column.next()) made[column.text(0)].push_back(column.text(1));
  EXPECT_EQ(made.size(), 14U);
  EXPECT_EQ(documented_columns(), made);
  EXPECT_NE(page().find("Schema " + std::to_string(kRunSchemaNumber) + " "), std::string::npos);
}

TEST_F(RunDbPage, EveryTableIsStrict) {
  EXPECT_EQ(
      open().integer("SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = "
                     "'table' AND NOT strict AND name NOT LIKE 'sqlite_%'"),
      0);
}

TEST_F(RunDbPage, EveryQueryReturnsRowsWithTheColumnsItNames) {
  Database database = open();
  const std::vector<Query> queries = documented_queries();
  EXPECT_GE(queries.size(), 10U);
  for (const Query& query : queries) {
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

// What the queries say of the made-up run, worked out from its records.
TEST_F(RunDbPage, TheQueriesAreRight) {
  Database database = open();
  SyntheticRun run;
  run.steps = 12;
  std::map<std::string, std::string> sql;
  for (const Query& query : documented_queries()) sql[query.title] = query.sql;

  Statement variance = database.prepare(sql.at("Tasks without variance"));
  Statement entropy = database.prepare(sql.at("Entropy by step"));
  Statement mismatch = database.prepare(sql.at("Rollout against learner"));
  for (int64_t step = 1; step <= run.steps; ++step) {
    int64_t right = 0, wrong = 0, groups = 0, sampled = 0, with_entropy = 0;
    double entropies = 0;
    for (const ScoredGroup& group : run.groups_of(step)) {
      std::vector<double> scores;
      for (size_t i = 0; i < group.samples.size(); ++i) {
        const Sample& sample = group.samples[i];
        if (is_policys_doing(group.verdicts[i].outcome)) scores.push_back(group.verdicts[i].score);
        double sum = 0;
        int64_t mine = 0;
        for (size_t t = 0; t < sample.loss_mask.size(); ++t) {
          mine += sample.loss_mask[t];
          if (sample.loss_mask[t] != 0 && !sample.entropies.empty())
            sum += static_cast<double>(sample.entropies[t]);
        }
        sampled += mine;
        if (sample.entropies.empty()) continue;
        with_entropy += mine;
        entropies += sum;
      }
      if (scores.empty()) continue;
      ++groups;
      const bool same = std::all_of(scores.begin(), scores.end(),
                                    [&](double score) { return score == scores[0]; });
      right += same && scores[0] > 0 ? 1 : 0;
      wrong += same && scores[0] <= 0 ? 1 : 0;
    }
    ASSERT_TRUE(variance.next() && entropy.next() && mismatch.next());
    EXPECT_EQ(variance.integer(0), step);
    EXPECT_EQ(variance.integer(1), right);
    EXPECT_EQ(variance.integer(2), wrong);
    EXPECT_EQ(variance.integer(3), groups);
    EXPECT_NEAR(entropy.real(1), entropies / static_cast<double>(with_entropy), 1e-12);
    EXPECT_EQ(mismatch.integer(1), step == 3 ? 1 : 0);
    EXPECT_EQ(mismatch.integer(4), sampled);
  }
  EXPECT_FALSE(variance.next());
}

}  // namespace
}  // namespace retort
