// What eval reports: pass@k against all subsets, intervals against published values and by how
// often they hold the truth.
#include "base/philox.h"
#include "tools/retort/evaluation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace retort {
namespace {

TEST(Evaluation, PassAtKIsTheShareOfSubsetsWithARightAnswer) {
  for (const int64_t n : {1, 2, 5, 8})
    for (int64_t c = 0; c <= n; ++c)
      for (int64_t k = 1; k <= n; ++k) {
        int64_t subsets = 0, hits = 0;  // samples 0 … c - 1 are right
        for (uint32_t set = 0; set < (1u << n); ++set) {
          if (std::popcount(set) != k) continue;
          ++subsets;
          hits += (set & ((1u << c) - 1)) != 0 ? 1 : 0;
        }
        EXPECT_NEAR((EvaluationCell{{c}}).pass_at(k, n),
                    static_cast<double>(hits) / static_cast<double>(subsets), 1e-12)
            << n << ' ' << c << ' ' << k;
      }
  EXPECT_NEAR((EvaluationCell{{0, 8}}).pass_at(8, 8), 0.5, 1e-12);  // a mean over tasks
}

TEST(Evaluation, OneSampleATaskHasWilsonsInterval) {
  const auto cell = [](size_t right, size_t n) {
    EvaluationCell tasks{std::vector<int64_t>(n, 0)};
    std::fill_n(tasks.right.begin(), right, 1);
    return tasks.ci95(1);
  };
  // Newcombe 1998, Table I, method 3: 81/263, 15/148, 0/20, 1/29.
  EXPECT_NEAR(cell(81, 263).first, 0.2553, 5e-5);
  EXPECT_NEAR(cell(81, 263).second, 0.3662, 5e-5);
  EXPECT_NEAR(cell(15, 148).first, 0.0624, 5e-5);
  EXPECT_NEAR(cell(15, 148).second, 0.1605, 5e-5);
  EXPECT_NEAR(cell(0, 20).first, 0.0, 5e-5);
  EXPECT_NEAR(cell(0, 20).second, 0.1611, 5e-5);
  EXPECT_NEAR(cell(1, 29).first, 0.0061, 5e-5);
  EXPECT_NEAR(cell(1, 29).second, 0.1718, 5e-5);
}

TEST(Evaluation, AlikeSamplesAreWorthTheirTasksAndUnlikeOnesThemselves) {
  const EvaluationCell alike{{8, 8, 8, 0, 0, 0}}, all_right{{8, 8, 8}}, none{};
  EXPECT_EQ(alike.ci95(8), (EvaluationCell{{1, 1, 1, 0, 0, 0}}).ci95(1));
  EXPECT_EQ(all_right.ci95(8), (EvaluationCell{{1, 1, 1}}).ci95(1)) << "certain of nothing";
  const EvaluationCell unlike{{4, 4, 4, 4, 4, 4, 4, 3, 5}};
  EvaluationCell flat{std::vector<int64_t>(72, 0)};
  std::fill_n(flat.right.begin(), 36, 1);
  EXPECT_EQ(unlike.ci95(8), flat.ci95(1));
  EXPECT_EQ(none.ci95(8), std::pair(0.0, 1.0));
}

TEST(Evaluation, IntervalsHoldTheTruthNineteenTimesInTwenty) {
  PhiloxStream stream({7, Purpose::kEvaluation, 0}, 0, 0, 0);
  const auto uniform = [&] { return stream.uniform(); };
  for (const double power : {0.3, 1.0, 4.0}) {  // a task's p is u^power: mean 1 / (1 + power)
    const double truth = 1 / (1 + power);
    int held = 0;
    constexpr int kRounds = 4000;
    for (int round = 0; round < kRounds; ++round) {
      EvaluationCell cell;
      for (int task = 0; task < 40; ++task) {
        const double p = std::pow(uniform(), power);
        int64_t right = 0;
        for (int sample = 0; sample < 8; ++sample) right += uniform() < p ? 1 : 0;
        cell.right.push_back(right);
      }
      const auto [low, high] = cell.ci95(8);
      held += low <= truth && truth <= high ? 1 : 0;
    }
    EXPECT_GT(held, kRounds * 0.93) << power;
    EXPECT_LT(held, kRounds * 0.975) << power;
  }
}

}  // namespace
}  // namespace retort
