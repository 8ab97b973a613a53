// arithmetic: "What is 3 - 3 + 7?" asked in a chat after one worked example as a turn, the answer
// after "Answer:". Five shapes, terms × digits: 2×1, 2×2, 3×1, 3×2, 4×1. Results may be negative.
#include "base/check.h"
#include "tasks/family.h"
#include "tasks/family/gold.h"
#include "tasks/family/running_total.h"
#include "tasks/family/tagged_answer.h"
#include "tasks/split_hash.h"

#include <charconv>

namespace retort {
namespace {

struct Level {
  int terms;
  int low;  // numbers are uniform in low .. high
  int high;
};
constexpr Level kLevels[] = {{2, 0, 9}, {2, 10, 99}, {3, 0, 9}, {3, 10, 99}, {4, 0, 9}};

constexpr std::string_view kMark = "Answer:";
constexpr size_t kLongestAnswer = 11;  // characters, the sign included: what a 32-bit integer needs

constexpr std::string_view kBefore = "What is ";
constexpr std::string_view kAfter = "?";

// "3 - 3 + 7"
std::string spaced(const SignedSum& sum) {
  std::string text = std::to_string(sum.numbers[0]);
  for (size_t i = 0; i < sum.signs.size(); ++i)
    text += std::string(" ") + sum.signs[i] + " " + std::to_string(sum.numbers[i + 1]);
  return text;
}

// The number of the last match of Answer:[ \n]*(-?[0-9]+), as text.
std::optional<std::string_view> last_answer(std::string_view text) {
  std::optional<std::string_view> last;
  for (size_t mark = text.find(kMark); mark != std::string_view::npos;
       mark = text.find(kMark, mark + kMark.size())) {
    const size_t begin = text.find_first_not_of(" \n", mark + kMark.size());
    if (begin == std::string_view::npos) break;
    const size_t digits = begin + (text[begin] == '-' ? 1 : 0);
    const size_t end = std::min(text.find_first_not_of("0123456789", digits), text.size());
    if (end > digits) last = text.substr(begin, end - begin);
  }
  return last;
}

class Arithmetic final : public Family {
 public:
  std::string_view name() const override { return "arithmetic"; }

  Split side_of(const Task& task) const override {
    return fnv1a64(problem_text(task)) % 5 == 0 ? Split::kHeldOut : Split::kTrain;
  }

  // Whether the completion ended by itself does not matter, and 12.5 counts as 12: the rule of the
  // published runs that this family is compared with.
  Judgement score(const Task& task, const Completion& completion) const override {
    std::string error;
    const std::optional<Gold> gold = read_gold(task.answer, /*with_numbers=*/false, &error);
    if (!gold) return verifier_error(error);
    const std::optional<std::string_view> answer = last_answer(completion.text);
    if (!answer) return wrong("no number after 'Answer:'");
    if (answer->size() > kLongestAnswer) return wrong("the number is longer than 11 characters");
    int64_t value = 0;
    std::from_chars(answer->data(), answer->data() + answer->size(), value);
    if (value == gold->target) return right();
    return wrong("got " + quoted(*answer) + ", expected " + std::to_string(gold->target));
  }

  // "6 + 3 = 9\n9 - 2 = 7\nAnswer: 7"
  std::string worked(const Task& task) const override {
    const SignedSum sum = problem(task);
    int64_t total = sum.numbers[0];
    std::string text;
    for (size_t i = 0; i < sum.signs.size(); ++i) {
      const SignedSum step = {{total, sum.numbers[i + 1]}, {sum.signs[i]}};
      total = value_of(step);
      text += spaced(step) + " = " + std::to_string(total) + "\n";
    }
    return text + "Answer: " + std::to_string(total);
  }

  // The right answer at once.
  std::string direct(const Task& task, PhiloxStream&) const override {
    return "Answer: " + std::to_string(value_of(problem(task)));
  }

 protected:
  Task generate(int level, PhiloxStream& stream) const override {
    const Level& shape = kLevels[level - 1];
    SignedSum sum;
    sum.numbers.push_back(stream.range(shape.low, shape.high));
    for (int term = 1; term < shape.terms; ++term) {
      sum.signs.push_back(stream.coin(0.5) ? '+' : '-');
      sum.numbers.push_back(stream.range(shape.low, shape.high));
    }
    Task task;
    task.messages = {{"user", "What is 6 + 3?"},
                     {"assistant", "Answer: 9"},
                     {"user", std::string(kBefore) + spaced(sum) + std::string(kAfter)}};
    task.answer = write_gold({{}, value_of(sum)});
    return task;
  }

 private:
  // The expression between "What is " and "?" of the last message.
  static std::string_view problem_text(const Task& task) {
    RT_CHECK(!task.messages.empty()) << "a task of arithmetic has messages";
    std::string_view text = task.messages.back().content;
    RT_CHECK(text.starts_with(kBefore) && text.ends_with(kAfter)) << std::string(text);
    text.remove_prefix(kBefore.size());
    text.remove_suffix(kAfter.size());
    return text;
  }

  static SignedSum problem(const Task& task) {
    std::string text;
    for (const char c : problem_text(task))
      if (c != ' ') text += c;
    return read_expression(text);
  }
};

}  // namespace

const Family& arithmetic_family() {
  static const Arithmetic family;
  return family;
}

}  // namespace retort
