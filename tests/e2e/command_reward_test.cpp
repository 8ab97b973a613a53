// Training with a user's own program among the rewards: its scores count, what it cannot answer
// does not, and a resumed run ends with the same bytes.
#include "base/sqlite.h"
#include "tests/e2e/program.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <string_view>

namespace retort {
namespace {

namespace fs = std::filesystem;
using testing::deterministic_metrics;
using testing::file_text;
using testing::metrics_of;
using testing::ProgramResult;
using testing::run_retort;
using testing::TemporaryFolder;

constexpr std::string_view kSpecial[] = {"<pad>", "<bos>", "<eos>"};  // of the tiny base
const std::string kExample = "command:docs/examples/length_reward.py";

// The tiny run without evaluation: `own` is the program's reward, beside the task's.
std::string train_with(const std::string& folder, const std::string& own, int steps) {
  std::string text = file_text("tests/configs/tiny.toml");
  const std::string task = "{ name = \"task\" }";
  text.replace(text.find(task), task.size(), task + ", { name = \"" + own + "\", weight = 0.5 }");
  std::ofstream(folder + "/own.toml") << text;
  return "train '" + folder +
         "/own.toml' --quiet --set tasks.eval= --set train.steps=" + std::to_string(steps) + " ";
}

// The example's rule, in C++, of a completion as run.db shows it: with the special tokens.
double length_score(std::string completion) {
  for (const std::string_view special : kSpecial)
    for (size_t at = 0; (at = completion.find(special)) != std::string::npos;)
      completion.erase(at, special.size());
  size_t characters = 0;
  for (const char c : completion) characters += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return 1.0 / (1.0 + static_cast<double>(characters) / 100.0);
}

int64_t count_of(const std::string& run, const std::string& sql) {
  Database database = Database::open(run + "/run.db", Database::Mode::kRead);
  Statement statement = database.prepare("SELECT count(*) FROM " + sql);
  EXPECT_TRUE(statement.next());
  return statement.integer(0);
}

TEST(CommandReward, ATrainedRunHoldsItsParts) {
  const TemporaryFolder folder;
  const std::string run = folder.path("run");
  const ProgramResult result =
      run_retort(train_with(folder.path(), kExample, 4) + "--run '" + run + "'");
  ASSERT_EQ(result.code, 0) << result.err;
  const std::vector<nlohmann::json> rows = metrics_of(run);
  ASSERT_EQ(rows.size(), 4u);
  Database database = Database::open(run + "/run.db", Database::Mode::kRead);
  for (size_t step = 1; step <= rows.size(); ++step) {
    const nlohmann::json& row = rows[step - 1];
    EXPECT_EQ(row["outcome/value"], 24);
    EXPECT_EQ(row["outcome/infra_error"], 0);
    // Every score is the program's of its completion, every sum is weighted, every mean is theirs.
    Statement parts = database.prepare(
        "SELECT text, task.score, own.score, own.weight, verdict.score FROM sample "
        "JOIN part task ON task.sample = sample.id AND task.part = 0 AND task.name = 'task' "
        "JOIN part own ON own.sample = sample.id AND own.part = 1 AND own.name = ? "
        "JOIN verdict ON verdict.sample = sample.id WHERE step = ?");
    parts.bind(1, kExample);
    parts.bind(2, step);
    double own = 0, task = 0, all = 0;
    int samples = 0;
    while (parts.next()) {
      ++samples;
      EXPECT_DOUBLE_EQ(parts.real(2), length_score(parts.text(0))) << parts.text(0);
      EXPECT_EQ(parts.real(3), 0.5);
      EXPECT_EQ(parts.real(4), parts.real(1) + 0.5 * parts.real(2));
      task += parts.real(1);
      own += parts.real(2);
      all += parts.real(4);
    }
    ASSERT_EQ(samples, 24);
    EXPECT_DOUBLE_EQ(row["reward/task/mean"].get<double>(), task / samples);
    EXPECT_DOUBLE_EQ(row["reward/" + kExample + "/mean"].get<double>(), own / samples);
    EXPECT_DOUBLE_EQ(row["critic/score/mean"].get<double>(), all / samples);
  }
}

TEST(CommandReward, AResumedRunEndsWithTheSameBytes) {
  const TemporaryFolder folder;
  const std::string whole = folder.path("whole"), cut = folder.path("cut");
  const std::string command =
      train_with(folder.path(), kExample, 4) + "--set train.keep_last=3 --run '";
  ASSERT_EQ(run_retort(command + whole + "'").code, 0);
  fs::copy(whole, cut, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  fs::remove_all(cut + "/checkpoints/step_4");
  const ProgramResult resumed = run_retort(command + cut + "' --resume");
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_EQ(deterministic_metrics(cut), deterministic_metrics(whole));
  const std::string state = "/checkpoints/step_4/trainer/state.safetensors";
  ASSERT_FALSE(file_text(whole + state).empty());
  EXPECT_TRUE(file_text(cut + state) == file_text(whole + state));
  EXPECT_EQ(run_retort("compare '" + whole + "' '" + cut + "' --assert-equal").code, 0);
  EXPECT_EQ(count_of(cut, "part WHERE name = '" + kExample + "'"), 4 * 24);
}

}  // namespace
}  // namespace retort
