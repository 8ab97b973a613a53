#pragma once
// A mathematical text without what only changes how it looks.
#include <optional>
#include <string>
#include <string_view>

namespace retort::math {

// One spelling for each thing: \dfrac and \tfrac are \frac, × is \times, … ; \left, \left., \, and
// $ are spaces, single ones; thousands set apart by {,} or \, are joined; an escaped dollar is
// money, and so is a lone one in front. nullopt when dollars do not pair.
std::optional<std::string> plain_text(std::string_view raw);

// The "\text{", "\mathbf{" and the like that the text begins with; "" for none.
std::string_view font_command(std::string_view text);

// The inside of \text{…}, \mathbf{…} and the like, where that is the whole text, again and again.
std::string_view without_font(std::string_view text);

// Where the group closes that opens at text[open] == '{'; npos when it does not. \{ and \} are
// characters.
size_t group_end(std::string_view text, size_t open);

}  // namespace retort::math
