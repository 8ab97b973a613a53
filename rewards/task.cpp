// task: the verifier of the task's own family.
#include "rewards/registry.h"
#include "tasks/family.h"

namespace retort {
namespace {

Task text_task(std::string family, std::string prompt, std::string answer) {
  Task task;
  task.family = std::move(family);
  task.prompt = std::move(prompt);
  task.answer = std::move(answer);
  return task;
}

class TaskReward final : public Reward {
 public:
  Judgement score(const Task& task, const Completion& completion) const override {
    if (task.family.empty())
      return verifier_error("the task is of no family, so it has no verifier of its own");
    const Family* family = family_or_null(task.family);
    if (family == nullptr) return verifier_error("unknown family '" + task.family + "'");
    return family->score(task, completion);
  }

  std::vector<KnownAnswer> known_answers() const override {
    const Task sum = text_task("chain_sum", "3+20-16=", R"({"target":7})");
    const Task made =
        text_task("countdown", "18 31 39>10=", R"({"numbers":[18,31,39],"target":10})");
    Task asked = text_task("arithmetic", "", R"({"target":-4})");
    asked.messages = {{"user", "What is 3 - 7?"}};
    Task broken = sum;
    broken.answer = "7";
    const Completion worked{"<think>3+20=23-16=7</think><answer>7</answer>"};
    return {
        {"chain_sum, worked", sum, worked, Outcome::kValue, 1},
        {"chain_sum, direct", sum, {"<answer>7</answer>"}, Outcome::kValue, 1},
        {"chain_sum, wrong", sum, {"<answer>8</answer>"}, Outcome::kValue, 0},
        {"chain_sum, cut off", sum, {worked.text, StopReason::kLength}, Outcome::kValue, 0},
        {"chain_sum, broken gold", broken, worked, Outcome::kVerifierError, 0},
        {"countdown, any order", made, {"<answer>31-39+18</answer>"}, Outcome::kValue, 1},
        {"countdown, wrong value", made, {"<answer>18-31-39</answer>"}, Outcome::kValue, 0},
        {"countdown, number missing", made, {"<answer>39-29</answer>"}, Outcome::kValue, 0},
        {"arithmetic", asked, {"Answer: -4"}, Outcome::kValue, 1},
        {"arithmetic, the last counts", asked, {"Answer: -4\nAnswer: 4"}, Outcome::kValue, 0},
        {"no family", Task{}, worked, Outcome::kVerifierError, 0},
    };
  }
};

}  // namespace

RewardRow task_row() {
  return {"task",
          "what the verifier of the task's own family says",
          {},
          [](const RewardOptions&, const std::string&) -> std::unique_ptr<Reward> {
            return std::make_unique<TaskReward>();
          }};
}

}  // namespace retort
