#pragma once
// Little-endian writer and bounded reader of length-prefixed fields: the ground of the record
// codec.
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace retort::record {

static_assert(std::endian::native == std::endian::little,
              "records are written as the host's bytes");

class Writer {
 public:
  template <class Number>
  requires std::is_arithmetic_v<Number>
  void number(Number value) { append(&value, sizeof value); }
  void text(std::string_view value) {
    number(static_cast<uint32_t>(value.size()));
    append(value.data(), value.size());
  }
  void bytes(std::span<const uint8_t> values) { append(values.data(), values.size()); }
  template <class Number>
  void numbers(const std::vector<Number>& values) {
    append(values.data(), values.size() * sizeof(Number));
  }
  // A field: its number, its length, what `write(*this)` writes.
  template <class Write>
  void field(uint16_t name, const Write& write) {
    number(name);
    const size_t at = bytes_.size();
    number(uint32_t{0});
    write(*this);
    const auto length = static_cast<uint32_t>(bytes_.size() - at - sizeof(uint32_t));
    std::memcpy(bytes_.data() + at, &length, sizeof length);
  }
  std::vector<uint8_t> take() { return std::move(bytes_); }

 private:
  void append(const void* data, size_t count) {
    const auto* first = static_cast<const uint8_t*>(data);
    bytes_.insert(bytes_.end(), first, first + count);
  }
  std::vector<uint8_t> bytes_;
};

// Reads from a span; the first read that does not fit makes it `bad` and every later read gives
// zero. Nothing is allocated before its size was compared with the bytes that are left.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  bool bad() const { return bad_; }
  bool at_end() const { return bytes_.empty(); }
  size_t left() const { return bytes_.size(); }

  std::span<const uint8_t> take(size_t count) {
    if (bad_ || count > bytes_.size()) {
      bad_ = true;
      bytes_ = {};
      return {};
    }
    const auto part = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return part;
  }
  template <class Number>
  requires std::is_arithmetic_v<Number> Number number() {
    Number value{};
    const auto part = take(sizeof value);
    if (!bad_) std::memcpy(&value, part.data(), sizeof value);
    return value;
  }
  std::string text() {
    const auto part = take(number<uint32_t>());
    return std::string(reinterpret_cast<const char*>(part.data()), part.size());
  }
  // All that is left, as numbers.
  template <class Number>
  std::vector<Number> numbers() {
    if (bytes_.size() % sizeof(Number) != 0) {
      bad_ = true;
      return {};
    }
    const auto part = take(bytes_.size());
    std::vector<Number> values(part.size() / sizeof(Number));
    if (!values.empty()) std::memcpy(values.data(), part.data(), part.size());
    return values;
  }
  // A count of items of at least `item_bytes` each; more than fit is bad.
  uint32_t count(size_t item_bytes) {
    const auto items = number<uint32_t>();
    if (items > left() / item_bytes) {
      bad_ = true;
      return 0;
    }
    return items;
  }

 private:
  std::span<const uint8_t> bytes_;
  bool bad_ = false;
};

}  // namespace retort::record
