// exact_match: the completion is the answer, character by character.
#include "rewards/gold_text.h"
#include "rewards/registry.h"
#include "rewards/text.h"

#include <string_view>

namespace retort {
namespace {

class ExactMatch final : public Reward {
 public:
  ExactMatch(bool answer_tag, bool strip, bool ignore_case)
      : answer_tag_(answer_tag), strip_(strip), ignore_case_(ignore_case) {}

  Judgement score(const Task& task, const Completion& completion) const override {
    const std::optional<std::string> gold = gold_text(task.answer);
    if (!gold) return verifier_error("the gold answer is neither a text nor a number");
    std::string_view text = completion.text;
    if (answer_tag_) {
      const std::optional<std::string_view> answer = last_answer_tag(text);
      if (!answer) return wrong("no <answer>…</answer>");
      text = *answer;
    }
    return normal(text) == normal(*gold) ? right() : wrong("differs from the answer");
  }

  std::vector<KnownAnswer> known_answers() const override {
    const auto task = [](std::string answer) {
      Task result;
      result.answer = std::move(answer);
      return result;
    };
    const auto say = [this](const std::string& text) {
      return Completion{answer_tag_ ? "so <answer>" + text + "</answer>" : text};
    };
    return {
        {"equal", task(R"("Paris")"), say("Paris"), Outcome::kValue, 1},
        {"different", task(R"("Paris")"), say("London"), Outcome::kValue, 0},
        {"a prefix", task(R"("Paris")"), say("Paris, France"), Outcome::kValue, 0},
        {"white space", task(R"("Paris")"), say(" Paris\n"), Outcome::kValue, strip_ ? 1.0 : 0.0},
        {"case", task(R"("Paris")"), say("PARIS"), Outcome::kValue, ignore_case_ ? 1.0 : 0.0},
        {"a number", task("42"), say("42"), Outcome::kValue, 1},
        {"no gold", task("null"), say("42"), Outcome::kVerifierError, 0},
    };
  }

 private:
  std::string normal(std::string_view text) const {
    if (strip_) text = stripped(text);
    return ignore_case_ ? lower(text) : std::string(text);
  }

  const bool answer_tag_;
  const bool strip_;
  const bool ignore_case_;
};

}  // namespace

RewardRow exact_match_row() {
  return {"exact_match",
          "1 if the completion is the answer, character by character",
          {{"extract", OptionKind::kChoice, "whole|answer_tag",
            "what is compared: the whole completion, or the text of its last <answer>…</answer>"},
           {"strip", OptionKind::kChoice, "yes|no",
            "white space at both ends is left out, of the completion and of the answer"},
           {"ignore_case", OptionKind::kChoice, "no|yes", "ASCII letters are equal in both cases"}},
          [](const RewardOptions& options, const std::string&) -> std::unique_ptr<Reward> {
            return std::make_unique<ExactMatch>(options.is("extract", "answer_tag"),
                                                options.is("strip", "yes"),
                                                options.is("ignore_case", "yes"));
          }};
}

}  // namespace retort
