// Oracles: the clip table for epsilon 0.2 and the on-policy value of the clipped surrogate; KL
// estimates against the exact KL and its gradient for three tokens (DeepSeek-V3.2 2512.02556);
// the off-policy mask's table; every derivative by differences.
#include "learner/loss/aggregation.h"
#include "learner/loss/loss.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

namespace retort {
namespace {

LossSettings settings_of(const std::string& policy_loss, const ClipSettings& clip) {
  LossSettings settings;
  settings.policy = find_policy_loss(policy_loss);
  settings.clip = clip;
  return settings;
}

struct Result {
  LossSums sums;
  std::vector<float> dlogp, dentropy;
};

// A sequence with old log-probabilities of -1 and the given log ratios to them.
Result run(const LossSettings& settings, const std::vector<double>& log_ratios, double advantage,
           double normaliser = 1.0, const std::vector<float>& reference = {}) {
  const size_t T = log_ratios.size();
  std::vector<float> logp, old_logp(T, -1.0f), entropy(T, 0.5f);
  for (const double log_ratio : log_ratios) logp.push_back(static_cast<float>(-1.0 + log_ratio));
  Result result{{}, std::vector<float>(T), std::vector<float>(T)};
  sequence_loss({logp, old_logp, reference, entropy, advantage, normaliser}, settings, result.dlogp,
                result.dentropy, result.sums);
  return result;
}

Result one_token(double ratio, double advantage, const ClipSettings& clip) {
  return run(settings_of("clip", clip), {std::log(ratio)}, advantage);
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
    const Result result = one_token(row.ratio, row.advantage, {0.2, 0.2, 0});
    EXPECT_NEAR(-result.sums.loss, row.objective, 1e-6) << row.ratio << ' ' << row.advantage;
    EXPECT_EQ(result.dlogp[0] != 0.0, row.gradient) << row.ratio << ' ' << row.advantage;
    EXPECT_EQ(result.sums.clipped, row.gradient ? 0 : 1);
    if (row.gradient) {
      EXPECT_NEAR(result.dlogp[0], -row.ratio * row.advantage, 1e-6);
    }
  }
}

TEST(Loss, WithAWideClipOnlyLargeRatiosOfGoodTokensAreCut) {
  EXPECT_EQ(one_token(10.9, 1, {10, 10, 0}).sums.clipped, 0);
  EXPECT_EQ(one_token(11.1, 1, {10, 10, 0}).sums.clipped, 1);
  EXPECT_EQ(one_token(1e-3, -1, {10, 10, 0}).sums.clipped, 0);
}

TEST(Loss, TheUpperAndLowerBoundsAreTheirOwn) {
  EXPECT_NEAR(-one_token(2.0, 1, {0.2, 0.28, 0}).sums.loss, 1.28, 1e-6);
  EXPECT_NEAR(-one_token(0.1, -1, {0.3, 0.28, 0}).sums.loss, -0.7, 1e-6);
}

TEST(Loss, TheDualClipBoundsBadTokensOnly) {
  const ClipSettings dual{0.2, 0.2, 3.0};
  EXPECT_NEAR(one_token(5.0, -2, dual).sums.loss, 6.0, 1e-5);
  EXPECT_EQ(one_token(5.0, -2, dual).dlogp[0], 0.0f);
  EXPECT_NEAR(one_token(2.9, -2, dual).sums.loss, 5.8, 1e-5);
  EXPECT_NEAR(one_token(5.0, 2, dual).sums.loss, -2.4, 1e-5);
}

TEST(Loss, OnPolicyTheRatioIsExactlyOne) {
  LossSums sums;
  const std::vector<float> logp{-0.3f, -2.7f, -1e-8f, -30.0f}, entropy(4, 0.5f);
  std::vector<float> dlogp(4);
  for (const double A : {0.75, -0.75}) {
    sequence_loss({logp, logp, {}, entropy, A, 4.0}, settings_of("clip", {}), dlogp, {}, sums);
    for (size_t t = 0; t < 4; ++t) EXPECT_EQ(dlogp[t], static_cast<float>(-A / 4.0));
  }
  EXPECT_EQ(sums.loss, 0.0);  // the advantages sum to zero and every ratio is one
  EXPECT_EQ(sums.clipped, 0);
  EXPECT_DOUBLE_EQ(sums.entropy, 4.0);
}

TEST(Loss, CispoKeepsEveryTokensGradientWithABoundedWeight) {
  const LossSettings cispo = settings_of("cispo", {1.0, 4.0, 0});
  for (const double advantage : {1.5, -0.5}) {
    EXPECT_NEAR(run(cispo, {std::log(9.0)}, advantage).dlogp[0], -5.0 * advantage, 1e-5);
    EXPECT_NEAR(run(cispo, {std::log(0.1)}, advantage).dlogp[0], -0.1 * advantage, 1e-6);
    EXPECT_NEAR(run(cispo, {std::log(2.0)}, advantage).sums.loss,
                -2.0 * advantage * (-1.0 + std::log(2.0)), 1e-5);
  }
  EXPECT_EQ(run(cispo, {std::log(9.0), 0.0}, 1.0).sums.clipped, 1);
}

TEST(Loss, ASequencesRatioIsTheGeometricMeanOfItsTokens) {
  LossSettings gspo = settings_of("clip", {0.2, 0.2, 0});
  gspo.sequence_ratio = true;
  const Result result = run(gspo, {0.3, -0.2, 0.05}, 1.0, 3.0);
  const double s = std::exp(0.05);
  EXPECT_NEAR(result.sums.loss, -s, 1e-6);  // three tokens of -s, divided by three
  for (const float d : result.dlogp) EXPECT_NEAR(d, -s / 3, 1e-6);
  EXPECT_EQ(run(gspo, {0.3, 0.3, 0.3}, 1.0, 3.0).sums.clipped, 3);  // the whole sequence or none
}

// d loss / d logp of the token at `at` by differences of the whole sequence's loss.
double difference(const LossSettings& settings, std::vector<double> log_ratios, double advantage,
                  size_t at, double coef_kl, const std::vector<float>& reference) {
  const double h = 1e-3;
  const auto value = [&](double shift) {
    std::vector<double> shifted = log_ratios;
    shifted[at] += shift;
    const Result result = run(settings, shifted, advantage, 2.0, reference);
    return result.sums.loss + coef_kl * result.sums.kl;
  };
  return (value(h) - value(-h)) / (2 * h);
}

TEST(Loss, DerivativesAreDifferenceQuotients) {
  const std::vector<double> log_ratios{0.1, -0.05, 0.02};
  const std::vector<float> reference{-1.3f, -0.4f, -1.0f};
  for (const bool sequence_ratio : {false, true})
    for (const KlRow& kl : kl_rows())
      for (const double advantage : {1.3, -0.4}) {
        LossSettings settings = settings_of("clip", {0.2, 0.28, 0});
        settings.sequence_ratio = sequence_ratio;
        settings.kl = kl.make;
        settings.kl_coef = 0.5;
        const Result result = run(settings, log_ratios, advantage, 2.0, reference);
        for (size_t t = 0; t < log_ratios.size(); ++t)
          EXPECT_NEAR(result.dlogp[t],
                      difference(settings, log_ratios, advantage, t, 0.5, reference), 2e-3)
              << kl.name << ' ' << advantage << ' ' << sequence_ratio;
      }
}

TEST(Loss, K3IsNeverNegativeAndZeroForEqualPolicies) {
  const KlFunction k3 = find_kl("k3");
  EXPECT_EQ(k3(0.0, 1.0).value, 0.0);
  EXPECT_EQ(k3(0.0, 1.0).dlogp, 0.0);
  EXPECT_NEAR(k3(-std::log(3.0), 1.0).value, 0.901387711, 1e-9);
  for (const double d : {-2.0, -0.1, 0.1, 2.0}) EXPECT_GT(k3(d, 1.0).value, 0.0);
}

// Expectation over samples of pi_old of a KL estimate and of its gradient in the logits.
struct Expected {
  double value = 0;
  std::array<double, 3> gradient{};
};
Expected expectation(const std::string& name) {
  const std::array<double, 3> old{.5, .3, .2}, pi{.2, .5, .3}, reference{.6, .3, .1};
  Expected expected;
  for (size_t token = 0; token < 3; ++token) {
    const KlTerm term =
        find_kl(name)(std::log(pi[token] / reference[token]), pi[token] / old[token]);
    expected.value += old[token] * term.value;
    for (size_t logit = 0; logit < 3; ++logit)
      expected.gradient[logit] +=
          old[token] * term.dlogp * ((token == logit ? 1.0 : 0.0) - pi[logit]);
  }
  return expected;
}

TEST(Loss, TheUnbiasedKlIsExactInExpectationForSamplesOfTheOldPolicy) {
  const Expected unbiased = expectation("unbiased");
  EXPECT_NEAR(unbiased.value, 0.3652740407, 1e-9);
  EXPECT_NEAR(unbiased.gradient[0], -.29277727, 1e-7);
  EXPECT_NEAR(unbiased.gradient[1], .07277579, 1e-7);
  EXPECT_NEAR(unbiased.gradient[2], .22000147, 1e-7);
}

TEST(Loss, PlainK3IsNot) {
  const Expected plain = expectation("k3");
  EXPECT_NEAR(plain.value, .5703306672, 1e-9);
  EXPECT_NEAR(plain.gradient[0], -.85066667, 1e-7);
  EXPECT_NEAR(plain.gradient[1], .49333333, 1e-7);
  EXPECT_NEAR(plain.gradient[2], .35733333, 1e-7);
}

TEST(Loss, OffPolicyMaskTakesBadSequencesFarFromThePolicyOut) {
  LossSettings settings = settings_of("clip", {0.2, 0.2, 0});
  settings.off_policy_mask_threshold = 1.0;
  settings.kl = find_kl("k3");
  settings.kl_coef = 1.0;
  const auto masked = [&](double advantage, double mean_log_old_over_new) {
    const Result result = run(settings, {-mean_log_old_over_new - 0.5, 0.5 - mean_log_old_over_new},
                              advantage, 1.0, {-2.0f, -2.0f});
    EXPECT_NE(result.sums.kl, 0.0) << "the KL term stays";
    EXPECT_EQ(result.sums.masked_sequences == 1, result.sums.loss == 0.0);
    return result.sums.masked_sequences;
  };
  EXPECT_EQ(masked(1.0, 2.0), 0);
  EXPECT_EQ(masked(-1.0, 0.5), 0);
  EXPECT_EQ(masked(-1.0, 2.0), 1);
}

TEST(Loss, EntropyBonusPullsTheEntropyUp) {
  LossSettings settings = settings_of("clip", {});
  settings.entropy_coef = 0.01;
  for (const float d : run(settings, {0.0, 0.0}, 0.0, 4.0).dentropy) EXPECT_FLOAT_EQ(d, -0.0025f);
}

TEST(Loss, AggregationWeighsTokensAsItsNameSays) {
  // Two sequences of 1 and 3 tokens, every token loss 1.
  const auto total = [](const std::string& name, double scale) {
    double sum = 0;
    for (const int64_t length : {1, 3})
      sum += static_cast<double>(length) / find_aggregation(name)({length, 4, 2, scale});
    return sum;
  };
  EXPECT_DOUBLE_EQ(total("token-mean", 1), 1.0);
  EXPECT_DOUBLE_EQ(total("seq-mean-token-mean", 1), 1.0);
  EXPECT_DOUBLE_EQ(total("seq-mean-token-sum-norm", 8), 4.0 / 2 / 8);
  EXPECT_DOUBLE_EQ(find_aggregation("token-mean")({3, 4, 2, 1}), 4);
  EXPECT_DOUBLE_EQ(find_aggregation("seq-mean-token-mean")({3, 4, 2, 1}), 6);
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
