// docs/run_db.md against the database that the program makes: every table, column and type is
// explained, and every example query returns rows with the columns that the page names.
#include "base/file.h"
#include "base/sqlite.h"
#include "learner/run_schema.h"
#include "learner/run_store.h"
#include "tests/database_page.h"
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
  const DatabaseColumns made = made_columns(database);
  EXPECT_EQ(made.size(), 14U);
  EXPECT_EQ(documented_columns(page()), made);
  EXPECT_NE(page().find("Schema " + std::to_string(kRunSchemaNumber) + " "), std::string::npos);
}

TEST_F(RunDbPage, EveryTableIsStrict) {
  Database database = open();
  EXPECT_EQ(lax_tables(database), 0);
}

TEST_F(RunDbPage, EveryQueryReturnsRowsWithTheColumnsItNames) {
  Database database = open();
  EXPECT_GE(documented_queries(page()).size(), 10U);
  expect_queries_return_rows(database, page());
}

// What the queries say of the made-up run, worked out from its records.
TEST_F(RunDbPage, TheQueriesAreRight) {
  Database database = open();
  SyntheticRun run;
  run.steps = 12;
  std::map<std::string, std::string> sql;
  for (const DocumentedQuery& query : documented_queries(page())) sql[query.title] = query.sql;

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
