// Property: a sample is a function of its id, its prompt and the weights, whatever runs beside it.
// The reference is each sample drawn alone; its log-probabilities are those of one packed forward,
// bit for bit.
#include "base/check.h"
#include "base/error.h"
#include "kernels/parallel.h"
#include "rollout/engine.h"
#include "tests/tiny_policy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

namespace retort {
namespace {

EngineSettings settings_with(double temperature = 1.0) {
  EngineSettings settings;
  settings.sampling.temperature = temperature;
  settings.sampling.seed = 5;
  settings.max_new_tokens = 40;
  settings.eos_ids = {2};
  settings.max_length = 96;
  return settings;
}

std::vector<GroupRequest> requests() {
  std::vector<GroupRequest> groups;
  for (uint32_t task = 0; task < 6; ++task) {
    GroupRequest group{{3, task, 0, 0}, task, {1}, 4};
    for (uint32_t t = 0; t < 3 + task * 7; ++t)
      group.prompt.push_back(static_cast<int32_t>(7 + (t * 11 + task * 5) % 40));
    groups.push_back(group);
  }
  return groups;
}

// What must not depend on the surroundings.
void expect_same(const std::vector<Sample>& a, const std::vector<Sample>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].id, b[i].id);
    EXPECT_EQ(a[i].tokens, b[i].tokens) << "sample " << i;
    EXPECT_EQ(a[i].logprobs, b[i].logprobs) << "sample " << i;
    EXPECT_EQ(a[i].entropies, b[i].entropies) << "sample " << i;
    EXPECT_EQ(a[i].kept_ids, b[i].kept_ids) << "sample " << i;
    EXPECT_EQ(a[i].stop, b[i].stop);
  }
}

std::vector<Sample> one_by_one(const Policy& policy, const EngineSettings& settings) {
  std::vector<Sample> samples;
  for (const GroupRequest& group : requests())
    for (uint32_t slot = 0; slot < group.count; ++slot) {
      GroupRequest alone = group;
      alone.first.slot = slot;
      alone.count = 1;
      samples.push_back(Engine(policy, settings).run({alone}).at(0));
    }
  return samples;
}

class EngineProperty : public ::testing::Test {
 protected:
  std::unique_ptr<Policy> policy_ = testing::tiny_policy(3);
};

TEST_F(EngineProperty, SamplesDoNotDependOnTheBatch) {
  const std::vector<Sample> alone = one_by_one(*policy_, settings_with());
  size_t lengths = 0;
  for (const Sample& sample : alone) lengths += static_cast<size_t>(sample.completion_length());
  EXPECT_GT(lengths, alone.size() * 3) << "the samples are too short to show anything";
  for (const int64_t sequences : {1, 3, 8, 64}) {
    EngineSettings settings = settings_with();
    settings.max_sequences = sequences;
    expect_same(Engine(*policy_, settings).run(requests()), alone);
  }
}

TEST_F(EngineProperty, ChunkedPrefillGivesTheSameBits) {
  const std::vector<Sample> whole = Engine(*policy_, settings_with()).run(requests());
  for (const int64_t tokens : {16, 17, 40}) {
    EngineSettings settings = settings_with();
    settings.max_sequences = 16;
    settings.max_batch_tokens = tokens;
    expect_same(Engine(*policy_, settings).run(requests()), whole);
  }
}

TEST_F(EngineProperty, ASmallCachePreemptsAndGivesTheSameBits) {
  const std::vector<Sample> whole = Engine(*policy_, settings_with()).run(requests());
  for (const int64_t pages : {7, 9, 12, 20}) {
    EngineSettings settings = settings_with();
    settings.cache_bytes = pages * kv_page_bytes(policy_->weights());
    Engine engine(*policy_, settings);
    expect_same(engine.run(requests()), whole);
    if (pages <= 9) {
      EXPECT_GT(engine.counters().preemptions, 0) << pages;
    }
  }
}

TEST_F(EngineProperty, ThreadsAndArrivalOrderChangeNothing) {
  const std::vector<Sample> whole = Engine(*policy_, settings_with()).run(requests());
  std::vector<GroupRequest> reversed = requests();
  std::reverse(reversed.begin(), reversed.end());
  for (const int threads : {1, 2, 3}) {
    kernels::set_threads(threads);
    expect_same(Engine(*policy_, settings_with()).run(reversed), whole);
  }
}

TEST_F(EngineProperty, APromptIsComputedOncePerGroup) {
  Engine engine(*policy_, settings_with());
  engine.run(requests());
  int64_t prompt_tokens = 0;
  for (const GroupRequest& group : requests())
    prompt_tokens += static_cast<int64_t>(group.prompt.size());
  EXPECT_EQ(engine.counters().prefill_tokens, prompt_tokens);
}

