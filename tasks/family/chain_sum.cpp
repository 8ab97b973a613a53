// chain_sum: "3+20-16=" -> 7. The work is the running totals, "3+20=23-16=7".
#include "tasks/family.h"
#include "tasks/family/gold.h"
#include "tasks/family/running_total.h"
#include "tasks/family/tagged_answer.h"
#include "tasks/split_hash.h"

#include <algorithm>

namespace retort {
namespace {

struct Level {
  int terms;
  int largest;  // numbers are uniform in 1 .. largest
};
constexpr Level kLevels[] = {{2, 9},  {2, 20}, {2, 99}, {3, 9},  {3, 20},
                             {3, 50}, {3, 99}, {4, 20}, {4, 50}, {4, 99}};

// A direct answer is right this often, else off by 1 to 10: the base knows the form, not the sum.
constexpr double kDirectRight = 0.1;

class ChainSum final : public Family {
 public:
  std::string_view name() const override { return "chain_sum"; }

  Split side_of(const Task& task) const override {
    return crc32(task.prompt) % 8 == 0 ? Split::kHeldOut : Split::kTrain;
  }

  Judgement score(const Task& task, const Completion& completion) const override {
    std::string error;
    const std::optional<Gold> gold = read_gold(task.answer, /*with_numbers=*/false, &error);
    if (!gold) return verifier_error(error);
    const std::optional<std::string_view> answer = tagged_answer(completion);
    if (!answer) return wrong("not in the form of an answer, ended by the end of text");
    if (*answer == std::to_string(gold->target)) return right();
    return wrong("got " + quoted(*answer) + ", expected " + std::to_string(gold->target));
  }

  std::string worked(const Task& task) const override {
    const SignedSum sum = problem(task);
    return worked_answer(running_totals(sum), std::to_string(value_of(sum)));
  }

  std::string direct(const Task& task, PhiloxStream& stream) const override {
    int64_t guess = value_of(problem(task));
    if (!stream.coin(kDirectRight)) {
      const int64_t sign = stream.coin(0.5) ? 1 : -1;
      guess = std::max<int64_t>(0, guess + sign * stream.range(1, 10));
    }
    return direct_answer(std::to_string(guess));
  }

 protected:
  // A '-' that would make the total negative becomes a '+': totals and answers have no sign.
  Task generate(int level, PhiloxStream& stream) const override {
    const Level& shape = kLevels[level - 1];
    SignedSum sum;
    sum.numbers.push_back(stream.range(1, shape.largest));
    int64_t total = sum.numbers[0];
    for (int term = 1; term < shape.terms; ++term) {
      const int64_t number = stream.range(1, shape.largest);
      const bool subtract = stream.coin(0.5) && number <= total;
      sum.numbers.push_back(number);
      sum.signs.push_back(subtract ? '-' : '+');
      total += subtract ? -number : number;
    }
    Task task;
    task.prompt = expression(sum) + "=";
    task.answer = write_gold({{}, total});
    return task;
  }

 private:
  static SignedSum problem(const Task& task) {
    return read_expression(std::string_view(task.prompt).substr(0, task.prompt.find('=')));
  }
};

}  // namespace

const Family& chain_sum_family() {
  static const ChainSum family;
  return family;
}

}  // namespace retort
