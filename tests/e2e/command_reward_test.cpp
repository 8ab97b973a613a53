// Training with a user's own program among the rewards: its scores count, what it cannot answer
// does not, and a resumed run ends with the same bytes.
#include "base/sqlite.h"
#include "tests/e2e/program.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
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

// A program that scores as the example does, after `deed` for each `row`; the empty row that every
// run begins with is always answered.
std::string program_with(const std::string& folder, const std::string& deed) {
  std::string path = folder + "/own_reward";
  std::ofstream file(path);
  file << "#!/usr/bin/env python3\nimport json, os, sys, time\nhere = '" << folder
       << "/'\nfor line in sys.stdin:\n    row = json.loads(line)\n    if row['prompt']:\n        "
       << deed
       << "\n    score = 1.0 / (1.0 + len(row['completion']) / 100.0)\n"
          "    print(json.dumps({'id': row['id'], 'score': score}), flush=True)\n";
  file.close();
  fs::permissions(path, fs::perms::owner_all);
  return path;
}

// Metrics by name, with the program's path replaced: two programs' runs can be compared.
std::string metrics_without(const std::string& run, const std::string& path) {
  std::string text = deterministic_metrics(run);
  for (size_t at = 0; (at = text.find(path)) != std::string::npos;)
    text.replace(at, path.size(), "PROGRAM");
  return text;
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

// Dies at every tenth row of its lives: those rows are asked again, and no score is lost.
TEST(CommandReward, AProgramThatDiesIsStartedAgainAndTheRunIsTheSame) {
  const TemporaryFolder folder;
  const std::string sound = folder.path("sound"), mortal = folder.path("mortal");
  ASSERT_EQ(run_retort(train_with(folder.path(), kExample, 3) + "--run '" + sound + "'").code, 0);
  const std::string path = program_with(
      folder.path(),
      "rows = os.path.getsize(here + 'rows') if os.path.exists(here + 'rows') else 0\n        "
      "open(here + 'rows', 'a').write('x')\n        if rows % 10 == 9: os._exit(1)");
  const ProgramResult result =
      run_retort(train_with(folder.path(), "command:" + path, 3) + "--run '" + mortal + "'");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_GT(fs::file_size(folder.path("rows")), 3 * 24u) << "some rows were asked again";
  for (const nlohmann::json& row : metrics_of(mortal)) {
    EXPECT_EQ(row["outcome/infra_error"], 0);
    EXPECT_FALSE(row.contains("groups/replaced"));
  }
  EXPECT_EQ(metrics_without(mortal, "command:" + path), metrics_without(sound, kExample));
  EXPECT_EQ(count_of(mortal, "decision"), 0);
}

// Hangs once, at an answer (the check of the first tasks asks about none): the row's deadline ends
// it, the row is asked again.
TEST(CommandReward, AProgramThatHangsIsStartedAgainAndTheRunIsTheSame) {
  const TemporaryFolder folder;
  const std::string sound = folder.path("sound"), slow = folder.path("slow");
  ASSERT_EQ(run_retort(train_with(folder.path(), kExample, 2) + "--run '" + sound + "'").code, 0);
  const std::string path = program_with(
      folder.path(),
      "once = here + ('hung' if '+' in str(row['prompt']) and row['completion'] else '')\n        "
      "if not os.path.exists(once): open(once, 'w').close(); time.sleep(600)");
  const std::string own = "command:" + path + ",deadline_s=3";
  const ProgramResult result =
      run_retort(train_with(folder.path(), own, 2) + "--run '" + slow + "'");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_NE(file_text(slow + "/log.txt").find("did not answer in time; it is started again"),
            std::string::npos);
  EXPECT_EQ(metrics_without(slow, own), metrics_without(sound, kExample));
}

// Has no answer to some tasks while the file `broken` is there.
TEST(CommandReward, AGroupWithoutAScoreGivesWayAndAResumedRunKeepsThat) {
  const TemporaryFolder folder;
  const std::string whole = folder.path("whole"), cut = folder.path("cut");
  const std::string path = program_with(
      folder.path(),
      "if os.path.exists(here + 'broken') and sum(map(ord, str(row['prompt']))) % 4 == 0:\n"
      "            print(json.dumps({'id': row['id'], 'outcome': 'infra_error', 'detail': 'not "
      "now'}), "
      "flush=True)\n            continue");
  const std::string command = train_with(folder.path(), "command:" + path, 4) +
                              "--set train.keep_last=3 --set train.group_deadline_s=0.5 --run '";
  std::ofstream(folder.path("broken")) << "yes";
  const ProgramResult result = run_retort(command + whole + "'");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.err.find("is replaced: no score within 0.5 s: command:" + path + ": not now"),
            std::string::npos)
      << result.err;
  int64_t replaced = 0;
  for (const nlohmann::json& row : metrics_of(whole)) {
    replaced += row.value("groups/replaced", int64_t{0});
    EXPECT_EQ(row["outcome/value"], 24) << "as many samples as without a fault";
    EXPECT_EQ(row["outcome/infra_error"], 0);
  }
  ASSERT_GT(replaced, 0);
  EXPECT_EQ(count_of(whole, "decision"), replaced);
  EXPECT_EQ(count_of(whole, "task"), 4 * 6 + replaced);
  EXPECT_EQ(count_of(whole, "sample JOIN decision USING (step, task)"), 0);
  EXPECT_EQ(count_of(whole,
                     "decision JOIN sample ON sample.step = decision.step AND "
                     "sample.task = decision.replaced_by"),
            4 * (replaced - count_of(whole,
                                     "decision a JOIN decision b ON a.step = b.step AND "
                                     "a.replaced_by = b.task")));

  // Steps 3 and 4 are computed again, when the program would answer everything.
  ASSERT_GT(count_of(whole, "decision WHERE step > 2"), 0) << "nothing to replay";
  fs::copy(whole, cut, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  fs::remove_all(cut + "/checkpoints/step_4");
  fs::remove(folder.path("broken"));
  ASSERT_EQ(run_retort(command + cut + "' --resume").code, 0);
  EXPECT_EQ(deterministic_metrics(cut), deterministic_metrics(whole));
  EXPECT_EQ(count_of(cut, "decision"), replaced);
  EXPECT_EQ(run_retort("compare '" + whole + "' '" + cut + "' --assert-equal").code, 0);
  const std::string state = "/checkpoints/step_4/trainer/state.safetensors";
  EXPECT_TRUE(file_text(cut + state) == file_text(whole + state));
}

TEST(CommandReward, AProgramThatNeverAnswersStopsTheRun) {
  const TemporaryFolder folder;
  const std::string path = program_with(folder.path(), "sys.exit('no licence')");
  const std::string command = train_with(folder.path(), "command:" + path, 4) +
                              "--set train.group_deadline_s=0.2 --run '" + folder.path("run") + "'";
  const ProgramResult result = run_retort(command);
  EXPECT_EQ(result.code, 2);
  EXPECT_NE(result.err.find("retort: [rewards]: step 1: "), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("go on with --resume"), std::string::npos) << result.err;
  EXPECT_NE(file_text(folder.path("run/log.txt")).find("no licence"), std::string::npos)
      << "what the program said is in the log";
  // Mended, the run goes on.
  program_with(folder.path(), "pass");
  EXPECT_EQ(run_retort(command + " --resume").code, 0);
  EXPECT_EQ(metrics_of(folder.path("run")).size(), 4u);
}

// Asked before the first step, before anything is written.
TEST(CommandReward, AProgramThatCannotWorkHereIsFoundBeforeTheFirstStep) {
  const TemporaryFolder folder;
  const std::string dead = folder.path("dead"), run = folder.path("run");
  testing::write_text(dead, "#!/bin/sh\nexit 3\n");
  const auto expect_refused = [&](const std::string& why) {
    const ProgramResult result =
        run_retort(train_with(folder.path(), "command:" + dead, 2) + "--run '" + run + "'");
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_NE(result.err.find(why), std::string::npos) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_FALSE(fs::exists(run));
  };
  expect_refused("chmod +x " + dead);
  fs::permissions(dead, fs::perms::owner_all);
  expect_refused("'" + dead + "' ended to an empty row; see retort score --check");
  fs::remove(dead);
  expect_refused("give the path of a program");
}

TEST(CommandReward, AFaultIsNoWrongAnswerOfAnEvaluation) {
  const TemporaryFolder folder;
  const std::string eval =
      "eval --model configs/tiny_base --tasks chain_sum:1:2:1 --samples 2 "
      "--reward command:";
  const ProgramResult sound = run_retort(eval + program_with(folder.path(), "pass") + " --json");
  EXPECT_EQ(sound.code, 0) << sound.err;
  const std::string slow =
      program_with(folder.path(),
                   "rows = os.path.exists(here + 'asked')\n        open(here + 'asked', "
                   "'w').close()\n        if not rows: os._exit(1)");
  const ProgramResult again = run_retort(eval + slow + " --json");
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_TRUE(fs::exists(folder.path("asked")));
  const auto all = [](const ProgramResult& result) {
    return nlohmann::json::parse(result.out).at("all");
  };
  EXPECT_EQ(all(again), all(sound)) << "the row that failed was asked again";
}

}  // namespace
}  // namespace retort
