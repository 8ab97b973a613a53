#include "policy/tokenizer/byte_level.h"

#include "policy/tokenizer/utf8.h"

#include <array>

namespace retort {
namespace {

constexpr uint32_t kAlphabetEnd = 0x144;  // first code point behind the alphabet

struct Alphabet {
  std::array<std::string, 256> characters;
  std::array<int16_t, kAlphabetEnd> bytes;  // -1: not of the alphabet

  Alphabet() {
    bytes.fill(-1);
    uint32_t substitute = 0x100;
    for (uint32_t byte = 0; byte < 256; ++byte) {
      const bool is_printable =
          (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      const uint32_t code_point = is_printable ? byte : substitute++;
      append_code_point(code_point, &characters[byte]);
      bytes[code_point] = static_cast<int16_t>(byte);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet kAlphabet;
  return kAlphabet;
}

}  // namespace

std::string_view byte_character(uint8_t byte) { return alphabet().characters[byte]; }

std::optional<uint8_t> character_byte(uint32_t code_point) {
  if (code_point >= kAlphabetEnd || alphabet().bytes[code_point] < 0) return std::nullopt;
  return static_cast<uint8_t>(alphabet().bytes[code_point]);
}

void append_byte_characters(const TrackedText& text, size_t begin, size_t end, TrackedText* out) {
  const Alphabet& letters = alphabet();
  for (size_t i = begin; i < end; ++i) {
    const std::string& character = letters.characters[static_cast<uint8_t>(text.bytes[i])];
    out->append(character, text.origin(i, i + 1));
  }
}

}  // namespace retort
