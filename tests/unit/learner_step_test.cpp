// Properties of one GRPO step: the split into micro-batches changes no bit; fresh samples have
// ratio one and mismatch 0; a gate that is fed a wrong bit says so; a tied matrix gets both its
// gradients.
#include "learner/learner.h"
#include "rollout/engine.h"
#include "tests/tiny_policy.h"

#include <gtest/gtest.h>

#include <cstring>

namespace retort {
namespace {

LearnerConfig learner_config(int64_t micro_batch_tokens) {
  LearnerConfig config;
  config.micro_batch_tokens = micro_batch_tokens;
  config.lr = 1e-3;
  config.advantage_ddof = 0;
  return config;
}

std::vector<ScoredGroup> sample_groups(const Policy& policy, int64_t top_k = 0) {
  EngineSettings settings;
  settings.sampling.seed = 11;
  settings.sampling.top_k = top_k;
  settings.max_new_tokens = 20;
  settings.eos_ids = {2};
  settings.max_length = 64;
  Engine engine(policy, settings);
  std::vector<GroupRequest> requests;
  for (uint32_t task = 0; task < 5; ++task)
    requests.push_back({{1, task, 0, 0}, 0, {1, static_cast<int32_t>(8 + task), 30, 31}, 4});
  std::vector<ScoredGroup> groups(5);
  for (Sample& sample : engine.run(requests)) {
    // Any rule will do; group 4 has no variance.
    const double score = sample.id.task == 4 ? 1.0 : (sample.tokens[4] + sample.id.slot) % 2;
    groups[sample.id.task].verdicts.push_back({sample.id, Outcome::kValue, score, {}, "", 0});
    groups[sample.id.task].samples.push_back(std::move(sample));
  }
  return groups;
}

std::vector<float> all_values(const Policy& policy) {
  std::vector<float> values;
  policy.weights().for_each([&](const Parameter& parameter) {
    const auto* data = parameter.value.data_ptr<float>();
    values.insert(values.end(), data, data + parameter.value.numel());
  });
  return values;
}

struct StepOutcome {
  LearnerStep step;
  std::vector<float> weights;
};

StepOutcome run_step(int64_t micro_batch_tokens, bool tied = true, const std::string& check = "all",
                     int64_t top_k = 0) {
  std::unique_ptr<Policy> policy = testing::tiny_policy(4, tied);
  const std::vector<ScoredGroup> groups = sample_groups(*policy, top_k);
  LearnerSettings settings;
  settings.learner = learner_config(micro_batch_tokens);
  settings.mismatch.check = check;
  settings.updates_per_step = 2;
  settings.steps = 10;
  Optimizer optimizer(*policy, settings.learner);
  Learner learner(*policy, optimizer, settings);
  StepOutcome outcome;
  outcome.step = learner.step(1, groups);
  outcome.weights = all_values(*policy);
  return outcome;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST(LearnerStep, MicroBatchesChangeNoBit) {
  for (const bool tied : {true, false}) {
    const StepOutcome whole = run_step(100000, tied);
    EXPECT_EQ(whole.step.updates, 2);
    EXPECT_GT(*whole.step.grad_norm, 0.0);
    for (const int64_t tokens : {1, 30, 47, 200}) {
      const StepOutcome split = run_step(tokens, tied);
      EXPECT_TRUE(same_bits(split.weights, whole.weights)) << tokens;
      EXPECT_EQ(split.step.pg_loss, whole.step.pg_loss) << tokens;
      EXPECT_EQ(split.step.entropy, whole.step.entropy) << tokens;
      EXPECT_EQ(split.step.grad_norm, whole.step.grad_norm) << tokens;
    }
  }
}

TEST(LearnerStep, EverySampledTokenIsCheckedAndEqual) {
  const StepOutcome outcome = run_step(64);
  int64_t tokens = 0;
  for (const ScoredGroup& group : sample_groups(*testing::tiny_policy(4)))
    for (const Sample& sample : group.samples) tokens += sample.completion_length();
  EXPECT_EQ(outcome.step.mismatch.checked, tokens);
  EXPECT_EQ(outcome.step.mismatch.tokens, 0);
  EXPECT_EQ(outcome.step.mismatch.max_abs, 0.0);
}

TEST(LearnerStep, KeptSetsAreReplayedByTheLearner) {
  const StepOutcome outcome = run_step(64, true, "all", 5);
  EXPECT_GT(outcome.step.mismatch.checked, 0);
  EXPECT_EQ(outcome.step.mismatch.tokens, 0);
}

TEST(LearnerStep, TheFirstUpdateAloneIsCheckedByDefault) {
  const StepOutcome all = run_step(64), update = run_step(64, true, "update");
  EXPECT_GT(update.step.mismatch.checked, 0);
  EXPECT_LT(update.step.mismatch.checked, all.step.mismatch.checked);
  EXPECT_EQ(update.step.mismatch.tokens, 0);
  EXPECT_TRUE(same_bits(update.weights, all.weights)) << "looking must change nothing";
}

TEST(LearnerStep, OneWrongBitIsFound) {
  std::unique_ptr<Policy> policy = testing::tiny_policy(4);
  std::vector<ScoredGroup> groups = sample_groups(*policy);
  float& logp = groups[2].samples[1].logprobs[0];
  uint32_t bits;
  std::memcpy(&bits, &logp, 4);
  bits ^= 1;
  std::memcpy(&logp, &bits, 4);
  LearnerSettings settings;
  settings.learner = learner_config(64);
  settings.mismatch.check = "all";
  Optimizer optimizer(*policy, settings.learner);
  const LearnerStep step = Learner(*policy, optimizer, settings).step(1, groups);
  EXPECT_EQ(step.mismatch.tokens, 1);
  EXPECT_GT(step.mismatch.max_abs, 0.0);
}

TEST(LearnerStep, GroupsWithoutVarianceAreDroppedOrKept) {
  const StepOutcome outcome = run_step(64);
  EXPECT_GE(outcome.step.groups_zero_variance, 1);
  EXPECT_EQ(outcome.step.groups_kept + outcome.step.groups_zero_variance, 5);
}

TEST(LearnerStep, WithoutKeptGroupsTheWeightsStay) {
  std::unique_ptr<Policy> policy = testing::tiny_policy(4);
  std::vector<ScoredGroup> groups = sample_groups(*policy);
  for (ScoredGroup& group : groups)
    for (Verdict& verdict : group.verdicts) verdict.score = 0.25;
  const std::vector<float> before = all_values(*policy);
  LearnerSettings settings;
  settings.learner = learner_config(64);
  Optimizer optimizer(*policy, settings.learner);
  const LearnerStep step = Learner(*policy, optimizer, settings).step(1, groups);
  EXPECT_EQ(step.updates, 0);
  EXPECT_FALSE(step.pg_loss.has_value());
  EXPECT_FALSE(step.grad_norm.has_value());
  EXPECT_TRUE(same_bits(all_values(*policy), before));
}

// A verdict that is ours leaves the group's statistics and the batch: the others learn as if it had
// not been drawn.
TEST(LearnerStep, AVerifierErrorIsMaskedOut) {
  const auto weights_after = [](bool masked) {
    std::unique_ptr<Policy> policy = testing::tiny_policy(4);
    std::vector<ScoredGroup> groups = sample_groups(*policy);
    groups.resize(1);
    groups[0].verdicts[0].score = 1.0;
    groups[0].verdicts[1].score = 0.0;
    if (masked) {
      groups[0].verdicts[3].outcome = Outcome::kVerifierError;
      groups[0].verdicts[3].score = 123.0;
    } else {
      groups[0].samples.pop_back();
      groups[0].verdicts.pop_back();
    }
    LearnerSettings settings;
    settings.learner = learner_config(64);
    Optimizer optimizer(*policy, settings.learner);
    Learner(*policy, optimizer, settings).step(1, groups);
    return all_values(*policy);
  };
  EXPECT_TRUE(same_bits(weights_after(true), weights_after(false)));
}

}  // namespace
}  // namespace retort
