// format_think_answer: R1-Zero's format reward (DeepSeek-R1 2501.12948): the completion is one
// <think>…</think>, then one <answer>…</answer>, and nothing else.
#include "rewards/registry.h"
#include "rewards/text.h"

namespace retort {
namespace {

class FormatThinkAnswer final : public Reward {
 public:
  Judgement score(const Task&, const Completion& completion) const override {
    if (completion.stop == StopReason::kLength) return wrong("cut off");
    std::string_view text = stripped(completion.text);
    for (const std::string_view tag : {"<think>", "</think>", "<answer>", "</answer>"})
      if (count_of(text, tag) != 1)
        return wrong("has " + std::to_string(count_of(text, tag)) + " times " + std::string(tag));
    if (!text.starts_with("<think>")) return wrong("does not begin with <think>");
    if (!text.ends_with("</answer>")) return wrong("does not end with </answer>");
    const size_t think_end = text.find("</think>"), answer = text.find("<answer>");
    if (think_end > answer) return wrong("<answer> stands inside of <think>");
    const size_t between = think_end + std::string_view("</think>").size();
    if (!stripped(text.substr(between, answer - between)).empty())
      return wrong("text between </think> and <answer>");
    if (stripped(*last_answer_tag(text)).empty()) return wrong("the answer is empty");
    return right();
  }

  std::vector<KnownAnswer> known_answers() const override {
    const auto known = [](const char* what, const char* text, double score) {
      return KnownAnswer{what, Task(), Completion{text}, Outcome::kValue, score};
    };
    return {known("in order", "<think>1+1</think>\n<answer>2</answer>\n", 1),
            known("no thinking", "<answer>2</answer>", 0),
            known("an answer inside of the thinking", "<think><answer>2</answer></think>", 0),
            known("two answers", "<think>a</think><answer>1</answer><answer>2</answer>", 0),
            known("text after the answer", "<think>a</think><answer>2</answer> so", 0)};
  }
};

}  // namespace

RewardRow format_think_answer_row() {
  return {"format_think_answer",
          "1 if it is one <think>…</think>, then one <answer>…</answer>, and nothing else",
          {},
          [](const RewardOptions&, const std::string&) -> std::unique_ptr<Reward> {
            return std::make_unique<FormatThinkAnswer>();
          }};
}

}  // namespace retort
