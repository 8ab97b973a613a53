// The task store as a user works with it: made, imported, listed, exported, trained and evaluated
// on.
#include "tests/e2e/program.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <regex>
#include <sstream>

namespace retort {
namespace {

using testing::deterministic_metrics;
using testing::file_text;
using testing::metrics_of;
using testing::ProgramResult;
using testing::run_retort;
using testing::TemporaryFolder;
using testing::write_text;
namespace fs = std::filesystem;

class Tasks : public ::testing::Test {
 protected:
  std::string run(const std::string& arguments) {
    const ProgramResult result = run_retort(arguments);
    EXPECT_EQ(result.code, 0) << arguments << '\n' << result.err;
    return result.out;
  }
  // A user's mistake: one line that holds `words`, and the folder stays as it was.
  void expect_refused(const std::string& arguments, const std::string& words) {
    const std::string before = testing::tree_digest(folder_.path());
    const ProgramResult result = run_retort(arguments);
    EXPECT_EQ(result.code, 2) << arguments << '\n' << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_NE(result.err.find(words), std::string::npos) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(testing::tree_digest(folder_.path()), before) << "something was written";
  }
  std::string db() const { return folder_.path("tasks.db"); }
  std::string make(const std::string& rest) {
    return "tasks make " + rest + " --db '" + db() + "'";
  }

