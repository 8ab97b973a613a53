#pragma once
// A cursor over bytes that somebody else wrote: every read is checked against the end.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace retort {

class ByteReader {
 public:
  // `path` is named in errors and outlives the reader.
  ByteReader(const std::string& path, std::span<const std::byte> bytes)
      : path_(path), bytes_(bytes) {}

  size_t position() const { return position_; }
  size_t left() const { return bytes_.size() - position_; }

  // A little-endian number. `what` names it in the error when the file ends before it.
  template <class Number>
  Number number(const char* what) {
    Number value;
    std::memcpy(&value, take(sizeof value, what), sizeof value);
    return value;
  }
  // A 64-bit length, then as many bytes of UTF-8. The view lives as long as the bytes.
  std::string_view text(const char* what);
  // A 64-bit count of items that take at least `item_bytes` each; UserError when they cannot all
  // follow.
  uint64_t count(size_t item_bytes, const char* what);

 private:
  const std::byte* take(size_t bytes, const char* what);

  const std::string& path_;
  std::span<const std::byte> bytes_;
  size_t position_ = 0;
};

}  // namespace retort
