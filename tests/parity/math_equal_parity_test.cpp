// math_equal against SymPy (math_equal.jsonl, made by make_math_fixtures.py): pairs of texts that
// are the same number and pairs that are not. None may be accepted that differs; every text here is
// within what is read.
#include "rewards/registry.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <string>

namespace retort::tests {
namespace {

TEST(MathEqualParity, EveryPairIsDecidedAsSymPyDoes) {
  const auto reward = make_reward("math_equal", "[rewards]");
  std::ifstream file("tests/parity/math_equal.jsonl");
  int equal = 0, different = 0;
  for (std::string line; std::getline(file, line);) {
    const nlohmann::json row = nlohmann::json::parse(line);
    Task task;
    task.answer = row["gold"].dump();
    const std::string answer = row["answer"];
    const bool same = row["equal"];
    ++(same ? equal : different);
    const Judgement judgement = reward->score(task, Completion{"so \\boxed{" + answer + "}"});
    // A mutant may be no number at all, as 2\frac{0}{6}: never accepted, but not decided either.
    if (same)
      EXPECT_EQ(judgement, (Judgement{Outcome::kValue, 1, ""})) << line;
    else
      EXPECT_TRUE(judgement.score == 0 && is_policys_doing(judgement.outcome))
          << line << ": " << outcome_name(judgement.outcome) << ' ' << judgement.detail;
  }
  EXPECT_GE(equal, 500);
  EXPECT_GE(different, 900);
}

}  // namespace
}  // namespace retort::tests