  TemporaryFolder folder_;
};

// Trains three steps on what `spec` names.
std::string train(const std::string& spec, const std::string& run_dir) {
  return "train tests/configs/tiny.toml --quiet --set train.steps=3 --set train.save_every=1 --set "
         "tasks.eval= --set \"tasks.train=" +
         spec + "\" --run '" + run_dir + "'";
}

TEST_F(Tasks, AStoreIsTrainedOnAsItsRowsAre) {
  EXPECT_EQ(run(make("chain_sum --level 1-3 --count 30 --seed 1")),
            "30 rows: 30 new, 0 changed, 0 known already\n");
  EXPECT_EQ(run(make("chain_sum --level 1-3 --count 30 --seed 1 --json")),
            "{\"rows\":30,\"new\":0,\"changed\":0,\"known\":30}\n");
  const std::string store = folder_.path("store"), file = folder_.path("file");
  run(train(db(), store));
  const std::vector<nlohmann::json> rows = metrics_of(store);
  ASSERT_GE(rows.size(), 3u);
  EXPECT_EQ(rows.back()["step"], 3);
  EXPECT_EQ(rows.back()["mismatch/tokens"], 0);
  EXPECT_GT(rows.back()["mismatch/checked"], 0);
  EXPECT_EQ(rows.back()["outcome/value"], 24) << "the family's own verifier judges the rows";

  run("tasks export --db '" + db() + "' --out '" + folder_.path("rows.jsonl") + "'");
  run(train(folder_.path("rows.jsonl"), file));
  EXPECT_EQ(deterministic_metrics(store), deterministic_metrics(file));
  EXPECT_TRUE(file_text(store + "/checkpoints/step_3/model.safetensors") ==
              file_text(file + "/checkpoints/step_3/model.safetensors"));
}

// kill -9 at moments spread over the run, each resumed: the bytes of the undisturbed run. A step
// draws six of ten tasks, so that a resume falls within an epoch.
TEST_F(Tasks, ARunOnAStoreThatWasKilledEndsWithTheSameBytes) {
  run(make("chain_sum --level 1-3 --count 10 --seed 1"));
  const std::string whole = folder_.path("whole");
  const auto begin = std::chrono::steady_clock::now();
  run(train(db() + ":level <= 3", whole));
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  constexpr int kKills = 5;
  int killed = 0;
  for (int kill = 1; kill <= kKills; ++kill) {
    const std::string dir = folder_.path("killed" + std::to_string(kill));
    std::ostringstream prefix;
    prefix << "timeout -s KILL " << seconds * kill / (kKills + 1);
    killed += run_retort(train(db() + ":level <= 3", dir), prefix.str()).code == 137 ? 1 : 0;
    run(train(db() + ":level <= 3", dir) + " --resume");
    EXPECT_EQ(deterministic_metrics(dir), deterministic_metrics(whole));
    for (const char* name : {"model.safetensors", "trainer/state.safetensors"})
      EXPECT_TRUE(file_text(dir + "/checkpoints/step_3/" + name) ==
                  file_text(whole + "/checkpoints/step_3/" + name))
          << name;
    EXPECT_EQ(run_retort("compare '" + dir + "' '" + whole + "' --assert-equal").code, 0);
  }
  EXPECT_GE(killed, 2);
}

TEST_F(Tasks, ARunGoesOnOnlyWithTheTasksThatItBeganWith) {
  run(make("chain_sum --level 1 --count 10 --seed 1"));
  const std::string dir = folder_.path("run");
  run(train(db(), dir));
  fs::remove_all(dir + "/checkpoints/step_3");
  run(make("chain_sum --level 2 --count 1 --seed 2"));
  expect_refused(train(db(), dir) + " --resume", "[tasks.train]: the rows of '" + db() + "'");
  expect_refused(train(db() + ":level = 1", dir) + " --resume", "tasks.train");
}

// kill -9 within an import: the store is whole, with all of the rows or with none.
TEST_F(Tasks, AnImportThatWasKilledLeavesAllOrNothing) {
  std::string rows;
  for (int i = 0; i < 60'000; ++i)
    rows += "{\"prompt\":\"number " + std::to_string(i) + "\",\"answer\":1}\n";
  write_text(folder_.path("rows.jsonl"), rows);
  const std::string import =
      "tasks import '" + folder_.path("rows.jsonl") + "' --db '" + db() + "'";
  const auto begin = std::chrono::steady_clock::now();
  run(import);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  constexpr int kKills = 10;
  int killed = 0;
  for (int kill = 1; kill <= kKills; ++kill) {
    for (const char* ending : {"", "-wal", "-shm"}) fs::remove(db() + ending);
    run(make("chain_sum --level 1 --count 1 --seed 1"));
    std::ostringstream prefix;
    prefix << "timeout -s KILL " << seconds * kill / (kKills + 1);
    const bool died = run_retort(import, prefix.str()).code == 137;
    killed += died ? 1 : 0;
    const std::string counts = run("tasks list --counts --json --source rows --db '" + db() + "'");
    EXPECT_TRUE(counts.empty() || counts.find("\"tasks\":60000") != std::string::npos) << counts;
    EXPECT_FALSE(!died && counts.empty());
    run(import);
    EXPECT_EQ(run("tasks list --counts --json --source rows --db '" + db() + "'"),
              "{\"source\":\"rows\",\"family\":null,\"level\":null,\"split\":null,\"tasks\":60000,"
              "\"revisions\":60000}\n");
  }
  EXPECT_GE(killed, kKills / 2);
}

TEST_F(Tasks, EvaluationOfAStoreIsThatOfItsSpec) {
  run(make("chain_sum --level 1-2 --count 20 --seed 5 --held-out"));
  const std::string eval = "eval --model configs/tiny_base --samples 2 --json --tasks ";
  const nlohmann::json spec = nlohmann::json::parse(run(eval + "chain_sum:1-2:20:5"));
  const nlohmann::json store = nlohmann::json::parse(run(eval + "'" + db() + "'"));
  EXPECT_EQ(store["families"], spec["families"]);
  const nlohmann::json part =
      nlohmann::json::parse(run(eval + "\"" + db() + ":level = 2 AND id IN (2, 4, 6)\""));
  EXPECT_EQ(part["all"]["n"], 3);
  expect_refused(train(db(), folder_.path("run")), "held out");
  expect_refused(eval + "\"" + db() + ":levl = 2\"", "levl");
  expect_refused(eval + "\"" + db() + ":level = 20\"", "level = 20");
}

TEST_F(Tasks, RowsOfTrlAndVerlComeBackAsTheyCame) {
  for (const char* name : {"trl", "verl"}) {
    const std::string rows = std::string("tests/parity/task_rows/") + name + ".jsonl";
    const std::string store = folder_.path(std::string(name) + ".db");
    EXPECT_EQ(run("tasks import " + rows + " --db '" + store + "'"),
              "60 rows: 60 new, 0 changed, 0 known already\n");
    EXPECT_TRUE(run("tasks export --db '" + store + "'") == file_text(rows));
    const std::string listed = run("tasks list --db '" + store + "' --json");
    EXPECT_EQ(std::count(listed.begin(), listed.end(), '\n'), 60);
    std::istringstream lines(run("tasks list --db '" + store + "' --counts --json"));
    int64_t tasks = 0;
    for (std::string line; std::getline(lines, line);)
      tasks += nlohmann::json::parse(line)["tasks"].get<int64_t>();
    EXPECT_EQ(tasks, 60);
    const nlohmann::json shown =
        nlohmann::json::parse(run("tasks show 7 --db '" + store + "' --json"));
    EXPECT_EQ(shown["id"], 7);
    EXPECT_EQ(shown["shape"].get<std::string>(), name);
    EXPECT_FALSE(run("tasks list --db '" + store + "'").empty());
    EXPECT_FALSE(run("tasks show 7 --db '" + store + "'").empty());
  }
}

TEST_F(Tasks, MistakesAreOneLineAndNothingIsWritten) {
  const std::string rows = folder_.path("rows.jsonl");
  const std::string import = "tasks import '" + rows + "' --db '" + db() + "'";
  write_text(rows, "{\"prompt\":\"a\",\"answer\":1}\n{\"promt\":\"a\",\"answer\":1}\n");
  expect_refused(import, rows +
                             ":2: no key 'prompt' (did you mean promt?); add it, or name the "
                             "row's own key with --prompt-key");
  write_text(rows, "{\"prompt\":\"a\",\"answer\":NaN}\n");
  expect_refused(import, rows + ":1: ");
  expect_refused("tasks import none.jsonl --db '" + db() + "'", "none.jsonl: ");
  expect_refused("tasks import rows.parquet --db '" + db() + "'", "comes with a later release");
  expect_refused("tasks import '" + rows + "'", "--db");
  expect_refused("tasks imprt", "import");
  expect_refused("tasks list --db '" + db() + "'", "does not exist");
  expect_refused(make("chain_sum --level 1 --count 500 --seed 1"), "there are 109; ask for 109");
  expect_refused(make("chain_sum --level 11 --count 5"), "--level: chain_sum has no level 11");
  expect_refused(make("chain_sums --level 1 --count 5"), "chain_sum");
  expect_refused(make("chain_sum --level 1"), "--count");
  expect_refused(make("chain_sum --level 1 --count 5 --seed -1"), "--seed");
  expect_refused("tasks make chain_sum --level 1 --count 5", "--db");
  write_text(db(), "not a database, but a file of text that is long enough to be looked at");
  expect_refused("tasks list --db '" + db() + "'", db() + ": is damaged");
  write_text(rows, "{\"prompt\":\"a\",\"answer\":1}\n");
  expect_refused(import, db() + ": is damaged");
  expect_refused(train(db(), folder_.path("run")), db() + ": is damaged");
}

// Every example of the help works, one after the other in one folder.
TEST_F(Tasks, TheExamplesOfTheHelpWork) {
  for (const char* command :
       {"tasks", "tasks make", "tasks import", "tasks list", "tasks show", "tasks export"}) {
    const std::string help = run(std::string(command) + " --help");
    const size_t at = help.find("Example:\n  retort ");
    ASSERT_NE(at, std::string::npos) << help;
    std::string example = help.substr(at + 11);
    example.erase(example.find('\n'));
    example =
        std::regex_replace(example, std::regex("\\bretort (?=tasks)"), "\"$RETORT_PROGRAM\" ");
    EXPECT_EQ(std::system(("cd '" + folder_.path() + "' && " + example + " >/dev/null").c_str()), 0)
        << example;
  }
}

}  // namespace
}  // namespace retort
