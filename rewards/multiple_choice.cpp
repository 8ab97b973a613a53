// multiple_choice: the letter that the completion chooses is the answer's.
//
// Looked for in this order, the last one of a kind counting: <answer>…</answer> or the box in it,
// \boxed{…}, "answer is X" or "Answer: X", a completion that is a letter alone. Two letters in one
// place are no choice.
#include "rewards/gold_text.h"
#include "rewards/math/extract.h"
#include "rewards/registry.h"
#include "rewards/text.h"

#include <algorithm>

namespace retort {
namespace {

bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
bool is_word(char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; }

// "C", "C D": letters alone.
bool is_letters_alone(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i)
    if (i % 2 == 0 ? !is_letter(text[i]) : text[i] != ' ') return false;
  return text.size() % 2 == 1;
}

// "and B", ", C", "/D", "(C)", "C.", "C D", "or maybe E", "(or F)": a second choice follows.
bool goes_on_with_another(std::string_view rest) {
  const size_t first = rest.find_first_not_of(")]}*$. ");
  if (first == std::string_view::npos) return false;
  rest.remove_prefix(first);
  if (is_letters_alone(stripped(rest))) return true;
  const std::string_view marked = rest.substr(rest.starts_with('(') ? 1 : 0);
  if (marked.size() > 1 && is_letter(marked[0]) && (marked[1] == ')' || marked[1] == '.'))
    return true;
  for (const std::string_view joint : {"and ", "or ", "& ", "/", ","}) {
    if (!marked.starts_with(joint)) continue;
    rest = stripped(marked.substr(joint.size()));
    for (const std::string_view more : {"and ", "or ", "maybe ", "perhaps ", "possibly ",
                                        "probably ", "even ", "also ", "(", "\\text{"})
      if (rest.starts_with(more)) rest.remove_prefix(more.size());
    return !rest.empty() && is_letter(rest.front()) && (rest.size() == 1 || !is_word(rest[1]));
  }
  return false;
}

// "A cat", "I think": a word of the sentence, unless a reason follows.
bool may_be_a_word(char letter, std::string_view rest) {
  if ((letter != 'A' && letter != 'I') || !rest.starts_with(' ')) return false;
  rest = stripped(rest);
  for (const std::string_view reason : {"because", "since", "as "})
    if (rest.starts_with(reason)) return false;
  return !rest.empty() && is_letter(rest.front());
}

// "B", "(b)", "B.", "B) Paris", "**B**", "\text{B}" -> 'B'; 0 when it is none of these. In a
// `sentence` ("B because …") a capital may be followed by words.
char choice_of(std::string_view text, bool sentence) {
  text = stripped(text);
  for (const std::string_view open : {"**", "$", "\\text{", "\\textbf{", "\\mathrm{", "(", "["})
    if (text.starts_with(open)) text = stripped(text.substr(open.size()));
  if (text.empty() || !is_letter(text.front())) return 0;
  const bool capital = text.front() <= 'Z';
  const char letter = static_cast<char>(text.front() & ~0x20);
  const std::string_view rest = text.substr(1);
  if (rest.empty()) return letter;
  const std::string_view after = ").:]}*$,/\n";
  const bool closed = after.find(rest.front()) != std::string_view::npos;
  if (!closed && !(sentence && capital && rest.front() == ' ')) return 0;
  return may_be_a_word(letter, rest) || goes_on_with_another(rest) ? '\0' : letter;
}

std::string_view line_of(std::string_view text) { return text.substr(0, text.find('\n')); }

// What follows the last "answer is" or "answer:" on its line, or on the next when it ends there.
std::optional<std::string_view> last_phrase(std::string_view text) {
  const std::string low = lower(text);
  const size_t is = low.rfind("answer is"), colon = low.rfind("answer:");
  if (is == std::string::npos && colon == std::string::npos) return std::nullopt;
  const bool by_colon = is == std::string::npos || (colon != std::string::npos && colon > is);
  std::string_view rest = by_colon ? text.substr(colon + 7) : text.substr(is + 9);
  rest.remove_prefix(std::min(rest.find_first_not_of(" :*"), rest.size()));
  return line_of(rest.starts_with('\n') ? stripped(rest) : rest);
}

class MultipleChoice final : public Reward {
 public:
  Judgement score(const Task& task, const Completion& completion) const override {
    const std::optional<std::string> gold = gold_text(task.answer);
    const char expected = gold ? choice_of(*gold, false) : '\0';
    if (expected == 0) return verifier_error("the gold answer is no letter of a choice");
    const std::string_view text = completion.text;
    const std::optional<std::string_view> phrase = last_phrase(text), tag = last_answer_tag(text);
    const std::optional<math::Found> found_box = math::last_box(tag ? *tag : text);
    if (found_box && found_box->open)
      return {Outcome::kUnverifiable, 0, "more stands beside the box: what is meant is open"};
    const std::optional<std::string_view> box =
        found_box ? std::optional<std::string_view>(found_box->text) : std::nullopt;
    for (const auto& found : {box, tag, phrase, std::optional(text)}) {
      if (!found) continue;
      const bool sentence = phrase && found->data() == phrase->data();
      const char choice = choice_of(*found, sentence);
      if (choice == 0) return wrong("no letter of a choice");
      return choice == expected ? right() : wrong("chose " + std::string(1, choice));
    }
    return wrong("no letter of a choice");
  }

  std::vector<KnownAnswer> known_answers() const override {
    Task task, broken;
    task.answer = R"("B")";
    broken.answer = std::string("17");
    const auto known = [&](const char* what, const char* text, double score) {
      return KnownAnswer{what, task, Completion{text}, Outcome::kValue, score};
    };
    return {known("a letter", "B", 1),
            known("with its text", "The answer is (B) Paris.", 1),
            known("boxed", "so \\boxed{\\text{B}}", 1),
            known("tagged", "A? <answer>b</answer>", 1),
            known("another", "Answer: C", 0),
            known("two", "The answer is B and C.", 0),
            known("all", "Answer: (B) (C) (D)", 0),
            {"boxes side by side", task, Completion{"\\boxed{B} or \\boxed{C}"},
             Outcome::kUnverifiable, 0},
            known("a word", "Because", 0),
            known("a sentence", "B movies are the answer", 0),
            {"no letter as gold", broken, Completion{"B"}, Outcome::kVerifierError, 0}};
  }
};

}  // namespace

RewardRow multiple_choice_row() {
  return {"multiple_choice",
          "1 if the chosen letter is the answer's",
          {},
          [](const RewardOptions&, const std::string&) -> std::unique_ptr<Reward> {
            return std::make_unique<MultipleChoice>();
          }};
}

}  // namespace retort
