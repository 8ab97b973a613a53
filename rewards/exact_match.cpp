// exact_match: the completion is the answer, character by character.
#include "rewards/factories.h"
#include "rewards/gold_text.h"

#include <string_view>

namespace retort {
namespace {

// Unicode's White_Space property, in UTF-8.
constexpr std::string_view kWhiteSpace[] = {
    "\t",           "\n",           "\v",           "\f",           "\r",           " ",
    "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82",
    "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88",
    "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f",
    "\xe3\x80\x80"};

constexpr std::string_view kTag = "<answer>";
constexpr std::string_view kEndTag = "</answer>";

std::string_view stripped(std::string_view text) {
  for (bool again = true; again;) {
    again = false;
    for (const std::string_view space : kWhiteSpace) {
      if (text.starts_with(space)) {
        text.remove_prefix(space.size());
        again = true;
      }
      if (text.ends_with(space)) {
        text.remove_suffix(space.size());
        again = true;
      }
    }
  }
  return text;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

class ExactMatch final : public Reward {
 public:
  ExactMatch(bool answer_tag, bool strip, bool ignore_case)
      : answer_tag_(answer_tag), strip_(strip), ignore_case_(ignore_case) {}

  Judgement score(const Task& task, const Completion& completion) const override {
    const std::optional<std::string> gold = gold_text(task.answer);
    if (!gold) return verifier_error("the gold answer is neither a text nor a number");
    std::string_view text = completion.text;
    if (answer_tag_) {
      const size_t end = text.rfind(kEndTag);
      const size_t begin =
          end == std::string_view::npos ? std::string_view::npos : text.rfind(kTag, end);
      if (begin == std::string_view::npos) return wrong("no <answer>…</answer>");
      text = text.substr(begin + kTag.size(), end - begin - kTag.size());
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

std::unique_ptr<Reward> make_exact_match(const RewardOptions& options) {
  return std::make_unique<ExactMatch>(options.at("extract") == "answer_tag",
                                      options.at("strip") == "yes",
                                      options.at("ignore_case") == "yes");
}

}  // namespace retort
