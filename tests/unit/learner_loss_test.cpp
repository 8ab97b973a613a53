// Oracles: the clip table for epsilon 0.2 and the on-policy value of the clipped surrogate;
// derivatives by differences.
#include "learner/loss.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace retort {
namespace {

struct TokenResult {
  double loss;
  double dlogp;
  int64_t clipped;
};

TokenResult one_token(double ratio, double advantage, const ClipSettings& clip) {
  const std::vector<float> old_logp{-1.0f}, logp{static_cast<float>(-1.0 + std::log(ratio))},
      A{static_cast<float>(advantage)}, entropy{0.0f};
  std::vector<float> dlogp(1);
  LossSums sums;
  clipped_policy_loss(logp, old_logp, A, entropy, clip, 1.0, dlogp, sums);
  return {sums.loss, dlogp[0], sums.clipped};
}

struct ClipRow {
  double ratio, advantage, objective;
  bool gradient;
};

TEST(Loss, ClipTable) {
  for (const ClipRow& row : {ClipRow{1.5, 1, 1.2, false},
                             {1.5, -1, -1.5, true},
                             {0.5, -1, -0.8, false},
                             {0.5, 1, 0.5, true}}) {
    const TokenResult result = one_token(row.ratio, row.advantage, {0.2, 0.2});
    EXPECT_NEAR(-result.loss, row.objective, 1e-6) << row.ratio << ' ' << row.advantage;
    EXPECT_EQ(result.dlogp != 0.0, row.gradient) << row.ratio << ' ' << row.advantage;
    EXPECT_EQ(result.clipped, row.gradient ? 0 : 1);
    if (row.gradient) {
      EXPECT_NEAR(result.dlogp, -row.ratio * row.advantage, 1e-6);
    }
  }
}

TEST(Loss, WithAWideClipOnlyLargeRatiosOfGoodTokensAreCut) {
  EXPECT_EQ(one_token(10.9, 1, {10, 10}).clipped, 0);
  EXPECT_EQ(one_token(11.1, 1, {10, 10}).clipped, 1);
  EXPECT_EQ(one_token(1e-3, -1, {10, 10}).clipped, 0);
}

TEST(Loss, TheUpperAndLowerBoundsAreTheirOwn) {
  EXPECT_NEAR(-one_token(2.0, 1, {0.2, 0.28}).loss, 1.28, 1e-6);
  EXPECT_NEAR(-one_token(0.1, -1, {0.3, 0.28}).loss, -0.7, 1e-6);
}

TEST(Loss, OnPolicyTheRatioIsExactlyOne) {
  const std::vector<float> logp{-0.3f, -2.7f, -1e-8f, -30.0f};
  const std::vector<float> A{0.7f, -0.7f, 0.25f, -0.25f}, entropy(4, 0.5f);
  std::vector<float> dlogp(4);
  LossSums sums;
  clipped_policy_loss(logp, logp, A, entropy, {0.2, 0.2}, 4.0, dlogp, sums);
  EXPECT_EQ(sums.loss, 0.0);  // the advantages sum to zero and every ratio is one
  EXPECT_EQ(sums.clipped, 0);
  for (size_t t = 0; t < 4; ++t) EXPECT_EQ(dlogp[t], -A[t] / 4.0f);
  EXPECT_DOUBLE_EQ(sums.entropy, 2.0);
}

TEST(Loss, DerivativeIsTheDifferenceQuotient) {
  const ClipSettings clip{0.2, 0.28};
  for (const double ratio : {0.7, 0.9, 1.0, 1.1, 1.5})
    for (const double advantage : {1.3, -0.4}) {
      const double h = 1e-3;
      const auto value = [&](double shift) {
        return one_token(ratio * std::exp(shift), advantage, clip).loss;
      };
      EXPECT_NEAR(one_token(ratio, advantage, clip).dlogp, (value(h) - value(-h)) / (2 * h), 2e-3)
          << ratio << ' ' << advantage;
    }
}

TEST(Loss, SumsContinueFromPieceToPiece) {
  std::vector<float> logp, old_logp, A, entropy;
  for (int t = 0; t < 100; ++t) {
    logp.push_back(-0.01f * static_cast<float>(t * 37 % 101));
    old_logp.push_back(-0.01f * static_cast<float>(t * 53 % 101));
    A.push_back(t % 3 ? 0.3f : -0.6f);
    entropy.push_back(0.1f * static_cast<float>(t % 7));
  }
  std::vector<float> whole(100), pieces(100);
  LossSums a, b;
  clipped_policy_loss(logp, old_logp, A, entropy, {}, 100, whole, a);
  for (size_t begin = 0; begin < 100;) {
    const size_t count = std::min<size_t>(begin % 13 + 1, 100 - begin);
    clipped_policy_loss(
        std::span(logp).subspan(begin, count), std::span(old_logp).subspan(begin, count),
        std::span(A).subspan(begin, count), std::span(entropy).subspan(begin, count), {}, 100,
        std::span(pieces).subspan(begin, count), b);
    begin += count;
  }
  EXPECT_EQ(a.loss, b.loss);
  EXPECT_EQ(a.entropy, b.entropy);
  EXPECT_EQ(a.clipped, b.clipped);
  EXPECT_EQ(whole, pieces);
}

TEST(Loss, LikelihoodPullsEveryTokenUpAlike) {
  const std::vector<float> logp{-1.0f, -2.0f};
  std::vector<float> dlogp(2);
  LossSums sums;
  likelihood_loss(logp, 4.0, dlogp, sums);
  EXPECT_DOUBLE_EQ(sums.loss, 3.0);
  EXPECT_EQ(dlogp, (std::vector<float>{-0.25f, -0.25f}));
}

}  // namespace
}  // namespace retort
