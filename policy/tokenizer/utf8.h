#pragma once
// UTF-8: checking, walking and writing. Everything after `first_invalid_byte` may assume valid
// text.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace retort {

// Position of the first byte that does not belong to valid UTF-8 (Unicode 3.9 table 3-7: no
// surrogates, no overlong forms, nothing above U+10FFFF); nothing when all of it is valid.
std::optional<size_t> first_invalid_byte(std::string_view text);

// The code point that starts at `*at`, which moves behind it. The text is valid and `*at` is a
// character's first byte.
uint32_t next_code_point(std::string_view text, size_t* at);

// The code point that ends before `*at`, which moves to its first byte.
uint32_t previous_code_point(std::string_view text, size_t* at);

void append_code_point(uint32_t code_point, std::string* text);

// Number of code points of valid text.
size_t code_point_count(std::string_view text);

// Appends bytes as text: valid parts as they are, U+FFFD for each maximal part of an ill-formed
// sequence (Unicode 3.9, "substitution of maximal subparts", as Rust's from_utf8_lossy).
void append_lossy(std::string_view bytes, std::string* text);

// The property White_Space: what Rust, Python's regular expressions and Oniguruma's \s agree on.
bool is_white_space(uint32_t code_point);

// The text without the white space at its ends.
std::string_view trim_left(std::string_view text);
std::string_view trim_right(std::string_view text);

}  // namespace retort
