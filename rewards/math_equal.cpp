// math_equal: the completion's answer equals the gold answer by value, proved exactly
// (rewards/math).
#include "base/error.h"
#include "rewards/gold_text.h"
#include "rewards/math/answer.h"
#include "rewards/math/extract.h"
#include "rewards/registry.h"

#include <nlohmann/json.hpp>

#include <charconv>

namespace retort {
namespace {

// A gold number in JSON has passed through a double: one with so many digits may have lost some.
bool may_have_lost_digits(const std::string& answer) {
  constexpr size_t kDoubleDigits = 15;
  const nlohmann::json value = nlohmann::json::parse(answer, nullptr, /*allow_exceptions=*/false);
  if (!value.is_number_float()) return false;
  std::string digits = value.dump();
  digits = digits.substr(0, digits.find_first_of("eE"));
  std::erase_if(digits, [](char c) { return c < '0' || c > '9'; });
  digits.erase(0, digits.find_first_not_of('0'));
  return digits.size() > kDoubleDigits + (digits.ends_with('0') ? 1 : 0);
}

Judgement unverifiable(std::string detail) {
  return {Outcome::kUnverifiable, 0, std::move(detail)};
}

class MathEqual final : public Reward {
 public:
  MathEqual(std::vector<std::string> ways, math::Equality rules)
      : ways_(std::move(ways)), rules_(rules) {}

  Judgement score(const Task& task, const Completion& completion) const override {
    std::string why;
    const std::optional<std::string> text = gold_text(task.answer);
    if (!text) return verifier_error("the gold answer is neither a text nor a number");
    if (may_have_lost_digits(task.answer))
      return verifier_error("the gold answer is a number of many digits: write it as a text");
    const math::Found part = math::final_part(*text);
    if (part.open) return verifier_error("the gold answer's box is not all of it");
    const std::optional<math::Answer> gold = math::read_answer(part.text, &why);
    if (!gold) return verifier_error("the gold answer " + why);
    const std::optional<math::Found> found = math::extract(completion.text, ways_);
    if (!found) return wrong("no answer found");
    if (found->open) return unverifiable("more stands beside the answer: what is meant is open");
    const std::optional<math::Answer> answer = math::read_answer(found->text, &why);
    if (!answer) return unverifiable("the answer " + why);
    switch (match(*gold, *answer, rules_)) {
      case math::Match::kEqual:
        return right();
      case math::Match::kDiffers:
        return wrong("differs from the answer");
      case math::Match::kOpen:
        return unverifiable("whether it is the answer cannot be told");
    }
    return verifier_error("unreachable");
  }

  std::vector<KnownAnswer> known_answers() const override {
    const auto known = [this](const char* what, const char* gold, const std::string& answer,
                              double score, Outcome outcome = Outcome::kValue) {
      Task task;
      task.answer = gold;
      return KnownAnswer{what, task, Completion{said(answer)}, outcome, score};
    };
    return {known("a number", "42", "42", 1),
            known("another", "42", "43", 0),
            known("a fraction", R"("1/2")", "\\frac{1}{2}", 1),
            known("a decimal", R"("0.5")", "\\dfrac12", 1),
            known("a root", R"("2\\sqrt{2}")", "\\sqrt{8}", 1),
            known("upside down", R"("3/4")", "4/3", 0),
            known("a tuple", "\"(1,2)\"", "(1, 2)", 1),
            known("beyond every bound", "7", "9^{9^{9^{9}}}", 0, Outcome::kUnverifiable),
            known("a gold answer that is not read", R"("x+1")", "1", 0, Outcome::kVerifierError)};
  }

 private:
  // An answer where the first way looks for it.
  std::string said(const std::string& answer) const {
    if (ways_.front() == "boxed") return "so \\boxed{" + answer + "}";
    if (ways_.front() == "answer_tag") return "<answer>" + answer + "</answer>";
    if (ways_.front() == "phrase") return "The answer is " + answer;
    return answer;
  }

  const std::vector<std::string> ways_;
  const math::Equality rules_;
};

std::unique_ptr<Reward> make(const RewardOptions& options, const std::string& place) {
  math::Equality rules;
  rules.percent_equal = options.is("percent", "equal");
  rules.lone_unit_free = options.is("units", "free");
  rules.tuple_as_set = options.is("tuple_as_set", "yes");
  const std::string& tolerance = options.text("tolerance");
  if (tolerance != "exact") {
    double value = -1;
    const auto [end, error] =
        std::from_chars(tolerance.data(), tolerance.data() + tolerance.size(), value);
    if (error != std::errc() || end != tolerance.data() + tolerance.size() || !(value > 0) ||
        value > 0.1)
      throw UserError(place, "math_equal: tolerance is '" + tolerance + "'",
                      "set it to exact, or to a number such as 1e-6");
    rules.tolerance = value;
  }
  return std::make_unique<MathEqual>(options.list("extract"), rules);
}

}  // namespace

RewardRow math_equal_row() {
  return {
      "math_equal",
      "1 if the answer equals the gold answer by value: numbers, roots, tuples, sets, intervals, "
      "matrices; no variables or functions",
      {{"extract", OptionKind::kList, "boxed|answer_tag|phrase|last",
        "where the answer is looked for, in this order"},
       {"percent", OptionKind::kChoice, "strict|equal", "whether 50% answers 50 too"},
       {"units", OptionKind::kChoice, "strict|free",
        "whether a unit must be named by both: free lets $10 and 10 dollars answer 10"},
       {"tuple_as_set", OptionKind::kChoice, "no|yes", "whether the order of a tuple is free"},
       {"tolerance", OptionKind::kText, "exact",
        "exact, or how far off a number may be, of max(1, |gold|)"},
       {"preset", OptionKind::kChoice, "own",
        "only the options above: r1, math_verify and prm800k are not in this release"}},
      make};
}

}  // namespace retort
