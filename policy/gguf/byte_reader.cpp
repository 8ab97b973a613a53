#include "policy/gguf/byte_reader.h"

#include "base/error.h"

namespace retort {

namespace {

constexpr const char* kCopyAgain = "the file is damaged or cut off; copy it again";

// Well-formed UTF-8 (Unicode 15, table 3-7): no overlong forms, no surrogates, nothing past
// U+10FFFF.
bool is_utf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() - i < length) return false;
    uint32_t code = lead & (0xffu >> (length + 1));
    for (size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      code = code << 6 | (next & 0x3fu);
    }
    const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    if (overlong || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    i += length;
  }
  return true;
}

}  // namespace

const std::byte* ByteReader::take(size_t bytes, const char* what) {
  if (bytes > left())
    throw UserError(
        path_, std::string("ends at byte ") + std::to_string(bytes_.size()) + ", inside " + what,
        kCopyAgain);
  const std::byte* at = bytes_.data() + position_;
  position_ += bytes;
  return at;
}

std::string_view ByteReader::text(const char* what) {
  const uint64_t length = count(1, what);
  const std::string_view view(reinterpret_cast<const char*>(take(length, what)), length);
  if (!is_utf8(view))
    throw UserError(
        path_, std::string(what) + " before byte " + std::to_string(position_) + " is not UTF-8",
        kCopyAgain);
  return view;
}

uint64_t ByteReader::count(size_t item_bytes, const char* what) {
  const auto items = number<uint64_t>(what);
  if (items > left() / item_bytes)
    throw UserError(path_,
                    std::string(what) + " is said to have " + std::to_string(items) +
                        " parts, but " + std::to_string(left()) + " bytes follow",
                    kCopyAgain);
  return items;
}

}  // namespace retort
