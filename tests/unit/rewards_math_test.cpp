// math_equal beyond single cases: every spelling of a value equals every other, every mutant of it
// is refused, and what a policy may write costs no time. A false accept is what RL finds and uses,
// so there must be none.
#include "rewards/math/answer.h"
#include "rewards/registry.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <fstream>
#include <string>
#include <vector>

namespace retort::tests {
namespace {

bool accepts(const std::string& gold, const std::string& answer) {
  std::string why;
  const auto a = math::read_answer(gold, &why), b = math::read_answer(answer, &why);
  EXPECT_TRUE(a.has_value()) << gold << ": " << why;
  return a && b && math::match(*a, *b, {}) == math::Match::kEqual;
}

// Rows of spellings of one value each; values of different rows differ.
const std::vector<std::vector<std::string>> kValues = {
    {"0", "-0", "0.0", "0/5", "\\frac{0}{3}", "1-1"},
    {"1", "+1", "1.0", "2/2", "\\frac22", "(1)", "{1}", "--1", "10^0", "$1$", "1.", "100\\%"},
    {"-1", "- 1", "\u22121", "\\frac{-1}{1}", "-\\frac{3}{3}", "(-1)^3"},
    {"1/2", "0.5", ".5", "\\frac{1}{2}", "\\dfrac12", "\\tfrac{2}{4}", "50\\%", "50%", "2^{-1}",
     "\\left(\\frac{1}{2}\\right)"},
    {"-1/2", "-0.5", "\\frac{-1}{2}", "\\frac{1}{-2}", "-\\frac{1}{2}"},
    {"2", "4/2", "\\sqrt{4}", "\\sqrt 4", "8^{1/3}", "\\sqrt[3]{8}", "1+1", "2\\cdot1"},
    {"1234567", "1,234,567", "1{,}234{,}567", "1.234567e6", "1.234567 \\times 10^6"},
    {"12345.67", "12,345.67", "1234567/100"},
    {"0.1", "1/10", "10^{-1}", "1e-1"},
    {"1/3", "0.\\overline{3}", "\\frac{2}{6}", "3^{-1}"},
    {"0.3", "3/10"},
    {"0.33", "33/100", "33\\%"},
    {"3/2", "1\\frac{1}{2}", "1.5", "\\frac32"},
    {"\\sqrt{2}", "\\sqrt2", "2^{1/2}", "2^{0.5}", "\\frac{2}{\\sqrt{2}}", "sqrt(2)",
     "\\frac{\\sqrt{8}}{2}"},
    {"2\\sqrt{2}", "\\sqrt{8}", "2 \\cdot \\sqrt{2}", "2*sqrt(2)"},
    {"1+\\sqrt{2}", "\\sqrt{2}+1", "\\frac{1}{\\sqrt{2}-1}", "-\\frac{1}{1-\\sqrt{2}}"},
    {"\\sqrt{6}", "\\sqrt{2}\\sqrt{3}", "\\sqrt{2}\\cdot\\sqrt{3}"},
    {"\\pi", "\xcf\x80", "pi", "\\frac{2\\pi}{2}", "1\\pi"},
    {"2\\pi", "2pi", "\\pi+\\pi", "2 \\cdot \\pi", "\\frac{4\\pi^2}{2\\pi}"},
    {"\\pi/4", "\\frac{\\pi}{4}", "0.25\\pi"},
    {"5\\text{ cm}", "5 cm", "5.0\\,\\mathrm{cm}"},
    {"5\\text{ m}", "5m"},
    {"5", "10/2"},
    {"(1,2)", "(1, 2)", "\\left(1,\\,2\\right)", "(\\frac22, \\sqrt4)"},
    {"(2,1)"},
    {"[1,2]", "[1, 2]"},
    {"[1,2)"},
    {"\\{1,2\\}", "\\{2, 1\\}", "1, 2", "2 and 1", "1\\text{ and }2"},
    {"\\{1,2,3\\}", "3, 2, and 1"},
    {"(1,2,3)"},
    {"\\text{east}", "east", "East"},
    {"\\text{west}"},
    {"1/7"},
    {"22/7"},
    {"3.14"},
    {"99999999999999999999", "10^{20}-1"},
    {"100000000000000000000", "10^{20}", "1e20"},
};

TEST(MathEqual, EverySpellingOfAValueAndNoOther) {
  for (size_t i = 0; i < kValues.size(); ++i)
    for (size_t j = 0; j < kValues.size(); ++j)
      for (const std::string& gold : kValues[i])
        for (const std::string& answer : kValues[j])
          EXPECT_EQ(accepts(gold, answer), i == j) << "gold " << gold << ", answer " << answer;
}

// What stands for several answers, hides one, or is none.
TEST(MathEqual, NoAnswerThatIsNoneIsAccepted) {
  for (const char* gold : {"5", "1/2", "(1,2)", "\\sqrt{2}", "2\\pi", "12"})
    for (const char* answer : {"",
                               " ",
                               "x",
                               "5 or 1/2",
                               "5, 1/2, 2\\pi",
                               "\\infty",
                               "5..",
                               "1//2",
                               "5 5",
                               "1 2",
                               "12 5",
                               "5+",
                               "(5",
                               "5)",
                               "\\frac{1}",
                               "\\frac{1}{0}",
                               "0/0",
                               "5x",
                               "x=",
                               "x=y=5",
                               "5=5=5",
                               "5!",
                               "5?",
                               "5\\pm0",
                               "\\pm5",
                               "\\approx 5",
                               "<6",
                               "5\\ldots",
                               "\\sqrt{-1}",
                               "1/2\\pi",
                               "3+4i",
                               "5^5^5^5",
                               "\\boxed{5}\\boxed{6}",
                               "5 \\neq 6",
                               "NaN",
                               "inf",
                               "1e999999",
                               "0x5",
                               "5e",
                               "five",
                               "\\frac{x}{x}5",
                               "5\\cdot",
                               "^5",
                               "5_2",
                               "12_{10}",
                               "1,2",
                               "1 2/3x",
                               "|5|"})
      EXPECT_FALSE(accepts(gold, answer)) << "gold " << gold << ", answer " << answer;
}

// Judges the answers of a file in the form of math_pairs.txt, each within `before` and `after`.
void judge_file(const std::string& path, const std::string& before, const std::string& after,
                int least_accepted, int least_refused) {
  const auto reward = make_reward("math_equal", "[rewards]");
  std::ifstream file(path);
  Task task;
  int accepted = 0, refused = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    ASSERT_GT(line.size(), 2u) << line;
    std::string text = line.substr(2);
    if (line.front() == '=') {
      task.answer = nlohmann::json(text).dump();
      continue;
    }
    const std::string kBreak = "\u00b6";
    for (size_t at = 0; (at = text.find(kBreak)) != std::string::npos;)
      text.replace(at, kBreak.size(), "\n");
    const bool right = line.front() == '+';
    ++(right ? accepted : refused);
    const Judgement judgement = reward->score(task, Completion{before + text + after});
    EXPECT_TRUE(is_policys_doing(judgement.outcome)) << task.answer << ": " << judgement.detail;
    EXPECT_EQ(judgement.score, right ? 1.0 : 0.0)
        << "gold " << task.answer << ", " << text << ": " << judgement.detail;
  }
  EXPECT_GE(accepted, least_accepted);
  EXPECT_GE(refused, least_refused);
}

// Answers in the styles of GSM8K, MATH and AIME.
TEST(MathEqual, PairsOfTheField) {
  judge_file("tests/unit/math_pairs.txt", "so \\boxed{", "}", 300, 600);
}

TEST(MathEqual, WhereTheAnswerStands) {
  judge_file("tests/unit/math_completions.txt", "", "", 50, 90);
}

TEST(MathEqual, NoAnswerCostsTime) {
  const std::string nested = std::string(1000, '(') + "5" + std::string(1000, ')');
  std::string tower = "9", sum = "\\sqrt{2}", roots = "7";
  for (int i = 0; i < 50; ++i) tower = "9^{" + tower + "}";
  for (int i = 3; i < 200; ++i) sum += "+\\sqrt{" + std::to_string(i) + "}";
  for (int i = 0; i < 60; ++i) roots = "\\sqrt{" + roots + "}";
  const auto begin = std::chrono::steady_clock::now();
  for (const std::string& answer : std::vector<std::string>{
           nested, tower, sum, roots, "(" + sum + ")^{30}", std::string(4000, '9'),
           "1e" + std::string(3000, '9'), "2^{9999}^{9999}", "(1+\\sqrt{2})^{9999}",
           "\\sqrt{" + std::string(3000, '7') + "}", std::string(4000, '-') + "5",
           std::string(4000, '{'), "\\sqrt[64]{" + std::string(2000, '3') + "}",
           std::string(1 << 20, '1'), "0.\\overline{" + std::string(3000, '1') + "}"}) {
    std::string why;
    math::read_answer(answer, &why);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

TEST(MathEqual, ALongCompletionIsReadInNoTime) {
  const auto reward = make_reward("math_equal", "[rewards]");
  Task task;
  task.answer = "5";
  std::string text;
  for (int i = 0; i < 200000; ++i) text += "\\boxed{ answer is <answer> 1/";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(reward->score(task, {text}).score, 0.0);
  EXPECT_EQ(reward->score(task, {text + " so \\boxed{5}"}).score, 1.0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

}  // namespace
}  // namespace retort::tests
