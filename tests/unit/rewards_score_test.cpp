// Rewards: text cases, the Python fixture, options, the weighted sum and the self-test.
#include "base/check.h"
#include "base/registry.h"
#include "rewards/registry.h"
#include "rewards/score.h"
#include "tests/cases/case_runner.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <limits>
#include <map>

namespace retort::tests {
namespace {

StopReason stop_reason(const std::string& name) {
  if (name == "eos") return StopReason::kEos;
  if (name == "length") return StopReason::kLength;
  EXPECT_EQ(name, "stop_string");
  return StopReason::kStopString;
}

std::string name_of_reward(const TextCase& one) {
  const std::string reward = one.require("reward");
  return reward.substr(0, reward.find(':'));
}

void check_case(const TextCase& one) {
  Task task;
  task.family = one.get("family", "");
  task.answer = one.require("answer");
  Completion completion{one.require("completion"), stop_reason(one.get("stop", "eos"))};
  completion.stray_special = one.get("stray_special", "no") == "yes";
  if (const auto tokens = one.find("tokens")) completion.tokens = std::stoll(*tokens);
  const Judgement judgement = make_reward(one.require("reward"), "reward")->score(task, completion);
  EXPECT_EQ(outcome_name(judgement.outcome), one.get("outcome", "value"));
  EXPECT_EQ(judgement.score, std::stod(one.get("score", "0")));
  EXPECT_EQ(judgement.detail, one.get("detail", judgement.detail));
  const std::string name = name_of_reward(one);
  const bool is_best =
      judgement.outcome == Outcome::kValue && judgement.score == (name == "overlong" ? 0 : 1);
  if (name != "command") {
    EXPECT_EQ(judgement.detail.empty(), is_best) << judgement.detail;
  }
}

// Every row of the table has its file of cases, tests/cases/reward_NAME.case.
TEST(Rewards, Cases) {
  for (const RewardRow& row : reward_rows())
    run_cases("reward_" + std::string(row.name) + ".case", check_case);
}

// tests/parity/make_reward_fixtures.py: the rules as regular expressions, integers and eval of
// Python.
TEST(TaskReward, AgreesWithPythonOnOddCompletions) {
  const auto reward = make_reward("task", "reward");
  std::ifstream file("tests/parity/task_rewards.jsonl");
  std::map<std::pair<std::string, int>, int> seen;
  for (std::string line; std::getline(file, line);) {
    const nlohmann::json row = nlohmann::json::parse(line);
    if (!row.contains("score")) continue;
    Task task;
    task.family = row["family"];
    task.answer = row["answer"].dump();
    const Judgement judgement = reward->score(task, {row["completion"], stop_reason(row["stop"])});
    EXPECT_EQ(judgement.outcome, Outcome::kValue);
    EXPECT_EQ(judgement.score, row["score"].get<int>()) << line;
    ++seen[{task.family, row["score"]}];
  }
  EXPECT_EQ(seen.size(), 6u);
  for (const auto& [kind, count] : seen) EXPECT_GT(count, 150) << kind.first << kind.second;
}

// A long completion costs time in proportion to its length: a matcher that goes back would not end.
TEST(TaskReward, LongCompletionsAreLinear) {
  const auto reward = make_reward("task", "reward");
  Task sum, made, asked;
  sum.family = "chain_sum";
  sum.answer = R"({"target":7})";
  made.family = "countdown";
  made.answer = R"({"numbers":[7,12,1],"target":20})";
  asked.family = "arithmetic";
  asked.answer = R"({"target":7})";
  std::string opened, operators, marks;
  for (int i = 0; i < 300'000; ++i) {
    opened += "<think>";
    operators += "1+";
    marks += "Answer: ";
  }
  for (const std::string& text :
       {opened, "<think>" + operators, "<answer>" + operators + "1</answer>",
        "<answer>" + std::string(3'000'000, '9') + "</answer>",
        marks + std::string(3'000'000, '0')})
    for (const Task* task : {&sum, &made, &asked}) EXPECT_EQ(reward->score(*task, {text}).score, 0);
}

TEST(RewardRegistry, ErrorsNamePlaceAndFix) {
  const auto error = [](const std::string& text) {
    return user_error([&] { make_reward(text, "[rewards]"); });
  };
  const std::string known = join(row_names(reward_rows()));
  EXPECT_EQ(error("exact_mach"),
            "[rewards]: unknown reward 'exact_mach' (did you mean exact_match?); known: " + known);
  EXPECT_EQ(error(""), "[rewards]: unknown reward ''; known: " + known);
  EXPECT_EQ(error("task:strict=yes"),
            "[rewards]: task takes no options, got 'strict=yes'; write task");
  EXPECT_EQ(
      error("exact_match:stripe=yes"),
      "[rewards]: unknown option of exact_match 'stripe' (did you mean strip?); known: extract, "
      "strip, ignore_case");
  EXPECT_EQ(error("exact_match:strip=nope"),
            "[rewards]: option strip of exact_match got 'nope'; known: yes, no");
  EXPECT_EQ(error("exact_match:strip"),
            "[rewards]: 'strip' is no option of exact_match; write option=value, several joined by "
            "commas");
  EXPECT_NE(error("exact_match:"), "");
  EXPECT_EQ(error("math_equal:preset=r1"),
            "[rewards]: option preset of math_equal got 'r1'; known: own");
  EXPECT_EQ(
      error("math_equal:tolerance=2"),
      "[rewards]: math_equal: tolerance is '2'; set it to exact, or to a number such as 1e-6");
  EXPECT_EQ(error("overlong:buffer=-1"),
            "[rewards]: option buffer of overlong got '-1'; set it to a whole number of 0 or more");
  EXPECT_EQ(error("overlong:max_length=10,buffer=11"),
            "[rewards]: overlong: buffer is 11, max_length 10; set buffer from 1 to max_length");
  EXPECT_EQ(error("exact_match:strip=no,extract=answer_tag"), "");
}

TEST(RewardSet, ErrorsNamePlaceAndFix) {
  const auto error = [](const std::vector<RewardSetting>& settings) {
    return user_error([&] { RewardSet(settings, "[rewards]"); });
  };
  EXPECT_EQ(error({}),
            "[rewards]: the list is empty; name a reward, as in rewards = [{name = \"task\"}]");
  EXPECT_EQ(error({{"task", 1}, {"task", 0.5}}), "[rewards]: 'task' stands twice; write it once");
  EXPECT_EQ(error({{"task", std::numeric_limits<double>::quiet_NaN()}}),
            "[rewards]: the weight of 'task' is not a number; give a number such as 1.0");
}

Task sum_task() {
  Task task;
  task.family = "chain_sum";
  task.prompt = "3+4=";
  task.answer = R"({"target":7})";
  return task;
}

TEST(RewardSet, WeighsItsParts) {
  const RewardSet rewards({{"task", 0.75}, {"exact_match:extract=answer_tag", 0.5}}, "[rewards]");
  Task task = sum_task();
  Verdict verdict = rewards.score({1, 2, 3, 0}, task, {"<answer>7</answer>"});
  EXPECT_EQ(verdict.id, (SampleId{1, 2, 3, 0}));
  // exact_match cannot read the family's gold answer, an object: ours, so nothing is scored.
  EXPECT_EQ(verdict.outcome, Outcome::kVerifierError);
  EXPECT_EQ(verdict.score, 0);
  ASSERT_EQ(verdict.parts.size(), 2u);
  EXPECT_EQ(verdict.parts[0], (VerdictPart{"task", 0.75, Outcome::kValue, 1, ""}));
  EXPECT_EQ(verdict.parts[1].outcome, Outcome::kVerifierError);
  EXPECT_EQ(verdict.parts[1].weight, 0.5);

  task.rewards = {"task"};
  verdict = rewards.score({}, task, {"<answer>7</answer>"});
  EXPECT_EQ(verdict.outcome, Outcome::kValue);
  EXPECT_EQ(verdict.score, 0.75);
  EXPECT_GE(verdict.ms, 0);

  task.rewards = {"exact_match", "no_such_reward"};
  task.answer = "\"7\"";
  verdict = rewards.score({}, task, {"7"});
  EXPECT_EQ(verdict.parts[0], (VerdictPart{"exact_match", 1, Outcome::kValue, 1, ""}));
  EXPECT_EQ(verdict.parts[1].outcome, Outcome::kVerifierError);
  EXPECT_EQ(verdict.outcome, Outcome::kVerifierError);
}

// Outcomes by the table kOutcomes: a part of the policy's doing counts as 0, one of ours ends
// scoring.
TEST(Combine, OutcomeAndScoreOfParts) {
  const VerdictPart half = {"a", 1, Outcome::kValue, 0.5, ""};
  const VerdictPart whole = {"b", 2, Outcome::kValue, 1, ""};
  for (const OutcomeRow& row : kOutcomes) {
    if (row.outcome == Outcome::kValue) continue;
    const VerdictPart part = {"c", 3, row.outcome, 0, ""};
    const Verdict verdict = combine({}, {half, part, whole});
    EXPECT_EQ(verdict.outcome, row.outcome) << row.name;
    EXPECT_EQ(verdict.score, row.policys_doing ? 2.5 : 0) << row.name;
    EXPECT_EQ(verdict.parts.size(), 3u);
  }
  EXPECT_EQ(combine({}, {half, whole}).outcome, Outcome::kValue);
  EXPECT_EQ(combine({}, {half, whole}).score, 2.5);

  const VerdictPart timeout = {"d", 1, Outcome::kTimeout, 0, ""};
  const VerdictPart crash = {"e", 1, Outcome::kCrash, 0, ""};
  const VerdictPart broken = {"f", 1, Outcome::kVerifierError, 0, ""};
  const VerdictPart infra = {"g", 1, Outcome::kInfraError, 0, ""};
  EXPECT_EQ(combine({}, {timeout, crash}).outcome, Outcome::kTimeout);
  EXPECT_EQ(combine({}, {crash, timeout}).outcome, Outcome::kCrash);
  EXPECT_EQ(combine({}, {timeout, broken, infra}).outcome, Outcome::kVerifierError);
  EXPECT_EQ(combine({}, {timeout, infra, broken}).outcome, Outcome::kInfraError);

  const VerdictPart huge = {"h", 10, Outcome::kValue, 1e308, ""};
  const Verdict overflow = combine({}, {half, huge, timeout});
  EXPECT_EQ(overflow.outcome, Outcome::kVerifierError);
  EXPECT_EQ(overflow.score, 0);
  EXPECT_EQ(combine({}, {huge, infra}).outcome, Outcome::kInfraError);
}

TEST(RewardSet, EveryRewardKnowsItsAnswersUnderEveryOption) {
  for (const RewardRow& row : reward_rows()) {
    const std::string first = row.first.empty() ? "" : ":docs/examples/length_reward.py";
    EXPECT_NO_THROW(RewardSet({{std::string(row.name) + first, 1}}, "x").self_test()) << row.name;
  }
  // Each value of each option, alone.
  int asked = 0;
  for (const RewardRow& row : reward_rows())
    for (const RewardOptionRow& option : row.options) {
      if (option.kind != OptionKind::kChoice && option.kind != OptionKind::kList) continue;
      std::istringstream values{std::string(option.values)};
      for (std::string value; std::getline(values, value, '|'); ++asked) {
        const std::string name =
            std::string(row.name) + ":" + std::string(option.name) + "=" + value;
        EXPECT_NO_THROW(RewardSet({{name, 1}}, "x").self_test()) << name;
      }
    }
  EXPECT_GE(asked, 12);
  EXPECT_NO_THROW(RewardSet({{"math_equal:tolerance=1e-6", 1}}, "x").self_test());
}

// Planted faults: a reward whose known answers differ from what it says is caught.
class Faulty final : public Reward {
 public:
  Judgement score(const Task&, const Completion&) const override { return right(); }
  std::vector<KnownAnswer> known_answers() const override { return known; }
  std::vector<KnownAnswer> known;
};

TEST(SelfTest, FaultsAreSeen) {
  Faulty reward;
  EXPECT_THROW(self_test("faulty", reward), InternalError) << "no known answers";
  reward.known = {{"right", {}, {}, Outcome::kValue, 1}};
  EXPECT_NO_THROW(self_test("faulty", reward));
  reward.known.push_back({"wrong", {}, {}, Outcome::kValue, 0});
  EXPECT_THROW(self_test("faulty", reward), InternalError);
  reward.known.back() = {"unreadable", {}, {}, Outcome::kVerifierError, 0};
  EXPECT_THROW(self_test("faulty", reward), InternalError);
}

TEST(CaseRunner, MistakesInACaseFileAreSeen) {
  const auto parse = [](const std::string& text) { return parse_cases(text, "f.case"); };
  const auto cases = parse("# c\ncase: a\nx: 1\\n\\x41\\\\\ny:\n\ncase: b\nx:  2\n");
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(cases[0].place(), "f.case:2 (a)");
  EXPECT_EQ(cases[0].find("x"), "1\nA\\");
  EXPECT_EQ(cases[0].unread_keys(), (std::vector<std::string>{"y"}));
  EXPECT_EQ(cases[0].find("y"), "");
  EXPECT_TRUE(cases[0].unread_keys().empty());
  EXPECT_EQ(cases[1].find("x"), " 2");
  EXPECT_EQ(cases[1].find("z"), std::nullopt);
  EXPECT_THROW(parse("x: 1\n"), std::runtime_error);
  EXPECT_THROW(parse("case: a\ncase: b\n"), std::runtime_error);
  EXPECT_THROW(parse("case: a\nx: 1\nx: 2\n"), std::runtime_error);
  EXPECT_THROW(parse("case: a\nx 1\n"), std::runtime_error);
  EXPECT_THROW(parse("case: a\nx: \\q\n"), std::runtime_error);
}

}  // namespace
}  // namespace retort::tests
