// Properties of one GRPO step: the split into micro-batches changes no bit; fresh samples have
// ratio one and mismatch 0; a gate that is fed a wrong bit says so; a tied matrix gets both its
// gradients.
#include "learner/learner.h"
#include "rollout/engine.h"
#include "tests/tiny_policy.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>

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

StepOutcome run_step(
    int64_t micro_batch_tokens, bool tied = true, const std::string& check = "all",
    int64_t top_k = 0, const std::function<void(LearnerConfig&)>& change = [](LearnerConfig&) {}) {
  std::unique_ptr<Policy> policy = testing::tiny_policy(4, tied);
  const std::vector<ScoredGroup> groups = sample_groups(*policy, top_k);
  LearnerSettings settings;
  settings.learner = learner_config(micro_batch_tokens);
  change(settings.learner);
  settings.mismatch.check = check;
  settings.updates_per_step = 2;
  settings.steps = 10;
  settings.max_new_tokens = 20;
  Optimizer optimizer(*policy, settings.learner);
  std::unique_ptr<Reference> reference;
  if (settings.learner.kl != "none") reference = std::make_unique<Reference>(*policy);
  Learner learner(*policy, optimizer, reference.get(), settings);
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

struct Variant {
  const char* name;
  std::function<void(LearnerConfig&)> change;
};
const std::vector<Variant> kVariants = {
    {"gspo",
     [](LearnerConfig& config) {
       config.importance_sampling_level = "sequence";
       config.aggregation = "seq-mean-token-mean";
     }},
    {"cispo", [](LearnerConfig& config) { config.policy_loss = "cispo"; }},
    {"dr_grpo",
     [](LearnerConfig& config) {
       config.advantage = "dr_grpo";
       config.aggregation = "seq-mean-token-sum-norm";
     }},
    {"v32",
     [](LearnerConfig& config) {
       config.advantage = "dr_grpo";
       config.kl = "unbiased";
       config.kl_coef = 0.1;
       config.off_policy_mask_threshold = 1e-3;
     }},
    {"entropy bonus", [](LearnerConfig& config) { config.entropy_coef = 0.01; }},
    {"reinforce_pp",
     [](LearnerConfig& config) {
       config.advantage = "reinforce_pp";
       config.zero_variance = "keep";
     }},
    {"masked", [](LearnerConfig& config) { config.mask_truncated_completions = true; }},
};

TEST(LearnerStep, MicroBatchesChangeNoBitInAnyVariant) {
  const StepOutcome plain = run_step(100000);
  for (const Variant& variant : kVariants) {
    const StepOutcome whole = run_step(100000, true, "all", 0, variant.change);
    const StepOutcome split = run_step(30, true, "all", 0, variant.change);
    EXPECT_TRUE(same_bits(split.weights, whole.weights)) << variant.name;
    EXPECT_EQ(split.step.pg_loss, whole.step.pg_loss) << variant.name;
    EXPECT_EQ(split.step.kl_loss, whole.step.kl_loss) << variant.name;
    EXPECT_FALSE(same_bits(whole.weights, plain.weights)) << variant.name << " changes nothing";
    EXPECT_EQ(whole.step.mismatch.tokens, 0) << variant.name;
  }
}

// The weights after `calls` steps of `epochs` passes each over the same group, and the last step.
StepOutcome run_epochs(int calls, int64_t epochs) {
  std::unique_ptr<Policy> policy = testing::tiny_policy(4);
  const std::vector<ScoredGroup> groups = {sample_groups(*policy).at(0)};
  LearnerSettings settings;
  settings.learner = learner_config(100000);
  settings.learner.lr = 0.02;
  settings.learner.clip_low = settings.learner.clip_high = 1e-3;
  settings.mismatch.check = "update";
  settings.epochs_per_step = epochs;
  settings.steps = 10;
  settings.max_new_tokens = 20;
  Optimizer optimizer(*policy, settings.learner);
  Learner learner(*policy, optimizer, nullptr, settings);
  StepOutcome outcome;
  for (int call = 0; call < calls; ++call) outcome.step = learner.step(1, groups);
  outcome.weights = all_values(*policy);
  return outcome;
}

// A group alone is dealt in one way, so two passes are two steps over its samples.
TEST(LearnerStep, EpochsLearnFromTheSameSamplesAgain) {
  const StepOutcome once = run_epochs(1, 1), twice = run_epochs(1, 2), again = run_epochs(2, 1);
  EXPECT_EQ(once.step.updates, 1);
  EXPECT_EQ(twice.step.updates, 2);
  EXPECT_EQ(twice.step.trained_tokens, 2 * once.step.trained_tokens);
  EXPECT_TRUE(same_bits(twice.weights, again.weights));
  EXPECT_FALSE(same_bits(twice.weights, once.weights));
  // The first pass has ratio one; the second is held by the clip, and compares no token.
  EXPECT_EQ(*once.step.pg_clipfrac, 0.0);
  EXPECT_EQ(*twice.step.pg_clipfrac, *again.step.pg_clipfrac / 2);
  EXPECT_GT(*twice.step.pg_clipfrac, 0.0);
  EXPECT_EQ(twice.step.mismatch.checked, once.step.mismatch.checked);
  EXPECT_EQ(twice.step.mismatch.tokens, 0);
}

TEST(LearnerStep, OnPolicyTheKlToTheBaseIsZeroAndGrowsWithTheFirstUpdate) {
  for (const char* kl : {"k1", "k2", "k3", "unbiased"}) {
    std::unique_ptr<Policy> policy = testing::tiny_policy(4);
    const std::vector<ScoredGroup> groups = sample_groups(*policy);
    LearnerSettings settings;
    settings.learner = learner_config(64);
    settings.learner.kl = kl;
    settings.learner.kl_coef = 0.0;
    settings.learner.reference_refresh_steps = 2;
    settings.steps = 10;
    Optimizer optimizer(*policy, settings.learner);
    Reference reference(*policy);
    Learner learner(*policy, optimizer, &reference, settings);
    EXPECT_EQ(*learner.step(1, groups).kl_loss, 0.0) << kl;
    EXPECT_NE(*learner.step(2, groups).kl_loss, 0.0) << kl;
    EXPECT_EQ(*learner.step(3, groups).kl_loss, 0.0) << kl << ": refreshed after step 2";
  }
}

TEST(LearnerStep, TheEntropyBonusRaisesTheEntropy) {
  const auto entropy_after = [](double coef) {
    std::unique_ptr<Policy> policy = testing::tiny_policy(4);
    const std::vector<ScoredGroup> groups = sample_groups(*policy);
    LearnerSettings settings;
    settings.learner = learner_config(64);
    settings.learner.entropy_coef = coef;
    settings.steps = 10;
    Optimizer optimizer(*policy, settings.learner);
    Learner learner(*policy, optimizer, nullptr, settings);
    learner.step(1, groups);
    return *learner.step(2, groups).entropy;
  };
  EXPECT_GT(entropy_after(1.0), entropy_after(0.0));
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
  const LearnerStep step = Learner(*policy, optimizer, nullptr, settings).step(1, groups);
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
  const LearnerStep step = Learner(*policy, optimizer, nullptr, settings).step(1, groups);
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
    Learner(*policy, optimizer, nullptr, settings).step(1, groups);
    return all_values(*policy);
  };
  EXPECT_TRUE(same_bits(weights_after(true), weights_after(false)));
}

}  // namespace
}  // namespace retort
