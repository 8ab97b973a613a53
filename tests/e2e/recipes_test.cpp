// Every recipe of configs/recipes runs, shows what its keys ask for, and resumes with the same
// bits.
#include "tests/e2e/program.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <map>

namespace retort {
namespace {

namespace fs = std::filesystem;
using testing::file_text;
using testing::metrics_of;
using testing::run_retort;
using testing::TemporaryFolder;

const std::string kSmall =
    " --quiet --set train.steps=5 --set train.prompts_per_step=8 --set train.updates_per_step=2 "
    "--set rollout.group_size=4 --set rollout.max_new_tokens=48 --set tasks.eval=";

TEST(Recipes, EachRunsFiveSteps) {
  const TemporaryFolder folder;
  std::map<std::string, std::vector<nlohmann::json>> runs;
  for (const auto& entry : fs::directory_iterator("configs/recipes")) {
    const std::string name = entry.path().stem();
    const testing::ProgramResult result = run_retort("train " + entry.path().string() + kSmall +
                                                     " --run '" + folder.path(name) + "'");
    ASSERT_EQ(result.code, 0) << name << ": " << result.err;
    runs[name] = metrics_of(folder.path(name));
    ASSERT_EQ(runs[name].size(), 5u) << name;
    for (const nlohmann::json& row : runs[name]) {
      EXPECT_EQ(row["mismatch/tokens"], 0) << name;
      EXPECT_GT(row["mismatch/checked"], 0) << name;
    }
  }
  for (const char* name : {"grpo", "dapo", "dr_grpo", "gspo", "cispo", "v32"})
    ASSERT_TRUE(runs.contains(name)) << name;
  for (const auto& [name, rows] : runs) {
    const bool reference = name == "grpo" || name == "v32";
    EXPECT_EQ(rows[1].contains("actor/kl_loss"), reference) << name;
    int64_t refilled = 0;
    for (const nlohmann::json& row : rows) refilled += row["groups/refilled"].get<int64_t>();
    EXPECT_EQ(refilled > 0, name == "dapo") << name;
  }
  EXPECT_TRUE(runs["v32"][1].contains("actor/off_policy_masked"));
  // Held beside a policy that has moved on.
  EXPECT_GT(runs["grpo"][4]["actor/kl_loss"], 0.0);
}

// What a wave leaves missing the next one samples, until none is missing or the waves are used up.
TEST(Recipes, RefillGoesOnUntilTheStepIsFull) {
  const TemporaryFolder folder;
  const std::string command = "train configs/recipes/dapo.toml" + kSmall + " --run '";
  ASSERT_EQ(run_retort(command + folder.path("many") + "' --set learner.refill_waves=50").code, 0);
  for (const nlohmann::json& row : metrics_of(folder.path("many"))) {
    EXPECT_EQ(row["groups/kept"], 8);
    EXPECT_EQ(row["groups/refilled"], row["groups/zero_variance"]);
  }
  ASSERT_EQ(run_retort(command + folder.path("one") + "' --set learner.refill_waves=1").code, 0);
  for (const nlohmann::json& row : metrics_of(folder.path("one"))) {
    EXPECT_LE(row["groups/refilled"], 8);
    EXPECT_LE(row["groups/kept"], 8);
  }
  // The first wave alone is the step's score, whatever follows it.
  EXPECT_EQ(metrics_of(folder.path("one"))[0]["critic/score/mean"],
            metrics_of(folder.path("many"))[0]["critic/score/mean"]);
}

// A refreshed reference is part of the state: the run goes on from step 4 with the one of step 3.
TEST(Recipes, ARefreshedReferenceAndRefilledGroupsResumeWithTheSameBits) {
  const TemporaryFolder folder;
  const std::string command =
      "train configs/recipes/dapo.toml" + kSmall +
      " --set train.steps=6 --set train.save_every=2 --set train.keep_last=3 --set learner.kl=k3 "
      "--set learner.reference_refresh_steps=3 --run '";
  const std::string whole = folder.path("whole"), cut = folder.path("cut");
  ASSERT_EQ(run_retort(command + whole + "'").code, 0);
  EXPECT_EQ(metrics_of(whole)[3]["step"], 4);
  EXPECT_GT(metrics_of(whole)[2]["actor/kl_loss"], 0.0);
  fs::copy(whole, cut, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  fs::remove_all(cut + "/checkpoints/step_6");
  ASSERT_EQ(run_retort(command + cut + "' --resume").code, 0);
  EXPECT_EQ(testing::deterministic_metrics(cut), testing::deterministic_metrics(whole));
  for (const char* file : {"trainer/state.safetensors", "trainer/reference.safetensors"}) {
    const std::string path = std::string("/checkpoints/step_6/") + file;
    ASSERT_FALSE(file_text(whole + path).empty()) << file;
    EXPECT_TRUE(file_text(cut + path) == file_text(whole + path)) << file;
  }
  EXPECT_EQ(run_retort("compare '" + whole + "' '" + cut + "' --assert-equal").code, 0);
}

}  // namespace
}  // namespace retort
