// Runs whose samples are made by other processes: the bytes of one process, whatever happens to
// them.
#include "tests/e2e/program.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace retort {
namespace {

using testing::deterministic_metrics;
using testing::file_text;
using testing::ProgramResult;
using testing::run_retort;
using testing::TemporaryFolder;
using testing::write_text;
namespace fs = std::filesystem;

const std::string kTiny = "train tests/configs/tiny.toml";

class Workers : public ::testing::Test {
 protected:
  // The run of one process, made once.
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    ASSERT_EQ(run_retort(kTiny + " --quiet --run '" + folder_->path("whole") + "'").code, 0);
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }

  static std::string path(const std::string& name) { return folder_->path(name); }

  static void expect_the_same_bytes(const std::string& run) {
    const std::string whole = path("whole");
    EXPECT_EQ(deterministic_metrics(whole), deterministic_metrics(run));
    for (const char* file :
         {"checkpoints/step_8/model.safetensors", "checkpoints/step_8/trainer/state.safetensors"}) {
      ASSERT_FALSE(file_text(run + "/" + file).empty()) << file;
      EXPECT_TRUE(file_text(whole + "/" + file) == file_text(run + "/" + file)) << file;
    }
    const ProgramResult compared =
        run_retort("compare '" + whole + "' '" + run + "' --assert-equal");
    EXPECT_EQ(compared.code, 0) << compared.out;
  }

  static void expect_no_process_left(const std::string& run) {
    EXPECT_EQ(testing::processes_left(run), 0u);
  }

  static TemporaryFolder* folder_;
};
TemporaryFolder* Workers::folder_ = nullptr;

int hits(const ProgramResult& result) {
  const size_t at = result.err.rfind("disturbed: ");
  return at == std::string::npos ? 0 : std::stoi(result.err.substr(at + 11));
}

TEST_F(Workers, OneTwoAndFourGiveTheBytesOfOneProcess) {
  for (const std::string count : {"1", "2", "4"}) {
    const std::string run = path("workers" + count);
    const ProgramResult result = run_retort(kTiny + " --run '" + run + "' --workers " + count);
    ASSERT_EQ(result.code, 0) << result.err;
    expect_the_same_bytes(run);
    expect_no_process_left(run);
  }
}

TEST_F(Workers, KilledOnesAreReplaced) {
  const std::string run = path("killed");
  // The script runs the program itself: what it prints last is its own.
  const ProgramResult result =
      run_retort(kTiny + " --run '" + run + "' --workers 2",
                 "tests/e2e/disturb.sh KILL 100 '" + run + "/metrics.jsonl'");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_GE(hits(result), 3) << result.err;
  EXPECT_NE(result.err.find("ended (signal 9)"), std::string::npos) << result.err;
  expect_the_same_bytes(run);
  expect_no_process_left(run);
}

// A worker that is stopped, the only one: after its silence another is started.
TEST_F(Workers, AStoppedOneIsReplaced) {
  const std::string run = path("stopped");
  const ProgramResult result =
      run_retort(kTiny + " --run '" + run + "' --workers 1 --silence-s 12",
                 "tests/e2e/disturb.sh STOP 1 '" + run + "/metrics.jsonl'");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(hits(result), 1);
  EXPECT_NE(result.err.find("ended (silent for "), std::string::npos) << result.err;
  expect_the_same_bytes(run);
  expect_no_process_left(run);
}

