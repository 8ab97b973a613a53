// The whole loop on the tiny base, as a user runs it.
#include "tests/e2e/program.h"
#include "tests/event_records.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <functional>
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

// Names below checkpoints/, links with what they point to.
std::vector<std::string> checkpoints_of(const std::string& run) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(run + "/checkpoints"))
    names.push_back(entry.path().filename().string() +
                    (entry.is_symlink() ? " -> " + fs::read_symlink(entry).string() : ""));
  std::sort(names.begin(), names.end());
  return names;
}

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

// What a kill between the last instruction of a checkpoint and the arrangement of all of them
// leaves.
TEST(Train, ResumeArrangesTheCheckpointsAKillLeft) {
  const TemporaryFolder folder;
  const std::string run = folder.path("run"), checkpoints = run + "/checkpoints";
  ASSERT_EQ(run_retort(kTiny + " --run '" + run + "'").code, 0);
  const std::vector<std::string> before = checkpoints_of(run);
  ASSERT_EQ(before, (std::vector<std::string>{"best -> step_6", "step_6", "step_8"}));
  fs::remove(checkpoints + "/best");
  fs::create_directory_symlink("step_8", checkpoints + "/best");
  fs::copy(checkpoints + "/step_6", checkpoints + "/step_2", fs::copy_options::recursive);
  fs::copy(checkpoints + "/step_6", checkpoints + "/step_4", fs::copy_options::recursive);
  fs::remove(checkpoints + "/step_4/complete");
  fs::copy(checkpoints + "/step_6", checkpoints + "/step_8.partial", fs::copy_options::recursive);
  ASSERT_EQ(run_retort(kTiny + " --resume --run '" + run + "'").code, 0);
  EXPECT_EQ(checkpoints_of(run), before);
}

