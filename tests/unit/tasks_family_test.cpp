// Families: generators against an enumeration of all problems, traces and splits against examples
// and a fixture made in Python.
#include "tasks/family.h"
#include "tasks/split_hash.h"
#include "tasks/task_uid.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>
#include <map>
#include <set>

namespace retort {
const Family& chain_sum_family();
const Family& countdown_family();
const Family& arithmetic_family();
}  // namespace retort

namespace retort::tests {
namespace {

PhiloxStream stream_of(uint32_t index) { return {{7, Purpose::kTaskDraw}, index, 0, 0}; }

Task text_task(const Family& family, const std::string& prompt, const std::string& answer) {
  Task task;
  task.family = family.name();
  task.prompt = prompt;
  task.answer = answer;
  return task;
}

std::string prompt_of(const Task& task) {
  return task.messages.empty() ? task.prompt : task.messages.back().content;
}

// All problems of chain_sum with these terms and largest number, by the rule itself.
void enumerate_sums(int terms, int largest, const std::string& text, int total,
                    std::set<std::string>& all) {
  if (terms == 0) {
    all.insert(text + "=");
    return;
  }
  for (int number = 1; number <= largest; ++number) {
    const std::string digits = std::to_string(number);
    if (text.empty()) {
      enumerate_sums(terms - 1, largest, digits, number, all);
      continue;
    }
    enumerate_sums(terms - 1, largest, text + "+" + digits, total + number, all);
    if (number <= total)
      enumerate_sums(terms - 1, largest, text + "-" + digits, total - number, all);
  }
}

// All problems of countdown with three numbers: the target is one of a+b+c, b+c-a, a+c-b, a+b-c.
std::set<std::string> enumerate_countdown(int largest) {
  std::set<std::string> all;
  for (int a = 1; a <= largest; ++a)
    for (int b = 1; b <= largest; ++b)
      for (int c = 1; c <= largest; ++c)
        for (const int target : {a + b + c, b + c - a, a + c - b, a + b - c})
          if (target > 0)
            all.insert(std::to_string(a) + " " + std::to_string(b) + " " + std::to_string(c) + ">" +
                       std::to_string(target) + "=");
  return all;
}

std::set<std::string> drawn(const Family& family, int level, Split side, int count) {
  std::set<std::string> prompts;
  for (int i = 0; i < count; ++i) {
    PhiloxStream stream = stream_of(static_cast<uint32_t>(i));
    const Task task = family.draw(level, stream, side, 7);
    EXPECT_EQ(task.split, side);
    prompts.insert(prompt_of(task));
  }
  return prompts;
}

TEST(SplitHash, PublishedValues) {
  EXPECT_EQ(crc32(""), 0u);
  EXPECT_EQ(crc32("123456789"), 0xCBF43926u);
  EXPECT_EQ(fnv1a64(""), 0xcbf29ce484222325u);
  EXPECT_EQ(fnv1a64("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(fnv1a64("2 + 4"), 16716138685144696560u);
  EXPECT_NE(crc32("\xff"), crc32("\x7f"));
}

TEST(Families, TableIsConsistent) {
  std::set<std::string_view> names;
  for (const FamilyRow& row : family_rows()) {
    EXPECT_EQ(row.get().name(), row.name);
    EXPECT_TRUE(names.insert(row.name).second);
    EXPECT_LE(row.low_level, row.high_level);
    EXPECT_FALSE(row.help.empty());
    EXPECT_FALSE(row.split.empty());
    EXPECT_EQ(family_or_null(row.name), &row.get());
  }
  EXPECT_EQ(family_or_null("chain"), nullptr);
  EXPECT_EQ(find_family("countdown", "[x]").high_level, 10);
}

TEST(Families, WorkedTraceScoresOneAtEveryLevelOnBothSides) {
  for (const FamilyRow& row : family_rows()) {
    for (int level = row.low_level; level <= row.high_level; ++level) {
      for (uint32_t i = 0; i < 200; ++i) {
        PhiloxStream stream = stream_of(i);
        const Split side = i % 2 == 0 ? Split::kTrain : Split::kHeldOut;
        const Task task = row.get().draw(level, stream, side, 7);
        const std::string worked = row.get().worked(task);
        EXPECT_EQ(row.get().score(task, {worked}), right()) << prompt_of(task) << worked;
        EXPECT_EQ(task.family, row.name);
        EXPECT_EQ(task.level, level);
        EXPECT_EQ(task.seed, 7u);
        EXPECT_EQ(task.split, side);
        EXPECT_EQ(task.split, row.get().side_of(task));
        EXPECT_EQ(task.uid, task_uid(task));
      }
    }
  }
}

TEST(Families, DrawIsAFunctionOfTheStream) {
  for (const FamilyRow& row : family_rows()) {
    PhiloxStream a = stream_of(3), b = stream_of(3), c = stream_of(4);
    const Task first = row.get().draw(4, a, Split::kTrain, 7);
    EXPECT_EQ(first, row.get().draw(4, b, Split::kTrain, 7));
    EXPECT_NE(first, row.get().draw(4, c, Split::kTrain, 7));
  }
}

// The counts of the held-out sides were enumerated by an independent program: 17 and 89 for
// chain_sum, 285 and 688 for countdown.
TEST(ChainSum, DrawsExactlyTheProblemsOfALevel) {
  const struct {
    int level, terms, largest;
    size_t train, held_out;
  } kRows[] = {{1, 2, 9, 109, 17}, {2, 2, 20, 521, 89}, {4, 3, 9, 1660, 239}};
  for (const auto& row : kRows) {
    std::set<std::string> all;
    enumerate_sums(row.terms, row.largest, "", 0, all);
    EXPECT_EQ(all.size(), row.train + row.held_out);
    std::set<std::string> train = drawn(chain_sum_family(), row.level, Split::kTrain, 40'000);
    std::set<std::string> held_out = drawn(chain_sum_family(), row.level, Split::kHeldOut, 10'000);
    EXPECT_EQ(train.size(), row.train);
    EXPECT_EQ(held_out.size(), row.held_out);
    train.merge(held_out);
    EXPECT_TRUE(held_out.empty()) << "a problem is on both sides";
    EXPECT_EQ(train, all);
  }
}

TEST(Countdown, DrawsExactlyTheProblemsOfALevel) {
  const struct {
    int level, largest;
    size_t train, held_out;
  } kRows[] = {{1, 9, 2037, 285}, {2, 12, 4946, 688}};
  for (const auto& row : kRows) {
    const std::set<std::string> all = enumerate_countdown(row.largest);
    EXPECT_EQ(all.size(), row.train + row.held_out);
    std::set<std::string> train = drawn(countdown_family(), row.level, Split::kTrain, 100'000);
    std::set<std::string> held_out = drawn(countdown_family(), row.level, Split::kHeldOut, 12'000);
    EXPECT_EQ(held_out.size(), row.held_out);
    train.merge(held_out);
    EXPECT_TRUE(held_out.empty()) << "a problem is on both sides";
    EXPECT_EQ(train, all);
  }
}

// Sizes published for the mixture: 2×1 200 problems, 42 held out; 3×1 4,000 and 807.
TEST(Arithmetic, DrawsExactlyTheProblemsOfAShape) {
  EXPECT_EQ(drawn(arithmetic_family(), 1, Split::kHeldOut, 4'000).size(), 42u);
  EXPECT_EQ(drawn(arithmetic_family(), 1, Split::kTrain, 8'000).size(), 158u);
  EXPECT_EQ(drawn(arithmetic_family(), 3, Split::kHeldOut, 20'000).size(), 807u);
}

// Operands reach exactly 1 and the largest of the level.
TEST(TextFamilies, OperandsCoverTheirRange) {
  const int kSumLargest[] = {9, 20, 99, 9, 20, 50, 99, 20, 50, 99};
  const size_t kSumTerms[] = {2, 2, 2, 3, 3, 3, 3, 4, 4, 4};
  const int kCountdownLargest[] = {9, 12, 20, 30, 50, 99, 9, 20, 50, 99};
  const size_t kCountdownNumbers[] = {3, 3, 3, 3, 3, 3, 4, 4, 4, 4};
  for (int level = 1; level <= 10; ++level) {
    std::set<int> sums, numbers;
    for (uint32_t i = 0; i < 2000; ++i) {
      PhiloxStream stream = stream_of(i);
      const Task sum = chain_sum_family().draw(level, stream, Split::kTrain, 7);
      size_t terms = 0;
      for (size_t at = 0; sum.prompt[at] != '=' && at < sum.prompt.size(); ++terms) {
        size_t length = 0;
        sums.insert(std::stoi(sum.prompt.substr(at), &length));
        at += length;
        if (sum.prompt[at] != '=') {
          EXPECT_TRUE(sum.prompt[at] == '+' || sum.prompt[at] == '-') << sum.prompt;
          ++at;
        }
      }
      EXPECT_EQ(terms, kSumTerms[level - 1]) << sum.prompt;
      const Task made = countdown_family().draw(level, stream, Split::kTrain, 7);
      const nlohmann::json gold = nlohmann::json::parse(made.answer);
      EXPECT_EQ(gold["numbers"].size(), kCountdownNumbers[level - 1]);
      for (const auto& number : gold["numbers"]) numbers.insert(number.get<int>());
    }
    EXPECT_EQ(*sums.begin(), 1);
    EXPECT_EQ(*sums.rbegin(), kSumLargest[level - 1]);
    EXPECT_EQ(*numbers.begin(), 1);
    EXPECT_EQ(*numbers.rbegin(), kCountdownLargest[level - 1]);
  }
}

TEST(TextFamilies, WorkedTracesOfTheExamples) {
  const auto sum = [](const std::string& prompt) {
    return chain_sum_family().worked(text_task(chain_sum_family(), prompt, ""));
  };
  EXPECT_EQ(sum("8+19="), "<think>8+19=27</think><answer>27</answer>");
  EXPECT_EQ(sum("3+20-16="), "<think>3+20=23-16=7</think><answer>7</answer>");
  EXPECT_EQ(sum("35+36+26="), "<think>35+36=71+26=97</think><answer>97</answer>");
  const auto made = [](const std::string& prompt, const std::string& numbers, int target) {
    const std::string answer =
        "{\"numbers\":[" + numbers + "],\"target\":" + std::to_string(target) + "}";
    return countdown_family().worked(text_task(countdown_family(), prompt, answer));
  };
  EXPECT_EQ(made("7 12 1>20=", "7,12,1", 20), "<think>7+12=19+1=20</think><answer>7+12+1</answer>");
  EXPECT_EQ(made("18 31 39>10=", "18,31,39", 10),
            "<think>18+31=49+39=88;31+39=70-18=52;18+39=57-31=26;18+31=49-39=10</think>"
            "<answer>18+31-39</answer>");
  EXPECT_EQ(made("18 47 13>78=", "18,47,13", 78),
            "<think>18+47=65+13=78</think><answer>18+47+13</answer>");
}

// tests/parity/make_reward_fixtures.py: problems of all levels with trace and side.
TEST(TextFamilies, TracesAndSidesOfTheFixture) {
  std::ifstream file("tests/parity/task_rewards.jsonl");
  std::map<std::pair<std::string, int>, int> seen;
  for (std::string line; std::getline(file, line);) {
    const nlohmann::json row = nlohmann::json::parse(line);
    if (!row.contains("worked")) continue;
    const Family* family = family_or_null(row["family"].get<std::string>());
    ASSERT_NE(family, nullptr);
    const Task task = text_task(*family, row["prompt"], row["answer"].dump());
    EXPECT_EQ(family->worked(task), row["worked"].get<std::string>()) << task.prompt;
    EXPECT_EQ(family->side_of(task) == Split::kHeldOut, row["held_out"].get<bool>()) << task.prompt;
    ++seen[{row["family"], row["level"]}];
  }
  EXPECT_EQ(seen.size(), 20u);
  for (const auto& [level, count] : seen) EXPECT_EQ(count, 12) << level.first << level.second;
}

// Share of `hits` in `draws` within five standard errors of `expected`.
void expect_share(int hits, int draws, double expected) {
  const double error = std::sqrt(expected * (1 - expected) / draws);
  EXPECT_NEAR(hits / static_cast<double>(draws), expected, 5 * error);
}

TEST(ChainSum, DirectIsRightOnceInTenElseOffByOneToTen) {
  const Task task = text_task(chain_sum_family(), "35+36+26=", R"({"target":97})");
  constexpr int kDraws = 20'000;
  std::map<int, int> by_error;
  PhiloxStream stream = stream_of(0);
  for (int i = 0; i < kDraws; ++i) {
    const std::string text = chain_sum_family().direct(task, stream);
    ASSERT_TRUE(text.starts_with("<answer>") && text.ends_with("</answer>")) << text;
    ++by_error[std::stoi(text.substr(8)) - 97];
  }
  EXPECT_EQ(by_error.size(), 21u);
  EXPECT_EQ(by_error.begin()->first, -10);
  EXPECT_EQ(by_error.rbegin()->first, 10);
  for (const auto& [error, count] : by_error) expect_share(count, kDraws, error == 0 ? 0.1 : 0.045);
}

TEST(ChainSum, DirectIsNeverNegative) {
  const Task task = text_task(chain_sum_family(), "2-2=", R"({"target":0})");
  constexpr int kDraws = 4000;
  int zeros = 0;
  PhiloxStream stream = stream_of(1);
  for (int i = 0; i < kDraws; ++i) {
    const std::string text = chain_sum_family().direct(task, stream);
    EXPECT_EQ(text.find('-'), std::string::npos);
    zeros += text == "<answer>0</answer>";
  }
  expect_share(zeros, kDraws, 0.55);  // right, or floored
}

// 18 + 31 - 39: of 6 orders × 4 patterns of signs, those that add 18 and 31 and subtract 39 are 4.
TEST(Countdown, DirectIsARandomOrderWithRandomSigns) {
  const Task task =
      text_task(countdown_family(), "18 31 39>10=", R"({"numbers":[18,31,39],"target":10})");
  constexpr int kDraws = 20'000;
  std::set<std::string> texts;
  int hits = 0;
  PhiloxStream stream = stream_of(2);
  for (int i = 0; i < kDraws; ++i) {
    const std::string text = countdown_family().direct(task, stream);
    texts.insert(text);
    hits += countdown_family().score(task, {text}).score == 1;
  }
  EXPECT_EQ(texts.size(), 24u);
  expect_share(hits, kDraws, 4.0 / 24);
}

TEST(Arithmetic, PromptTraceAndShapes) {
  const size_t kTerms[] = {2, 2, 3, 3, 4};
  const int kLow[] = {0, 10, 0, 10, 0};
  const int kHigh[] = {9, 99, 9, 99, 9};
  for (int level = 1; level <= 5; ++level) {
    std::set<int> numbers;
    int minus = 0, signs = 0;
    for (uint32_t i = 0; i < 2000; ++i) {
      PhiloxStream stream = stream_of(i);
      const Task task = arithmetic_family().draw(level, stream, Split::kTrain, 7);
      EXPECT_EQ(task.prompt, "");
      ASSERT_EQ(task.messages.size(), 3u);
      EXPECT_EQ(task.messages[0], (Message{"user", "What is 6 + 3?"}));
      EXPECT_EQ(task.messages[1], (Message{"assistant", "Answer: 9"}));
      EXPECT_EQ(task.messages[2].role, "user");
      std::string text = task.messages[2].content;
      ASSERT_TRUE(text.starts_with("What is ") && text.ends_with("?"));
      text = text.substr(8, text.size() - 9);
      EXPECT_NE(fnv1a64(text) % 5, 0u);
      std::istringstream words(text);
      int value = 0, number = 0;
      size_t terms = 0;
      for (std::string sign = "+"; words >> number; words >> sign) {
        if (terms++ > 0) {
          ++signs;
          minus += sign == "-";
        }
        numbers.insert(number);
        value += sign == "-" ? -number : number;
        if (words.peek() == EOF) break;
      }
      EXPECT_EQ(terms, kTerms[level - 1]) << text;
      EXPECT_EQ(task.answer, "{\"target\":" + std::to_string(value) + "}") << text;
      const std::string direct = arithmetic_family().direct(task, stream);
      EXPECT_EQ(direct, "Answer: " + std::to_string(value));
      EXPECT_EQ(arithmetic_family().score(task, {direct}), right());
    }
    EXPECT_EQ(*numbers.begin(), kLow[level - 1]);
    EXPECT_EQ(*numbers.rbegin(), kHigh[level - 1]);
    // One problem in five is redrawn by its hash, which moves the share a little where problems are
    // few.
    EXPECT_NEAR(minus / static_cast<double>(signs), 0.5, 0.06);
  }
}

TEST(Arithmetic, WorkedTraceNamesEachStep) {
  Task task;
  const auto worked = [&](const std::string& question) {
    task.messages = {{"user", question}};
    return arithmetic_family().worked(task);
  };
  EXPECT_EQ(worked("What is 6 + 3 - 2?"), "6 + 3 = 9\n9 - 2 = 7\nAnswer: 7");
  EXPECT_EQ(worked("What is 0 - 5 + 8 - 7?"), "0 - 5 = -5\n-5 + 8 = 3\n3 - 7 = -4\nAnswer: -4");
}

TEST(TaskUid, IsTheProblemAndNothingElse) {
  Task task;
  task.family = "chain_sum";
  task.prompt = "3+5=";
  task.answer = R"({"target":8})";
  const uint64_t uid = task_uid(task);
  Task same = task;
  same.level = 3;
  same.seed = 9;
  same.split = Split::kHeldOut;
  EXPECT_EQ(task_uid(same), uid);
  Task moved = task;
  moved.family = "chain_sum3";
  moved.prompt = "+5=";
  EXPECT_NE(task_uid(moved), uid) << "fields are told apart by their lengths";
  Task chat = task;
  chat.prompt = "";
  chat.messages = {{"user", "3+5="}};
  EXPECT_NE(task_uid(chat), uid);
  Task other = task;
  other.answer = R"({"target":9})";
  EXPECT_NE(task_uid(other), uid);
}

}  // namespace
}  // namespace retort::tests