// What workers do not give in time gives way to the next tasks, and stays so when it is computed
// again.
TEST_F(Workers, AGroupWithoutSamplesGivesWay) {
  const std::string run = path("late"), cut = path("late_cut");
  write_text(
      path("late.sh"),
      "seen() { for i in $(seq 1500); do grep -s \"$1\" \"$2\" >/dev/null && return; sleep 0.02; "
      "done; }\n"
      "\"$@\" & command=$!\n"
      "seen '\"step\": 2,' '" +
          run +
          "/metrics.jsonl'\n"
          "worker=$(cat /proc/$command/task/*/children)\n"
          "kill -STOP $worker\n"
          "seen 'is given up' '" +
          run +
          "/log.txt'\n"
          "kill -CONT $worker\n"
          "wait $command\n");
  const std::string settings =
      " --set train.sample_deadline_s=2 --set train.keep_last=9 --set train.save_every=1 --run '";
  const ProgramResult result =
      run_retort(kTiny + settings + run + "' --workers 1", "bash '" + path("late.sh") + "'");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.err.find("is replaced: no sample within 2 s"), std::string::npos) << result.err;
  int64_t replaced = 0, first = 0;
  for (const nlohmann::json& row : testing::metrics_of(run)) {
    const int64_t here = row.value("groups/replaced", int64_t{0});
    if (here > 0 && first == 0) first = row["step"];
    replaced += here;
  }
  ASSERT_GT(replaced, 0);
  expect_no_process_left(run);

  fs::copy(run, cut, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  for (int64_t step = first; step <= 8; ++step)
    fs::remove_all(cut + "/checkpoints/step_" + std::to_string(step));
  ASSERT_EQ(run_retort(kTiny + settings + cut + "' --resume --quiet").code, 0);
  EXPECT_EQ(deterministic_metrics(run), deterministic_metrics(cut));
  const std::string state = "/checkpoints/step_8/trainer/state.safetensors";
  EXPECT_TRUE(file_text(run + state) == file_text(cut + state));
  const ProgramResult compared = run_retort("compare '" + run + "' '" + cut + "' --assert-equal");
  EXPECT_EQ(compared.code, 0) << compared.out;
}

// A run whose workers are gone for good ends by itself, with what to do.
TEST_F(Workers, WithoutAnyTheRunEndsToBeResumed) {
  const std::string run = path("alone");
  const std::string learn =
      "learn tests/configs/tiny.toml --set train.sample_deadline_s=1 --run '" + run +
      "' --listen ipc://" + path("nobody");
  const ProgramResult result = run_retort(learn);
  EXPECT_EQ(result.code, 1) << result.err;
  EXPECT_NE(
      result.err.find("no sample came for 1 s while waiting for samples of group 0 of step 1"),
      std::string::npos)
      << result.err;
  EXPECT_NE(result.err.find("none is connected"), std::string::npos) << result.err;
  ASSERT_EQ(run_retort(kTiny + " --quiet --resume --run '" + run + "'").code, 0);
  expect_the_same_bytes(run);
}

TEST_F(Workers, AKilledLearnerLeavesNoProcessAndResumes) {
  const std::string run = path("learner");
  int killed = 0;
  for (int attempt = 0; attempt < 8; ++attempt) {
    const ProgramResult result =
        run_retort(kTiny + " --quiet --resume --run '" + run + "' --workers 2",
                   "timeout -s KILL " + std::to_string(0.8 + 0.37 * attempt));
    if (result.code == 0) break;
    ASSERT_EQ(result.code, 137) << result.err;
    ++killed;
    expect_no_process_left(run);
  }
  EXPECT_GE(killed, 1);
  ASSERT_EQ(run_retort(kTiny + " --quiet --resume --run '" + run + "'").code, 0);
  expect_the_same_bytes(run);
}

// `learn` and workers by hand: they come, go and come again, over every kind of endpoint.
TEST_F(Workers, ComeAndGo) {
  const std::string program = std::getenv("RETORT_PROGRAM");
  for (const std::string scheme : {"ipc://", "file:"}) {
    const std::string run = path("learn_" + scheme.substr(0, 3));
    const std::string endpoint = scheme + path("meeting_" + scheme.substr(0, 3));
    const std::string rollout = "'" + program +
                                "' rollout tests/configs/tiny.toml --quiet --connect " + endpoint +
                                " --token-file '" + run + "/token'";
    write_text(path("come_and_go.sh"),
               "while [ ! -e '" + run + "/token' ]; do sleep 0.02; done\n" + rollout +
                   " --name late &\n" +
                   "for i in 1 2 3 4 5 6; do timeout -s KILL 0.$((i * 2 + 3)) " + rollout +
                   " --name brief; done\nwait\n");
    const ProgramResult result =
        run_retort("learn tests/configs/tiny.toml --run '" + run + "' --listen " + endpoint,
                   "bash '" + path("come_and_go.sh") + "' & ");
    ASSERT_EQ(result.code, 0) << result.err;
    expect_the_same_bytes(run);
  }
}

