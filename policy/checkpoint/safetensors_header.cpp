#include "policy/checkpoint/safetensors_header.h"

#include "base/error.h"

#include <nlohmann/json.hpp>

#include <limits>
#include <utility>

namespace retort {

namespace {

struct DtypeRow {
  std::string_view name;
  int64_t bits;
};

// In the order of the enumeration.
constexpr DtypeRow kDtypes[] = {
    {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
    {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
    {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
    {"I64", 64},        {"U64", 64},
};

constexpr const char* kDamaged = "the file is damaged or is no safetensors file; copy it again";

// Events of the JSON parser. Where the next value belongs is `place_`; the values of unknown
// fields, which the reference library ignores too, are skipped by counting brackets.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderReader(const std::string& path) : path_(path) {}

  std::vector<HeaderEntry> take_entries() { return std::move(entries_); }

  bool null() override {
    if (place_ == Place::kMetadata) {
      place_ = Place::kRoot;
      return true;
    }
    return scalar("null");
  }
  bool boolean(bool) override { return scalar("a boolean"); }
  bool number_integer(number_integer_t) override { return scalar("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return scalar("a fraction"); }
  bool binary(binary_t&) override { return scalar("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (place_ == Place::kShape) {
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
        fail("shape has the size " + std::to_string(value));
      entry_.shape.push_back(static_cast<int64_t>(value));
      return true;
    }
    if (place_ == Place::kOffsets) {
      if (offsets_seen_ == 2) fail("data_offsets has more than two numbers");
      (offsets_seen_ == 0 ? entry_.begin : entry_.end) = value;
      ++offsets_seen_;
      return true;
    }
    return scalar("a number");
  }

  bool string(string_t& value) override {
    if (place_ == Place::kMetadataValue) {
      place_ = Place::kMetadataKeys;
      return true;
    }
    if (place_ == Place::kDtype) {
      for (size_t i = 0; i < std::size(kDtypes); ++i) {
        if (kDtypes[i].name != value) continue;
        entry_.dtype = static_cast<Dtype>(i);
        place_ = Place::kFields;
        return true;
      }
      fail("unknown dtype '" + value + "'");
    }
    return scalar("a string");
  }

  bool start_object(size_t) override {
    switch (place_) {
      case Place::kStart:
        place_ = Place::kRoot;
        return true;
      case Place::kMetadata:
        place_ = Place::kMetadataKeys;
        return true;
      case Place::kTensor:
        place_ = Place::kFields;
        return true;
      default:
        return open_bracket("an object");
    }
  }

  bool key(string_t& name) override {
    switch (place_) {
      case Place::kRoot:
        if (name == "__metadata__") {
          if (metadata_seen_) throw UserError(path_, "header has two __metadata__", kDamaged);
          metadata_seen_ = true;
          place_ = Place::kMetadata;
          return true;
        }
        entry_ = HeaderEntry{};
        entry_.name = name;
        dtype_seen_ = shape_seen_ = offsets_key_seen_ = false;
        offsets_seen_ = 0;
        place_ = Place::kTensor;
        return true;
      case Place::kMetadataKeys:
        place_ = Place::kMetadataValue;
        return true;
      case Place::kFields:
        if (name == "dtype") return field(&dtype_seen_, Place::kDtype, name);
        if (name == "shape") return field(&shape_seen_, Place::kShapeStart, name);
        if (name == "data_offsets") return field(&offsets_key_seen_, Place::kOffsetsStart, name);
        place_ = Place::kSkipped;
        return true;
      default:
        return true;  // a key inside a skipped value
    }
  }

  bool end_object() override {
    switch (place_) {
      case Place::kRoot:
        place_ = Place::kEnd;
        return true;
      case Place::kMetadataKeys:
        place_ = Place::kRoot;
        return true;
      case Place::kFields:
        if (!dtype_seen_) fail("has no dtype");
        if (!shape_seen_) fail("has no shape");
        if (!offsets_key_seen_) fail("has no data_offsets");
        entries_.push_back(std::move(entry_));
        place_ = Place::kRoot;
        return true;
      default:
        return close_bracket();
    }
  }

  bool start_array(size_t) override {
    switch (place_) {
      case Place::kShapeStart:
        place_ = Place::kShape;
        return true;
      case Place::kOffsetsStart:
        place_ = Place::kOffsets;
        return true;
      default:
        return open_bracket("a list");
    }
  }

  bool end_array() override {
    if (place_ == Place::kShape) {
      place_ = Place::kFields;
      return true;
    }
    if (place_ == Place::kOffsets) {
      if (offsets_seen_ != 2) fail("data_offsets has fewer than two numbers");
      place_ = Place::kFields;
      return true;
    }
    return close_bracket();
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) override {
    throw UserError(path_, "header is not valid JSON at byte " + std::to_string(8 + position),
                    kDamaged);
  }

 private:
  enum class Place {
    kStart,
    kRoot,
    kEnd,  // the outermost object
    kMetadata,
    kMetadataKeys,
    kMetadataValue,  // __metadata__: an object of strings, or null
    kTensor,
    kFields,  // a tensor's object
    kDtype,
    kShapeStart,
    kShape,
    kOffsetsStart,
    kOffsets,
    kSkipped,  // the value of an unknown field
  };

  [[noreturn]] void fail(const std::string& what) const {
    throw UserError(path_, "tensor '" + entry_.name + "': " + what, kDamaged);
  }

  bool field(bool* seen, Place next, const std::string& name) {
    if (*seen) fail("has two fields '" + name + "'");
    *seen = true;
    place_ = next;
    return true;
  }

  // A value that no case above wanted: skipped in an unknown field, else an error.
  bool unexpected(const char* kind) {
    switch (place_) {
      case Place::kStart:
        throw UserError(path_, "header is not a JSON object", kDamaged);
      case Place::kMetadata:
      case Place::kMetadataValue:
        throw UserError(path_, std::string("__metadata__ has ") + kind + " where text belongs",
                        kDamaged);
      case Place::kTensor:
        fail(std::string("is ") + kind + ", not an object");
      case Place::kDtype:
        fail(std::string("dtype is ") + kind);
      case Place::kShapeStart:
      case Place::kShape:
        fail(std::string("shape has ") + kind + " where a list of sizes belongs");
      default:
        fail(std::string("data_offsets has ") + kind + " where a list of two offsets belongs");
    }
  }
  bool scalar(const char* kind) {
    if (place_ != Place::kSkipped) return unexpected(kind);
    if (skipped_depth_ == 0) place_ = Place::kFields;
    return true;
  }
  bool open_bracket(const char* kind) {
    if (place_ != Place::kSkipped) return unexpected(kind);
    ++skipped_depth_;
    return true;
  }
  bool close_bracket() {
    if (--skipped_depth_ == 0) place_ = Place::kFields;
    return true;
  }

  const std::string& path_;
  std::vector<HeaderEntry> entries_;
  Place place_ = Place::kStart;
  HeaderEntry entry_;
  bool dtype_seen_ = false, shape_seen_ = false, offsets_key_seen_ = false, metadata_seen_ = false;
  int offsets_seen_ = 0;
  size_t skipped_depth_ = 0;
};

}  // namespace

std::string_view dtype_name(Dtype dtype) { return kDtypes[static_cast<size_t>(dtype)].name; }
int64_t dtype_bits(Dtype dtype) { return kDtypes[static_cast<size_t>(dtype)].bits; }

std::vector<HeaderEntry> parse_safetensors_header(const std::string& path, std::string_view text) {
  // The parser would skip a byte-order mark; the format has none.
  if (text.starts_with("\xef\xbb\xbf"))
    throw UserError(path, "header starts with a byte-order mark", kDamaged);
  HeaderReader reader(path);
  nlohmann::json::sax_parse(text.begin(), text.end(), &reader);
  return reader.take_entries();
}

bool tensor_bytes(const Shape& shape, Dtype dtype, uint64_t* bytes) {
  uint64_t bits = 1;
  for (const int64_t size : shape)
    if (__builtin_mul_overflow(bits, static_cast<uint64_t>(size), &bits)) return false;
  if (__builtin_mul_overflow(bits, static_cast<uint64_t>(dtype_bits(dtype)), &bits)) return false;
  *bytes = bits / 8;
  return bits % 8 == 0;
}

}  // namespace retort