// A damaged run is refused and stays as it is.
TEST(Train, ResumeOfADamagedRunNamesThePlace) {
  const TemporaryFolder folder;
  const std::string whole = folder.path("whole"), run = folder.path("run");
  ASSERT_EQ(run_retort(kTiny + " --run '" + whole + "'").code, 0);
  const auto expect_refused = [&](const std::string& file, const std::string& words) {
    const std::string before = testing::tree_digest(run);
    const ProgramResult result = run_retort(kTiny + " --resume --run '" + run + "'");
    EXPECT_EQ(result.code, 2) << file;
    EXPECT_EQ(result.err.rfind("retort: " + run + "/" + file, 0), 0u) << result.err;
    EXPECT_NE(result.err.find(words), std::string::npos) << result.err;
    EXPECT_EQ(testing::tree_digest(run), before) << "something was written";
    fs::remove_all(run);
  };
  const auto damage = [&](const std::string& file,
                          const std::function<void(std::string&)>& change) {
    fs::copy(whole, run, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    std::string bytes = file_text(run + "/" + file);
    change(bytes);
    fs::remove(run + "/" + file);
    if (!bytes.empty()) testing::write_text(run + "/" + file, bytes);
  };
  const auto remove = [](std::string& bytes) { bytes.clear(); };
  const std::string trainer = "checkpoints/step_8/trainer/";
  damage("run.db", remove);
  expect_refused("run.db", "missing or empty");
  damage("run.db", [](std::string& bytes) { bytes = "no database, but long enough to be one"; });
  expect_refused("run.db", "");
  damage("config.toml", remove);
  expect_refused("config.toml", "missing");
  damage(trainer + "state.safetensors", remove);
  expect_refused(trainer + "state.safetensors", "");
  damage(trainer + "state.safetensors", [](std::string& bytes) { bytes[bytes.size() / 2] ^= 4; });
  expect_refused(trainer + "state.safetensors", "damaged");
  damage(trainer + "state.safetensors", [](std::string& bytes) { bytes.pop_back(); });
  expect_refused(trainer + "state.safetensors", "damaged");
  const auto damage_key = [&](const std::string& key, const nlohmann::json& value) {
    damage(trainer + "state.json", [&](std::string& bytes) {
      nlohmann::json json = nlohmann::json::parse(bytes);
      ASSERT_TRUE(json.contains(key)) << key;
      json[key] = value;
      bytes = json.dump();
    });
  };
  damage_key("step", 7);
  expect_refused(trainer + "state.json", "is of step 7");
  for (const char* key : {"step", "updates", "task_cursor", "task_rows", "best_step"})
    for (const nlohmann::json& value : std::vector<nlohmann::json>{-1, "8", 1e300}) {
      damage_key(key, value);
      expect_refused(trainer + "state.json", std::string("no whole number '") + key + "'");
    }
  for (const char* key : {"time_s", "best_value"}) {
    damage_key(key, "1");
    expect_refused(trainer + "state.json", std::string("no number '") + key + "'");
  }
  damage_key("best_step", 9);
  expect_refused(trainer + "state.json", "'best_step' is after 'step'");
  damage(trainer + "state.json", [](std::string& bytes) { bytes.resize(bytes.size() / 2); });
  expect_refused(trainer + "state.json", "is no JSON object");
}

TEST(Train, CtrlCSavesAndNamesTheCommandThatGoesOn) {
  const TemporaryFolder folder;
  const std::string settings = " --set train.save_every=0 --set run.seed=4";
  ASSERT_EQ(run_retort(kTiny + " --run '" + folder.path("whole") + "'" + settings).code, 0);
  bool interrupted = false;
  // A run may be over before the signal comes; five in a row are not.
  for (int round = 0; round < 5 && !interrupted; ++round) {
    const std::string run = folder.path("run" + std::to_string(round));
    const ProgramResult result =
        run_retort(kTiny + " --run '" + run + "'" + settings,
                   "tests/e2e/interrupt_when.sh 2 '" + run + "/metrics.jsonl'");
    if (result.code != 130) continue;
    interrupted = true;
    const std::string command = "train tests/configs/tiny.toml --run " + run +
                                " --resume --set 'train.save_every=0' --set 'run.seed=4'";
    EXPECT_EQ(result.err, "retort: interrupted, state saved; go on with: retort " + command + "\n");
    EXPECT_FALSE(fs::exists(run + "/checkpoints/best")) << "no checkpoint was due";
    ASSERT_EQ(run_retort(command + " --quiet").code, 0) << "when it is pasted";
    expect_same_run(folder.path("whole"), run);
    EXPECT_EQ(checkpoints_of(folder.path("whole")), checkpoints_of(run));
  }
  EXPECT_TRUE(interrupted) << "no signal fell into a step";
}

// An interim checkpoint neither replaces one that was due nor becomes the best.
TEST(Train, AnInterimCheckpointTakesNoPlaceOfOneThatWasDue) {
  const TemporaryFolder folder;
  const std::string every = " --set train.save_every=3 --set train.keep_last=1";
  ASSERT_EQ(run_retort(kTiny + " --run '" + folder.path("whole") + "'" + every).code, 0);
  int interim = 0;
  for (int round = 0; round < 12 && interim == 0; ++round) {
    const std::string run = folder.path("run" + std::to_string(round));
    const ProgramResult result =
        run_retort(kTiny + " --run '" + run + "'" + every,
                   "tests/e2e/interrupt_when.sh 5 '" + run + "/metrics.jsonl'");
    if (result.code != 130) continue;
    std::vector<std::string> due;
    for (const std::string& name : checkpoints_of(run)) {
      if (fs::exists(run + "/checkpoints/" + name + "/trainer/interim"))
        ++interim;
      else if (name.rfind("step_", 0) == 0)
        due.push_back(name);
    }
    EXPECT_FALSE(due.empty());
    EXPECT_FALSE(fs::exists(run + "/checkpoints/best/trainer/interim"));
    ASSERT_EQ(run_retort(kTiny + " --resume --run '" + run + "'" + every).code, 0);
    expect_same_run(folder.path("whole"), run);
    EXPECT_EQ(checkpoints_of(folder.path("whole")), checkpoints_of(run));
  }
  EXPECT_GT(interim, 0) << "no signal fell between two checkpoints";
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
  EXPECT_NE(result.err.find(run + "/run.db: is missing or empty"), std::string::npos) << result.err;
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