// The learner is killed and started again; its worker stays, with what it had not got rid of.
TEST_F(Workers, OutliveAKilledLearner) {
  const std::string run = path("outlived");
  const std::string program = std::getenv("RETORT_PROGRAM");
  const std::string socket = "ipc://" + path("outliving");
  write_text(path("outlive.sh"),
             "while [ ! -e '" + run + "/token' ]; do sleep 0.02; done\nexec '" + program +
                 "' rollout tests/configs/tiny.toml --quiet --patience-s 120 --connect " + socket +
                 " --token-file '" + run + "/token' 2>'" + path("outlive.err") + "'\n");
  const std::string learn =
      "learn tests/configs/tiny.toml --quiet --resume --run '" + run + "' --listen " + socket;
  ProgramResult result =
      run_retort(learn, "bash '" + path("outlive.sh") + "' & timeout -s KILL 0.8");
  int killed = 0;
  for (; !fs::exists(run + "/checkpoints/step_8/complete") && killed < 40; ++killed) {
    ASSERT_EQ(result.code, 137) << result.err;
    result = run_retort(learn, "timeout -s KILL " + std::to_string(0.9 + 0.1 * killed));
  }
  EXPECT_GE(killed, 1);
  // Killed after its last checkpoint or at its end: in both cases there is a worker to be told.
  result = run_retort(learn);
  ASSERT_EQ(result.code, 0) << result.err;
  // Whichever learner was the last has told the worker that the run is over.
  EXPECT_EQ(file_text(path("outlive.err")), "");
  expect_no_process_left(socket);
  expect_the_same_bytes(run);
}

TEST_F(Workers, AnotherTokenConfigurationOrPortIsRefused) {
  const std::string run = path("refusals");
  const std::string program = std::getenv("RETORT_PROGRAM");
  const std::string socket = "ipc://" + path("refusing");
  const std::string rollout =
      "'" + program + "' rollout tests/configs/tiny.toml --quiet --connect " + socket;
  const std::string err = path("refused");
  write_text(
      path("refused.sh"),
      "while [ ! -e '" + run + "/token' ]; do sleep 0.02; done\n" + "RETORT_RUN_TOKEN=wrong " +
          rollout + " 2>'" + err + ".token'\n" + "echo $? >>'" + err + ".token'\n" +  //
          rollout + " --token-file '" + run + "/token' --set rollout.temperature=0.5 2>'" + err +
          ".config'\necho $? >>'" + err + ".config'\n" +  //
          "'" + program + "' learn tests/configs/tiny.toml --run '" + run + ".second' --listen " +
          socket + " 2>'" + err + ".port'\necho $? >>'" + err + ".port'\n" +  //
          rollout + " --token-file '" + run + "/token'\n");
  const ProgramResult result =
      run_retort("learn tests/configs/tiny.toml --run '" + run + "' --listen " + socket,
                 "bash '" + path("refused.sh") + "' & ");
  ASSERT_EQ(result.code, 0) << result.err;
  for (const auto& [what, says] : {std::pair("token", "token"), std::pair("config", "config"),
                                   std::pair("port", "refusing")}) {
    const std::string text = file_text(err + "." + what);
    EXPECT_TRUE(text.ends_with("2\n")) << what << ": " << text;
    EXPECT_NE(text.find(says), std::string::npos) << what << ": " << text;
  }
  EXPECT_FALSE(fs::exists(run + ".second"));
  expect_the_same_bytes(run);
}

}  // namespace
}  // namespace retort
