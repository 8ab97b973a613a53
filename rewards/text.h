#pragma once
// Texts of completions, as several rewards look at them.
#include <optional>
#include <string>
#include <string_view>

namespace retort {

// Without Unicode's white space at both ends.
std::string_view stripped(std::string_view text);
// ASCII letters in lower case.
std::string lower(std::string_view text);
// The text of the last <answer>…</answer>; nullopt without one.
std::optional<std::string_view> last_answer_tag(std::string_view text);
// How often `part` occurs, without overlaps.
size_t count_of(std::string_view text, std::string_view part);

}  // namespace retort
