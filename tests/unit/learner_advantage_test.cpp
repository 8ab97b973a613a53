// Oracles: GRPO's worked example (R1 2501.12948), Dr. GRPO and V3.2 (2512.02556), leave-one-out and
// global normalisation by hand for group rewards [1, 0, 0, 0].
#include "base/error.h"
#include "learner/advantage/advantage.h"
#include "learner/advantage/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace retort {
namespace {

const std::vector<double> kOneRight{1, 0, 0, 0};

std::vector<double> of_group(const std::string& name, const std::vector<double>& rewards,
                             const AdvantageSettings& settings) {
  return find_advantage(name)({rewards}, settings).front();
}

void expect_near(const std::vector<double>& values, const std::vector<double>& expected) {
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], expected[i], 1e-7);
}

TEST(Advantage, GrpoWithTheStandardDeviationOfThePopulation) {
  expect_near(of_group("grpo", kOneRight, {0, 0.0}),
              {1.7320508, -0.5773503, -0.5773503, -0.5773503});
}

TEST(Advantage, GrpoWithTheStandardDeviationOfTheSample) {
  expect_near(of_group("grpo", kOneRight, {1, 0.0}), {1.5, -0.5, -0.5, -0.5});
}

TEST(Advantage, DrGrpoOnlyCentres) {
  expect_near(of_group("dr_grpo", kOneRight, {1, 1e-6}), {0.75, -0.25, -0.25, -0.25});
}

TEST(Advantage, RlooTakesTheOthersMean) {
  expect_near(of_group("rloo", kOneRight, {1, 1e-6}), {1.0, -1.0 / 3, -1.0 / 3, -1.0 / 3});
  const std::vector<double> rewards{0.3, 0.9, 0.1};
  expect_near(of_group("rloo", rewards, {}), {0.3 - 0.5, 0.9 - 0.2, 0.1 - 0.6});
}

TEST(Advantage, ReinforcePpNormalisesOverTheStep) {
  // mean 3/8, population std sqrt(15)/8
  const GroupRewards advantages =
      find_advantage("reinforce_pp")({{1, 0, 0, 0}, {1, 1, 0, 0}}, {0, 0.0});
  ASSERT_EQ(advantages.size(), 2u);
  const double up = 5 / std::sqrt(15.0), down = -3 / std::sqrt(15.0);
  expect_near(advantages[0], {up, down, down, down});
  expect_near(advantages[1], {up, up, down, down});
}

TEST(Advantage, ReinforcePpLearnsFromAFlatGroupBesideOthers) {
  const GroupRewards advantages =
      find_advantage("reinforce_pp")({{1, 1}, {0, 0}, {0, 0}}, {0, 0.0});
  expect_near(advantages[0], {std::sqrt(2.0), std::sqrt(2.0)});
  expect_near(advantages[1], {-std::sqrt(0.5), -std::sqrt(0.5)});
}

TEST(Advantage, EpsilonIsAddedToTheDeviation) {
  const double deviation = standard_deviation(kOneRight, 0);
  EXPECT_DOUBLE_EQ(of_group("grpo", kOneRight, {0, 0.5})[0], 0.75 / (deviation + 0.5));
}

// Every row of the table, so that a new one is tested too.
TEST(Advantage, EqualRewardsGiveExactlyZeroWhateverTheEpsilon) {
  for (const AdvantageRow& row : advantage_rows())
    for (const double reward : {0.0, 1.0, 0.1})
      EXPECT_EQ(row.make({std::vector<double>(7, reward)}, {1, 0.0}).front(),
                std::vector<double>(7, 0.0))
          << row.name;
}

TEST(Advantage, OneGroupAloneSumsToZeroAndKeepsTheOrder) {
  const std::vector<double> rewards{0.3, 0.9, 0.1, 0.4, 0.4};
  for (const AdvantageRow& row : advantage_rows()) {
    const std::vector<double> advantages = row.make({rewards}, {}).front();
    double sum = 0;
    for (const double advantage : advantages) sum += advantage;
    EXPECT_NEAR(sum, 0.0, 1e-12) << row.name;
    for (size_t i = 0; i < rewards.size(); ++i)
      for (size_t j = 0; j < rewards.size(); ++j)
        EXPECT_EQ(rewards[i] < rewards[j], advantages[i] < advantages[j]) << row.name;
  }
}

TEST(Advantage, AGroupOfOneIsZero) {
  for (const AdvantageRow& row : advantage_rows())
    EXPECT_EQ(row.make({{0.7}}, {}).front(), std::vector<double>{0.0}) << row.name;
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