TEST_F(EngineProperty, LogprobsAreThoseOfOnePackedForward) {
  for (const double temperature : {1.0, 0.7}) {
    const std::vector<Sample> samples =
        Engine(*policy_, settings_with(temperature)).run(requests());
    for (const Sample& sample : samples) {
      const PackedSequences packed =
          pack_sequences({{sample.tokens.begin(), sample.tokens.end() - 1}});
      KvCache cache = make_kv_cache(policy_->weights(), packed.pages);
      std::vector<int64_t> rows;
      for (int32_t c = 0; c < sample.completion_length(); ++c)
        rows.push_back(sample.prompt_length + c - 1);
      const kernels::HeadResult head = policy_->logprob(
          policy_->select(policy_->hidden(packed.tokens, cache), rows),
          {sample.tokens.begin() + sample.prompt_length, sample.tokens.end()}, temperature);
      const auto* logp = head.logp_T.data_ptr<float>();
      EXPECT_EQ(std::vector<float>(logp, logp + sample.logprobs.size()), sample.logprobs);
    }
  }
}

TEST_F(EngineProperty, KeptSetsAreReplayed) {
  EngineSettings settings = settings_with();
  settings.sampling.top_k = 7;
  settings.sampling.top_p = 0.8;
  const std::vector<Sample> samples = Engine(*policy_, settings).run(requests());
  expect_same(samples, one_by_one(*policy_, settings));
  for (const Sample& sample : samples) {
    ASSERT_EQ(sample.kept_begin.size(), static_cast<size_t>(sample.completion_length()) + 1);
    for (int32_t c = 0; c < sample.completion_length(); ++c) {
      const auto begin = sample.kept_ids.begin() + sample.kept_begin[c],
                 end = sample.kept_ids.begin() + sample.kept_begin[c + 1];
      EXPECT_LE(end - begin, 7);
      EXPECT_TRUE(std::is_sorted(begin, end));
      EXPECT_TRUE(std::binary_search(begin, end, sample.tokens[sample.prompt_length + c]))
          << "a token outside its kept set";
    }
  }
}

TEST_F(EngineProperty, GreedyTakesTheLargestLogit) {
  EngineSettings settings = settings_with(0.0);
  const std::vector<Sample> samples = Engine(*policy_, settings).run({requests()[0]});
  for (const Sample& sample : samples) {
    EXPECT_EQ(sample.tokens, samples[0].tokens);
    const PackedSequences packed = pack_sequences({sample.tokens});
    KvCache cache = make_kv_cache(policy_->weights(), packed.pages);
    const at::Tensor logits = policy_->logits(policy_->hidden(packed.tokens, cache));
    for (int32_t c = 0; c < sample.completion_length(); ++c) {
      const auto* row = logits.data_ptr<float>() + (sample.prompt_length + c - 1) * 48;
      EXPECT_EQ(std::max_element(row, row + 48) - row, sample.tokens[sample.prompt_length + c]);
    }
  }
}

// 20,000 draws of one row against its probabilities: chi-squared with 47 degrees of freedom, far
// tail at 100.
TEST_F(EngineProperty, TokensFollowTheirProbabilities) {
  EngineSettings settings = settings_with();
  settings.max_new_tokens = 1;
  settings.max_length = 16;
  settings.max_sequences = 512;
  std::vector<GroupRequest> many;
  for (uint32_t task = 0; task < 20; ++task) many.push_back({{1, task, 0, 0}, 0, {1, 9, 33}, 1000});
  std::map<int32_t, double> seen;
  std::map<int32_t, double> probability;
  for (const Sample& sample : Engine(*policy_, settings).run(many)) {
    ++seen[sample.tokens.back()];
    probability[sample.tokens.back()] = std::exp(static_cast<double>(sample.logprobs[0]));
  }
  double chi = 0;
  for (const auto& [id, count] : seen) {
    const double expected = 20000 * probability[id];
    chi += (count - expected) * (count - expected) / expected;
  }
  EXPECT_LT(chi, 100.0);
}

TEST_F(EngineProperty, LogitsThatAreNoNumbersEndTheRun) {
  Weights weights = policy_->weights();
  weights.embedding.value.mul_(std::numeric_limits<float>::infinity());
  const Policy broken(std::move(weights));
  for (const double temperature : {0.0, 1.0}) {
    EngineSettings settings = settings_with();
    settings.sampling.temperature = temperature;
    EXPECT_THROW(Engine(broken, settings).run(requests()), InternalError) << temperature;
  }
}

TEST_F(EngineProperty, ASequenceThatFitsNowhereIsRefused) {
  EngineSettings settings = settings_with();
  settings.cache_bytes = 2 * kv_page_bytes(policy_->weights());
  Engine engine(*policy_, settings);
  EXPECT_THROW(engine.submit(requests()[5]), UserError);
  settings = settings_with();
  settings.max_new_tokens = 300;
  Engine longer(*policy_, settings);
  EXPECT_THROW(longer.submit(requests()[0]), UserError);
}

}  // namespace
}  // namespace retort
