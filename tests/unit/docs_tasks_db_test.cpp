// docs/tasks_db.md against a store that the program makes: every table, column and type is
// explained, and every example query returns rows with the columns that the page names.
#include "base/file.h"
#include "tasks/task_schema.h"
#include "tasks/task_store.h"
#include "tests/database_page.h"
#include "tests/temporary_folder.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace retort {
namespace {

using namespace tests;

std::string page() { return retort::read_file("docs/tasks_db.md"); }

class TasksDbPage : public testing::Test {
 protected:
  TasksDbPage() {
    import(
        "old.jsonl",
        "{\"prompt\":\"2+2=\",\"answer\":\"5\"}\n"
        "{\"prompt\":\"2+2=\",\"answer\":\"five\"}\n"
        "{\"data_source\":\"openai/gsm8k\",\"prompt\":[{\"role\":\"user\",\"content\":\"2+2?\"}],"
        "\"ability\":\"math\",\"reward_model\":{\"style\":\"rule\",\"ground_truth\":\"4\"},"
        "\"extra_info\":{\"split\":\"test\",\"index\":8}}\n"
        "{\"prompt\":\"3+20-16=\",\"answer\":{\"target\":7},\"family\":\"chain_sum\",\"level\":5,"
        "\"seed\":1}\n");
    import("new.jsonl", "{\"prompt\":\"2+2=\",\"answer\":\"4\"}\n");
  }
  void import(const std::string& name, const std::string& text) {
    const std::string file = folder_.path() + "/" + name;
    write_file_atomic(file, text);
    TaskStore::import(folder_.path() + "/tasks.db", read_import_rows(file, {}), name);
  }
  Database open() const {
    return Database::open(folder_.path() + "/tasks.db", Database::Mode::kRead);
  }
  TemporaryFolder folder_;
};

TEST_F(TasksDbPage, ExplainsEveryColumnOfEveryTable) {
  Database database = open();
  const DatabaseColumns made = made_columns(database);
  EXPECT_EQ(made.size(), 4U);
  EXPECT_EQ(documented_columns(page()), made);
  EXPECT_NE(page().find("Schema " + std::to_string(kTaskSchemaNumber) + " "), std::string::npos);
}

TEST_F(TasksDbPage, EveryTableIsStrict) {
  Database database = open();
  EXPECT_EQ(lax_tables(database), 0);
}

TEST_F(TasksDbPage, EveryQueryReturnsRowsWithTheColumnsItNames) {
  Database database = open();
  EXPECT_EQ(documented_queries(page()).size(), 5U);
  expect_queries_return_rows(database, page());
}

TEST_F(TasksDbPage, TheQueriesAreRight) {
  Database database = open();
  std::map<std::string, std::string> sql;
  for (const DocumentedQuery& query : documented_queries(page())) sql[query.title] = query.sql;
  const auto rows = [&](const std::string& title) {
    Statement statement = database.prepare(sql.at(title));
    std::string text;
    while (statement.next()) {
      for (int i = 0; i < statement.columns(); ++i) text += statement.text(i) + "|";
      text += "\n";
    }
    return text;
  };
  EXPECT_EQ(rows("How many of each kind"),
            "old||||2|\nopenai/gsm8k|||held_out|1|\nretort/chain_sum|chain_sum|5|train|1|\n");
  EXPECT_EQ(rows("Tasks that changed"), "1|1|old.jsonl|1|\"5\"|\n1|2|new.jsonl|1|\"4\"|\n");
  EXPECT_EQ(rows("A further column of the rows"), "3|8|math|\n");
  EXPECT_EQ(rows("One prompt with several golds"), "2+2=|2|\n");
  EXPECT_EQ(rows("What each import brought"), "1|old.jsonl|4|4|0|0|\n2|new.jsonl|1|0|1|0|\n");
}

}  // namespace
}  // namespace retort
