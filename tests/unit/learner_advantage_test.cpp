// Oracles: tests/cases/advantage.case (worked out by hand), and properties of every row.
#include "base/error.h"
#include "learner/advantage/advantage.h"
#include "learner/advantage/statistics.h"
#include "tests/cases/case_runner.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <sstream>

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

// "1 0, 1 1": two groups.
GroupRewards groups_of(const std::string& text) {
  GroupRewards groups(1);
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const bool last = word.ends_with(',');
    groups.back().push_back(std::stod(word));
    if (last) groups.emplace_back();
  }
  return groups;
}

// Every row of the table has a case.
TEST(Advantage, Cases) {
  std::set<std::string> names;
  tests::run_cases("advantage.case", [&](const tests::TextCase& one) {
    const std::string name = one.require("advantage");
    names.insert(name);
    const AdvantageSettings settings{std::stoll(one.get("ddof", "1")),
                                     std::stod(one.get("eps", "0"))};
    const GroupRewards advantages =
        find_advantage(name)(groups_of(one.require("rewards")), settings);
    const GroupRewards expected = groups_of(one.require("advantages"));
    ASSERT_EQ(advantages.size(), expected.size());
    for (size_t g = 0; g < expected.size(); ++g) expect_near(advantages[g], expected[g]);
  });
  for (const AdvantageRow& row : advantage_rows())
    EXPECT_TRUE(names.contains(std::string(row.name))) << row.name << " has no case";
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

TEST(Advantage, ABetterSampleIsNeverPushedLess) {
  const std::vector<double> rewards{0.3, 0.9, 0.1, 0.4, 0.4};
  for (const AdvantageRow& row : advantage_rows()) {
    const std::vector<double> advantages = row.make({rewards}, {}).front();
    for (size_t i = 0; i < rewards.size(); ++i)
      for (size_t j = 0; j < rewards.size(); ++j)
        EXPECT_TRUE(rewards[i] > rewards[j] || advantages[i] <= advantages[j]) << row.name;
    EXPECT_GT(advantages[1], 0.0) << row.name;
    EXPECT_LT(advantages[2], 0.0) << row.name;
  }
}

// Rewards less a baseline.
TEST(Advantage, OneGroupAloneSumsToZeroAndKeepsTheOrder) {
  const std::vector<double> rewards{0.3, 0.9, 0.1, 0.4, 0.4};
  for (const char* name : {"grpo", "dr_grpo", "rloo", "reinforce_pp"}) {
    const std::vector<double> advantages = of_group(name, rewards, {});
    double sum = 0;
    for (const double advantage : advantages) sum += advantage;
    EXPECT_NEAR(sum, 0.0, 1e-12) << name;
    for (size_t i = 0; i < rewards.size(); ++i)
      for (size_t j = 0; j < rewards.size(); ++j)
        EXPECT_EQ(rewards[i] < rewards[j], advantages[i] < advantages[j]) << name;
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
