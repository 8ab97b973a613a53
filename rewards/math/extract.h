#pragma once
// Where a completion's answer stands.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort::math {

struct Found {
  std::string text;
  // What is meant cannot be told: other answers stand beside it, as in \boxed{1} or \boxed{2}; more
  // belongs to it, as in -\boxed{5}; or its box is never closed.
  bool open = false;
};

// The last \boxed{…} or \fbox{…}, braces balanced; nullopt without one.
std::optional<Found> last_box(std::string_view text);

// By the first of `ways` that finds something:
//   boxed       the last box
//   answer_tag  the last <answer>…</answer>, or the last box in it
//   phrase      what follows the last "answer is" or "answer:" in its sentence, or the last "####"
//               on its line
//   last        the whole completion when it is an answer, else its last number when that stands
//               alone between words
std::optional<Found> extract(std::string_view completion, const std::vector<std::string>& ways);

// A gold text may be a worked solution: its box, or what follows "####".
Found final_part(std::string_view gold);

}  // namespace retort::math
