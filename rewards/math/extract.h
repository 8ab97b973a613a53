#pragma once
// Where a completion's answer stands.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort::math {

// The text in the last \boxed{…} or \fbox{…}, braces balanced; nullopt without one. "" when the
// last is never closed.
std::optional<std::string_view> last_box(std::string_view text);

// By the first of `ways` that finds something:
//   boxed       the last \boxed{…}
//   answer_tag  the last <answer>…</answer>, or the last box in it
//   phrase      what follows the last "answer is" or "answer:" on its line
//   last        the last number of the text
std::optional<std::string> extract(std::string_view completion,
                                   const std::vector<std::string>& ways);

}  // namespace retort::math
