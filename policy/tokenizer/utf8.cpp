#include "policy/tokenizer/utf8.h"

#include <cstring>

namespace retort {
namespace {

struct Sequence {
  size_t length = 0;  // of the well-formed sequence, or of the maximal ill-formed part
  bool valid = false;
};

// What starts at `at`: one well-formed sequence, or the longest part of one.
Sequence sequence_at(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return {1, true};
  size_t length = 0;
  unsigned char low = 0x80;  // bounds of the second byte
  unsigned char high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {1, false};
  }
  for (size_t i = 1; i < length; ++i) {
    if (at + i >= text.size() || byte(at + i) < low || byte(at + i) > high) return {i, false};
    low = 0x80;
    high = 0xBF;
  }
  return {length, true};
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

std::optional<size_t> first_invalid_byte(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    uint64_t eight;
    if (at + 8 <= text.size()) {
      std::memcpy(&eight, text.data() + at, 8);
      if ((eight & 0x8080808080808080U) == 0) {
        at += 8;
        continue;
      }
    }
    const Sequence sequence = sequence_at(text, at);
    if (!sequence.valid) return at;
    at += sequence.length;
  }
  return std::nullopt;
}

uint32_t next_code_point(std::string_view text, size_t* at) {
  const auto byte = [&](size_t i) {
    return static_cast<uint32_t>(static_cast<unsigned char>(text[i]));
  };
  const uint32_t lead = byte((*at)++);
  if (lead < 0x80) return lead;
  const auto more = [&] { return byte((*at)++) & 0x3F; };
  if (lead < 0xE0) return (lead & 0x1F) << 6 | more();
  if (lead < 0xF0) {
    const uint32_t high = (lead & 0x0F) << 12 | more() << 6;
    return high | more();
  }
  const uint32_t high = (lead & 0x07) << 18 | more() << 12;
  const uint32_t middle = more() << 6;
  return high | middle | more();
}

uint32_t previous_code_point(std::string_view text, size_t* at) {
  --*at;
  while (is_continuation(text[*at])) --*at;
  size_t from = *at;
  return next_code_point(text, &from);
}

void append_code_point(uint32_t code_point, std::string* text) {
  const auto put = [&](uint32_t byte) { text->push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

size_t code_point_count(std::string_view text) {
  size_t count = 0;
  for (const char c : text) count += !is_continuation(c);
  return count;
}

void append_lossy(std::string_view bytes, std::string* text) {
  size_t at = 0;
  while (at < bytes.size()) {
    const Sequence sequence = sequence_at(bytes, at);
    text->append(sequence.valid ? bytes.substr(at, sequence.length) : "\xEF\xBF\xBD");
    at += sequence.length;
  }
}

bool is_white_space(uint32_t code_point) {
  if (code_point < 0x80) return code_point == ' ' || (code_point >= 0x09 && code_point <= 0x0D);
  switch (code_point) {
    case 0x85:
    case 0xA0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202F:
    case 0x205F:
    case 0x3000:
      return true;
    default:
      return code_point >= 0x2000 && code_point <= 0x200A;
  }
}

std::string_view trim_left(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t start = at;
    if (!is_white_space(next_code_point(text, &at))) return text.substr(start);
  }
  return {};
}

std::string_view trim_right(std::string_view text) {
  size_t at = text.size();
  while (at > 0) {
    const size_t end = at;
    if (!is_white_space(previous_code_point(text, &at))) return text.substr(0, end);
  }
  return {};
}

}  // namespace retort
