#include "base/check.h"
#include "kernels/head/head_op.h"
#include "kernels/operation_test.h"
#include "kernels/testing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace retort::kernels {
namespace {

constexpr int64_t T = 21, D = 40, V = 53;

struct Kept {
  std::vector<int32_t> ids;
  std::vector<int64_t> begin = {0};
  at::Tensor mask_TV;
};

Kept random_kept(const std::vector<int32_t>& targets) {
  Kept kept;
  kept.mask_TV = random_tensor({T, V}, 9).gt(0.2);
  for (int64_t t = 0; t < T; ++t) {
    bool* row = kept.mask_TV.data_ptr<bool>() + t * V;
    row[targets[t]] = true;
    for (int32_t v = 0; v < V; ++v) {
      if (row[v]) kept.ids.push_back(v);
    }
    kept.begin.push_back(static_cast<int64_t>(kept.ids.size()));
  }
  return kept;
}

void expect_gradients(double temperature, bool use_kept) {
  const at::Tensor hidden = random_leaf({T, D}, 1);
  Parameter weight = random_parameter({V, D}, 2);
  const std::vector<int32_t> targets = random_ids(T, V, 3);
  const Kept kept = random_kept(targets);
  const at::Tensor ids = use_kept ? int_tensor(kept.ids) : at::Tensor();
  const at::Tensor begin = use_kept ? long_tensor(kept.begin) : at::Tensor();
  expect_like_plain({{hidden},
                     {&weight},
                     [&] {
                       const HeadResult result = head_logprob(hidden, weight, int_tensor(targets),
                                                              temperature, ids, begin);
                       return std::vector<at::Tensor>{result.logp_T, result.entropy_T};
                     },
                     [&](const auto& in, const auto& values) {
                       const HeadResult result =
                           head_plain(in[0], values[0], int_tensor(targets), temperature,
                                      use_kept ? kept.mask_TV : at::Tensor());
                       return std::vector<at::Tensor>{result.logp_T, result.entropy_T};
                     }});
}

TEST(Head, WholeVocabulary) { expect_gradients(1.0, false); }
TEST(Head, Temperature) { expect_gradients(0.6, false); }
TEST(Head, KeptSets) { expect_gradients(1.3, true); }

// Only one of the two results is used: the other's gradient is absent, not garbage.
TEST(Head, OneResultUsed) {
  const at::Tensor hidden = random_leaf({T, D}, 1), again = random_leaf({T, D}, 1);
  Parameter weight = random_parameter({V, D}, 2);
  const at::Tensor targets = int_tensor(random_ids(T, V, 3));
  head_logprob(hidden, weight, targets, 1.0, {}, {}).logp_T.sum().backward();
  const HeadResult both = head_logprob(again, weight, targets, 1.0, {}, {});
  both.logp_T.sum().add(both.entropy_T.mul(0.0).sum()).backward();
  EXPECT_TRUE(bitwise_equal(values_of(hidden.grad()), values_of(again.grad())));
  const at::Tensor third = random_leaf({T, D}, 1);
  head_logprob(third, weight, targets, 1.0, {}, {}).entropy_T.sum().backward();
  EXPECT_TRUE(third.grad().defined());
}

// The sampler's row function and the learner's fused call give one bit pattern.
TEST(Head, RolloutAndLearnerAgree) {
  const at::Tensor hidden = random_tensor({T, D}, 1);
  Parameter weight = random_parameter({V, D}, 2);
  const std::vector<int32_t> targets = random_ids(T, V, 3);
  const Kept kept = random_kept(targets);
  const at::Tensor logits = head_logits(hidden, weight);
  const HeadResult result = head_logprob(hidden, weight, int_tensor(targets), 0.7,
                                         int_tensor(kept.ids), long_tensor(kept.begin));
  for (int64_t t = 0; t < T; ++t) {
    std::vector<float> scaled(V);
    const RowSoftmax row =
        head_row(logits.data_ptr<float>() + t * V, V, kept.ids.data() + kept.begin[t],
                 kept.begin[t + 1] - kept.begin[t], 0.7f, scaled.data());
    EXPECT_EQ(row_logprob(row, scaled[targets[t]]), values_of(result.logp_T)[t]);
    EXPECT_EQ(row.entropy, values_of(result.entropy_T)[t]);
  }
}

TEST(Head, UniformLogits) {
  std::vector<float> logits(V, 3.0f);
  const RowSoftmax row = head_row(logits.data(), V, nullptr, V, 1.0f, logits.data());
  EXPECT_NEAR(row.entropy, std::log(static_cast<double>(V)), 1e-6);
  EXPECT_NEAR(row_logprob(row, 3.0f), -std::log(static_cast<double>(V)), 1e-6);
}

// A kept set of one id: log-probability and entropy are exactly 0.
TEST(Head, OneKeptId) {
  std::vector<float> logits = random_floats(V, 1);
  const int32_t id = 17;
  const RowSoftmax row = head_row(logits.data(), V, &id, 1, 0.5f, logits.data());
  EXPECT_EQ(row_logprob(row, logits[id]), 0.0f);
  EXPECT_EQ(row.entropy, 0.0f);
}

TEST(Head, WrongArgumentsAreOurBug) {
  const at::Tensor hidden = random_tensor({1, D}, 1);
  Parameter weight = random_parameter({V, D}, 2);
  EXPECT_THROW(head_logprob(hidden, weight, int_tensor({V}), 1.0, {}, {}), InternalError);
  EXPECT_THROW(head_logprob(hidden, weight, int_tensor({1}), 0.0, {}, {}), InternalError);
  const auto with_kept = [&](const std::vector<int32_t>& ids) {
    return head_logprob(hidden, weight, int_tensor({1}), 1.0, int_tensor(ids),
                        long_tensor({0, static_cast<int64_t>(ids.size())}));
  };
  EXPECT_THROW(with_kept({2, 1}), InternalError);
  EXPECT_THROW(with_kept({2, 3}), InternalError);
  EXPECT_THROW(with_kept({1, V}), InternalError);
  EXPECT_NO_THROW(with_kept({1, 3}));
}

}  // namespace
}  // namespace retort::kernels
