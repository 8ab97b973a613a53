// countdown: "7 12 1>20=" -> an expression of exactly these numbers that makes the target. The work
// tries sums and differences in a fixed order until one hits: "7+12=19+1=20".
#include "base/check.h"
#include "tasks/family.h"
#include "tasks/family/gold.h"
#include "tasks/family/running_total.h"
#include "tasks/family/tagged_answer.h"
#include "tasks/split_hash.h"

#include <algorithm>
#include <bit>

namespace retort {
namespace {

struct Level {
  int numbers;
  int largest;  // numbers are uniform in 1 .. largest
};
constexpr Level kLevels[] = {{3, 9},  {3, 12}, {3, 20}, {3, 30}, {3, 50},
                             {3, 99}, {4, 9},  {4, 20}, {4, 50}, {4, 99}};

// The search order: patterns of signs by number of subtracted numbers, then by bit mask (bit i:
// number i is subtracted). Added numbers stand first, subtracted ones after, both in the order of
// the prompt. Patterns that add a single number are left out: no target needs them.
std::vector<SignedSum> tries(const std::vector<int64_t>& numbers) {
  const uint32_t patterns = (1u << numbers.size()) - 1;  // without the one that subtracts them all
  std::vector<uint32_t> masks;
  for (uint32_t mask = 0; mask < patterns; ++mask) masks.push_back(mask);
  std::stable_sort(masks.begin(), masks.end(),
                   [](uint32_t a, uint32_t b) { return std::popcount(a) < std::popcount(b); });
  std::vector<SignedSum> result;
  for (const uint32_t mask : masks) {
    const size_t added = numbers.size() - static_cast<size_t>(std::popcount(mask));
    if (added == 1) continue;
    SignedSum sum;
    for (size_t i = 0; i < numbers.size(); ++i)
      if (!(mask >> i & 1)) sum.numbers.push_back(numbers[i]);
    for (size_t i = 0; i < numbers.size(); ++i)
      if (mask >> i & 1) sum.numbers.push_back(numbers[i]);
    sum.signs.assign(added - 1, '+');
    sum.signs.resize(numbers.size() - 1, '-');
    result.push_back(std::move(sum));
  }
  return result;
}

// \d+([+*-]\d+)* read into numbers (leading zeros dropped, as text: any length) and operators.
struct Candidate {
  std::vector<std::string_view> numbers;
  std::vector<char> operators;
};

std::optional<Candidate> read_candidate(std::string_view text) {
  Candidate candidate;
  while (true) {
    const size_t length = std::min(text.find_first_not_of("0123456789"), text.size());
    if (length == 0) return std::nullopt;
    std::string_view number = text.substr(0, length);
    number.remove_prefix(std::min(number.find_first_not_of('0'), number.size() - 1));
    candidate.numbers.push_back(number);
    text.remove_prefix(length);
    if (text.empty()) return candidate;
    candidate.operators.push_back(text.front());
    text.remove_prefix(1);
  }
}

// '*' binds closer than '+' and '-', which go from left to right. Numbers are within the gold's
// bounds, so no sum or product overflows 128 bits.
__int128 evaluate(const std::vector<int64_t>& numbers, const std::vector<char>& operators) {
  __int128 total = 0;
  __int128 product = numbers[0];
  for (size_t i = 0; i < operators.size(); ++i) {
    if (operators[i] == '*') {
      product *= numbers[i + 1];
      continue;
    }
    total += product;
    product = operators[i] == '+' ? numbers[i + 1] : -numbers[i + 1];
  }
  return total + product;
}

class Countdown final : public Family {
 public:
  std::string_view name() const override { return "countdown"; }

  Split side_of(const Task& task) const override {
    return crc32(task.prompt) % 8 == 0 ? Split::kHeldOut : Split::kTrain;
  }

  Judgement score(const Task& task, const Completion& completion) const override {
    std::string error;
    const std::optional<Gold> gold = read_gold(task.answer, /*with_numbers=*/true, &error);
    if (!gold) return verifier_error(error);
    const std::optional<std::string_view> answer = tagged_answer(completion);
    if (!answer) return wrong("not in the form of an answer, ended by the end of text");
    const std::optional<Candidate> candidate = read_candidate(*answer);
    if (!candidate) return wrong(quoted(*answer) + " is not an expression");

    // Compared as texts first: a number of any length is then either one of the task's or refused.
    std::vector<std::string> wanted;
    for (const int64_t number : gold->numbers) wanted.push_back(std::to_string(number));
    std::vector<std::string> given(candidate->numbers.begin(), candidate->numbers.end());
    const std::vector<std::string> in_order = given;
    std::sort(wanted.begin(), wanted.end());
    std::sort(given.begin(), given.end());
    if (wanted != given) return wrong(quoted(*answer) + " does not use each number once");

    std::vector<int64_t> numbers;
    for (const std::string& number : in_order) numbers.push_back(std::stoll(number));
    const __int128 value = evaluate(numbers, candidate->operators);
    if (value == gold->target) return right();
    return wrong(quoted(*answer) + " does not make " + std::to_string(gold->target));
  }

  std::string worked(const Task& task) const override {
    const Gold gold = problem(task);
    std::string work;
    for (const SignedSum& sum : tries(gold.numbers)) {
      work += (work.empty() ? "" : ";") + running_totals(sum);
      if (value_of(sum) == gold.target) return worked_answer(work, expression(sum));
    }
    RT_CHECK(false) << "no try makes the target of " << task.prompt;
    return "";
  }

  // Random order, random signs.
  std::string direct(const Task& task, PhiloxStream& stream) const override {
    SignedSum sum;
    sum.numbers = problem(task).numbers;
    stream.shuffle(sum.numbers);
    for (size_t i = 1; i < sum.numbers.size(); ++i)
      sum.signs.push_back(stream.coin(0.5) ? '+' : '-');
    return direct_answer(expression(sum));
  }

 protected:
  // The target is that of a random try, so every problem is solved by one; targets are positive.
  Task generate(int level, PhiloxStream& stream) const override {
    const Level& shape = kLevels[level - 1];
    Gold gold;
    while (gold.target <= 0) {
      gold.numbers.clear();
      for (int i = 0; i < shape.numbers; ++i)
        gold.numbers.push_back(stream.range(1, shape.largest));
      const std::vector<SignedSum> sums = tries(gold.numbers);
      const int64_t pick = stream.range(0, static_cast<int64_t>(sums.size()) - 1);
      gold.target = value_of(sums[static_cast<size_t>(pick)]);
    }
    Task task;
    for (const int64_t number : gold.numbers)
      task.prompt += (task.prompt.empty() ? "" : " ") + std::to_string(number);
    task.prompt += ">" + std::to_string(gold.target) + "=";
    task.answer = write_gold(gold);
    return task;
  }

 private:
  static Gold problem(const Task& task) {
    std::string error;
    const std::optional<Gold> gold = read_gold(task.answer, /*with_numbers=*/true, &error);
    RT_CHECK(gold.has_value()) << error;
    return *gold;
  }
};

}  // namespace

const Family& countdown_family() {
  static const Countdown family;
  return family;
}

}  // namespace retort
