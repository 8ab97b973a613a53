#pragma once
// The byte-level alphabet of GPT-2: one printable character for each byte, so that any text is a
// sequence of characters of a vocabulary. Printable Latin-1 bytes stand for themselves; the others,
// in order, are the characters from U+0100 on (space is U+0120, 'Ġ').
#include "policy/tokenizer/pieces.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace retort {

// The character of a byte, in UTF-8.
std::string_view byte_character(uint8_t byte);

// The byte of a character; nothing when the character is not of the alphabet.
std::optional<uint8_t> character_byte(uint32_t code_point);

// Appends the characters of the bytes [begin, end) of `text`.
void append_byte_characters(const TrackedText& text, size_t begin, size_t end, TrackedText* out);

}  // namespace retort
