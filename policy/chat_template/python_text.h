#pragma once
// Strings as Python sees them: indices count code points, white space and case are Unicode's.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace retort::python {

int64_t length(std::string_view text);  // code points
std::vector<std::string_view> characters(std::string_view text);

bool is_space(
    uint32_t code_point);  // str.isspace(): White_Space and the separators U+001C to U+001F

// str.strip() and its halves: white space, or any of `chars`.
enum class Side { kLeft, kRight, kBoth };
std::string_view strip(std::string_view text, Side side);
std::string_view strip(std::string_view text, Side side, std::string_view chars);

std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalize(std::string_view text);  // first character in title case, the rest lower
std::string title(std::string_view text);       // str.title()
std::string swapcase(std::string_view text);

// str.isalpha() and its kin: true for a text that is not empty and whose characters all are.
bool is_alpha(std::string_view text);
bool is_digit(std::string_view text);
bool is_decimal(std::string_view text);
bool is_alnum(std::string_view text);
bool is_all_space(std::string_view text);
bool is_upper(std::string_view text);  // some cased character, and none lower
bool is_lower(std::string_view text);

// str.split() and rsplit(). At most `limit` cuts, -1: no limit.
std::vector<std::string> split_at_space(std::string_view text, int64_t limit);
std::vector<std::string> rsplit_at_space(std::string_view text, int64_t limit);
std::vector<std::string> split(std::string_view text, std::string_view separator, int64_t limit);
std::vector<std::string> rsplit(std::string_view text, std::string_view separator, int64_t limit);
std::vector<std::string> split_lines(std::string_view text, bool keep_ends);

// At most `limit` replacements, -1: all. An empty `from` lies between all characters.
std::string replace(std::string_view text, std::string_view from, std::string_view to,
                    int64_t limit);

// repr() of a string and of a float.
std::string quoted(std::string_view text);
std::string float_text(double value);

}  // namespace retort::python
