// Oracles: GRPO's worked example (R1 2501.12948), Dr. GRPO and V3.2 (2512.02556) for group rewards
// [1, 0, 0, 0].
#include "base/error.h"
#include "learner/advantage.h"

#include <gtest/gtest.h>

namespace retort {
namespace {

const std::vector<double> kOneRight{1, 0, 0, 0};

void expect_near(const std::vector<double>& values, const std::vector<double>& expected) {
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], expected[i], 1e-7);
}

TEST(Advantage, GrpoWithTheStandardDeviationOfThePopulation) {
  expect_near(find_advantage("grpo")(kOneRight, {0, 0.0}),
              {1.7320508, -0.5773503, -0.5773503, -0.5773503});
}

TEST(Advantage, GrpoWithTheStandardDeviationOfTheSample) {
  expect_near(find_advantage("grpo")(kOneRight, {1, 0.0}), {1.5, -0.5, -0.5, -0.5});
}

TEST(Advantage, DrGrpoOnlyCentres) {
  expect_near(find_advantage("dr_grpo")(kOneRight, {1, 1e-6}), {0.75, -0.25, -0.25, -0.25});
}

TEST(Advantage, EpsilonIsAddedToTheDeviation) {
  const double deviation = standard_deviation(kOneRight, 0);
  EXPECT_DOUBLE_EQ(find_advantage("grpo")(kOneRight, {0, 0.5})[0], 0.75 / (deviation + 0.5));
}

TEST(Advantage, EqualRewardsGiveExactlyZeroWhateverTheEpsilon) {
  for (const char* name : {"grpo", "dr_grpo"})
    for (const double reward : {0.0, 1.0, 0.1})
      for (const double advantage : find_advantage(name)(std::vector<double>(7, reward), {1, 0.0}))
        EXPECT_EQ(advantage, 0.0);
}

TEST(Advantage, SumsToZero) {
  const std::vector<double> rewards{0.3, 0.9, 0.1, 0.4, 0.4};
  double sum = 0;
  for (const double advantage : find_advantage("grpo")(rewards, {1, 1e-6})) sum += advantage;
  EXPECT_NEAR(sum, 0.0, 1e-12);
}

TEST(Advantage, AnUnknownNameIsNamedWithTheKnownOnes) {
  try {
    find_advantage("grop");
    FAIL();
  } catch (const UserError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("[learner.advantage]"), std::string::npos);
    EXPECT_NE(text.find("did you mean"), std::string::npos);
  }
}

}  // namespace
}  // namespace retort
