// The whole loop on the tiny base, as a user runs it.
#include "tests/e2e/program.h"
#include "tests/event_records.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <filesystem>
#include <sstream>

namespace retort {
namespace {

using testing::deterministic_metrics;
using testing::file_text;
using testing::metrics_of;
using testing::ProgramResult;
using testing::run_retort;
using testing::TemporaryFolder;
namespace fs = std::filesystem;

const std::string kTiny = "train tests/configs/tiny.toml --quiet";

void expect_same_run(const std::string& a, const std::string& b) {
  EXPECT_EQ(deterministic_metrics(a), deterministic_metrics(b));
  EXPECT_EQ(tests::event_records(a), 10) << "its first, and steps 0 to 8";
  EXPECT_EQ(tests::event_records(b), 10);
  for (const char* file :
       {"checkpoints/step_8/model.safetensors", "checkpoints/step_8/trainer/state.safetensors"}) {
    ASSERT_FALSE(file_text(a + "/" + file).empty());
    EXPECT_TRUE(file_text(a + "/" + file) == file_text(b + "/" + file)) << file;
  }
  EXPECT_EQ(run_retort("compare '" + a + "' '" + b + "' --assert-equal").code, 0);
}

TEST(Train, TheRunDirectoryHoldsWhatItPromises) {
  const TemporaryFolder folder;
  const std::string run = folder.path("run");
  const ProgramResult result = run_retort(kTiny + " --run '" + run + "'");
  ASSERT_EQ(result.code, 0) << result.err;
  for (const char* name :
       {"config.toml", "run.db", "metrics.jsonl", "log.txt", "checkpoints/step_8/complete",
        "checkpoints/step_8/config.json", "checkpoints/step_8/tokenizer.json",
        "checkpoints/step_8/trainer/state.json", "checkpoints/best/complete"})
    EXPECT_TRUE(fs::exists(run + "/" + name)) << name;
  EXPECT_FALSE(fs::is_empty(run + "/samples"));
  const std::vector<nlohmann::json> rows = metrics_of(run);
  ASSERT_EQ(rows.size(), 9u);
  EXPECT_EQ(rows[0]["step"], 0);
  EXPECT_TRUE(rows[0].contains("eval/chain_sum/pass@1"));
  for (size_t step = 1; step < rows.size(); ++step) {
    EXPECT_EQ(rows[step]["step"], step);
    EXPECT_EQ(rows[step]["mismatch/tokens"], 0);
    EXPECT_GT(rows[step]["mismatch/checked"], 0);
    EXPECT_EQ(rows[step].contains("eval/all/pass@1"), step % 3 == 0 || step == 8) << step;
    for (const char* key : {"time_s",
                            "critic/score/mean",
                            "critic/score/std",
                            "actor/pg_loss",
                            "actor/entropy",
                            "actor/grad_norm",
                            "actor/lr",
                            "actor/pg_clipfrac",
                            "response_length/mean",
                            "response_length/max",
                            "response_length/clip_ratio",
                            "mismatch/max_abs",
                            "staleness/mean",
                            "staleness/max",
                            "reward/task/mean",
                            "outcome/value",
                            "groups/kept",
                            "groups/zero_variance",
                            "groups/refilled",
                            "timing_s/rollout",
                            "timing_s/reward",
                            "timing_s/train",
                            "timing_s/publish",
                            "timing_s/save",
                            "timing_s/eval",
                            "timing_s/step",
                            "perf/rollout_tok_s",
                            "perf/train_tok_s",
                            "perf/mfu",
                            "perf/memory_gb"})
      EXPECT_TRUE(rows[step].contains(key)) << key;
    if (rows[step]["perf/train_tok_s"] > 0) {
      EXPECT_GT(rows[step]["perf/mfu"], 0.0);
      EXPECT_LT(rows[step]["perf/mfu"], 1.0);
    }
  }
}

TEST(Train, ThreadsBatchAndMicroBatchChangeNoBit) {
  const TemporaryFolder folder;
  ASSERT_EQ(run_retort(kTiny + " --run '" + folder.path("a") + "'").code, 0);
  ASSERT_EQ(run_retort(kTiny + " --run '" + folder.path("b") +
                       "' --set run.threads=1 --set learner.micro_batch_tokens=100 --set "
                       "rollout.max_sequences=5 --set rollout.max_batch_tokens=16")
                .code,
            0);
  EXPECT_EQ(deterministic_metrics(folder.path("a")), deterministic_metrics(folder.path("b")));
  EXPECT_TRUE(file_text(folder.path("a/checkpoints/step_8/trainer/state.safetensors")) ==
              file_text(folder.path("b/checkpoints/step_8/trainer/state.safetensors")));
}

TEST(Train, SeedsDiffer) {
  const TemporaryFolder folder;
  ASSERT_EQ(run_retort(kTiny + " --run '" + folder.path("a") + "'").code, 0);
  ASSERT_EQ(run_retort(kTiny + " --run '" + folder.path("b") + "' --set run.seed=4").code, 0);
  EXPECT_NE(deterministic_metrics(folder.path("a")), deterministic_metrics(folder.path("b")));
  EXPECT_EQ(
      run_retort("compare '" + folder.path("a") + "' '" + folder.path("b") + "' --assert-equal")
          .code,
      1);
}

// kill -9 at 30 moments spread over a run, each resumed until it ends: the bytes of the undisturbed
// run.
TEST(Train, KilledAtAnyMomentItEndsWithTheSameBytes) {
  const TemporaryFolder folder;
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(run_retort(kTiny + " --run '" + folder.path("whole") + "'").code, 0);
  const double whole_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  int killed = 0;
  for (int round = 0; killed < 30 && round < 60; ++round) {
    const std::string run = folder.path("killed" + std::to_string(round));
    bool done = false;
    for (int attempt = 0; attempt < 60 && !done; ++attempt) {
      // A fixed, irregular series of shares of the whole run's time on this machine.
      const double moment = whole_s * (0.03 + 0.0083 * ((round * 31 + attempt * 17) % 113));
      const ProgramResult result = run_retort(kTiny + " --resume --run '" + run + "'",
                                              "timeout -s KILL " + std::to_string(moment));
      done = result.code == 0;
      killed += done ? 0 : 1;
      if (!done) {
        ASSERT_EQ(result.code, 137) << result.err;
      }
    }
    if (!done) {
      ASSERT_EQ(run_retort(kTiny + " --resume --run '" + run + "'").code, 0);
    }
    expect_same_run(folder.path("whole"), run);
    fs::remove_all(run);
  }
  EXPECT_GE(killed, 30);
}

TEST(Train, CtrlCSavesAndNamesTheCommandThatGoesOn) {
  const TemporaryFolder folder;
  ASSERT_EQ(run_retort(kTiny + " --run '" + folder.path("whole") + "'").code, 0);
  bool interrupted = false;
  // A run may be over before the signal comes; five in a row are not.
  for (int round = 0; round < 5 && !interrupted; ++round) {
    const std::string run = folder.path("run" + std::to_string(round));
    const ProgramResult result =
        run_retort(kTiny + " --run '" + run + "' --set train.save_every=0",
                   "tests/e2e/interrupt_when.sh '" + run + "/metrics.jsonl'");
    if (result.code != 130) continue;
    interrupted = true;
    EXPECT_NE(result.err.find("retort train tests/configs/tiny.toml --run " + run + " --resume"),
              std::string::npos)
        << result.err;
    ASSERT_EQ(run_retort(kTiny + " --resume --run '" + run + "'").code, 0);
    EXPECT_EQ(deterministic_metrics(folder.path("whole")), deterministic_metrics(run));
  }
  EXPECT_TRUE(interrupted) << "no signal fell into a step";
}

TEST(Train, CheckpointsWithoutTheirRecordAreNotTrainedOver) {
  const TemporaryFolder folder;
  const std::string run = folder.path("run");
  ASSERT_EQ(run_retort(kTiny + " --run '" + run + "' --set train.steps=2").code, 0);
  fs::remove(run + "/run.db");
  const std::string before = testing::tree_digest(run);
  const ProgramResult result =
      run_retort(kTiny + " --resume --run '" + run + "' --set train.steps=2");
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.err, "retort: " + run +
                            "/run.db: is not there, the checkpoint of step 2 is; put the run's "
                            "database back, or start a new run\n");
  EXPECT_EQ(testing::tree_digest(run), before);
}

TEST(Train, AnExistingRunNeedsResumeAndTheSameConfiguration) {
  const TemporaryFolder folder;
  const std::string run = folder.path("run");
  ASSERT_EQ(run_retort(kTiny + " --run '" + run + "'").code, 0);
  const std::string before = testing::tree_digest(run);
  const ProgramResult again = run_retort(kTiny + " --run '" + run + "'");
  EXPECT_EQ(again.code, 2);
  EXPECT_NE(again.err.find("--resume"), std::string::npos);
  const ProgramResult other =
      run_retort(kTiny + " --resume --run '" + run + "' --set learner.lr=1e-3");
  EXPECT_EQ(other.code, 2);
  EXPECT_NE(other.err.find("[learner.lr]"), std::string::npos);
  EXPECT_EQ(testing::tree_digest(run), before);
}

}  // namespace
}  // namespace retort
