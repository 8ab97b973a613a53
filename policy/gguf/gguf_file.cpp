#include "policy/gguf/gguf_file.h"

#include "base/error.h"
#include "policy/gguf/byte_reader.h"
#include "policy/gguf/ggml_types.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace retort {

namespace {

constexpr const char* kCopyAgain = "the file is damaged or cut off; copy it again";

// The types of metadata values, by number.
enum class ValueType : uint32_t {
  kU8 = 0,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kText,
  kArray,
  kU64,
  kI64,
  kF64,
};

size_t value_bytes(ValueType type) {
  switch (type) {
    case ValueType::kU8:
    case ValueType::kI8:
    case ValueType::kBool:
      return 1;
    case ValueType::kU16:
    case ValueType::kI16:
      return 2;
    case ValueType::kU32:
    case ValueType::kI32:
    case ValueType::kF32:
      return 4;
    default:
      return 8;  // 64-bit numbers; a text has at least its length
  }
}

// Reads the metadata and the table of tensors.
class Parser {
 public:
  Parser(const std::string& path, std::span<const std::byte> bytes)
      : path_(path), reader_(path, bytes) {}

  ByteReader& reader() { return reader_; }

  GgufValue value(std::string_view key) {
    const ValueType type = value_type(key);
    return type == ValueType::kArray ? array(key) : scalar(type, key);
  }

 private:
  [[noreturn]] void fail(std::string_view key, const std::string& what) const {
    throw UserError(path_, "key '" + std::string(key) + "': " + what, kCopyAgain);
  }

  ValueType value_type(std::string_view key) {
    const auto type = reader_.number<uint32_t>("the type of a value");
    if (type > static_cast<uint32_t>(ValueType::kF64))
      fail(key, "unknown value type " + std::to_string(type));
    return static_cast<ValueType>(type);
  }

  int64_t integer(ValueType type, std::string_view key) {
    constexpr const char* kWhat = "a value";
    switch (type) {
      case ValueType::kU8:
        return reader_.number<uint8_t>(kWhat);
      case ValueType::kI8:
        return reader_.number<int8_t>(kWhat);
      case ValueType::kU16:
        return reader_.number<uint16_t>(kWhat);
      case ValueType::kI16:
        return reader_.number<int16_t>(kWhat);
      case ValueType::kU32:
        return reader_.number<uint32_t>(kWhat);
      case ValueType::kI32:
        return reader_.number<int32_t>(kWhat);
      case ValueType::kI64:
        return reader_.number<int64_t>(kWhat);
      default:
        break;
    }
    const auto value = reader_.number<uint64_t>(kWhat);
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      fail(key, "the number " + std::to_string(value) + " is out of range");
    return static_cast<int64_t>(value);
  }

  double fraction(ValueType type) {
    return type == ValueType::kF32 ? reader_.number<float>("a value")
                                   : reader_.number<double>("a value");
  }

  bool flag(std::string_view key) {
    const auto value = reader_.number<uint8_t>("a value");
    if (value > 1) fail(key, "the truth value " + std::to_string(value));
    return value == 1;
  }

  GgufValue scalar(ValueType type, std::string_view key) {
    switch (type) {
      case ValueType::kBool:
        return flag(key);
      case ValueType::kText:
        return reader_.text("a text");
      case ValueType::kF32:
      case ValueType::kF64:
        return fraction(type);
      default:
        return integer(type, key);
    }
  }

  GgufValue array(std::string_view key) {
    const ValueType type = value_type(key);
    if (type == ValueType::kArray) fail(key, "a list of lists");
    const uint64_t count = reader_.count(value_bytes(type), "a list");
    switch (type) {
      case ValueType::kText: {
        std::vector<std::string_view> texts(count);
        for (std::string_view& item : texts) item = reader_.text("a text of a list");
        return texts;
      }
      case ValueType::kF32:
      case ValueType::kF64: {
        std::vector<double> numbers(count);
        for (double& item : numbers) item = fraction(type);
        return numbers;
      }
      default: {
        std::vector<int64_t> numbers(count);
        for (int64_t& item : numbers)
          item = type == ValueType::kBool ? flag(key) : integer(type, key);
        return numbers;
      }
    }
  }

  const std::string& path_;
  ByteReader reader_;
};

struct TableRow {
  GgufTensor tensor;
  uint64_t offset = 0;  // in the data section
  uint64_t bytes = 0;
};

TableRow read_table_row(const std::string& path, ByteReader& reader) {
  constexpr uint32_t kMaxDims = 4;
  TableRow row;
  row.tensor.name = reader.text("a tensor's name");
  const std::string place = path + ": tensor '" + row.tensor.name + "'";
  const auto dims = reader.number<uint32_t>("a tensor's number of dims");
  if (dims > kMaxDims) throw UserError(place, "has " + std::to_string(dims) + " dims", kCopyAgain);
  uint64_t elements = 1;
  bool overflows = false;
  for (uint32_t i = 0; i < dims; ++i) {
    const auto size = reader.number<uint64_t>("a tensor's shape");
    overflows |= size > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) ||
                 __builtin_mul_overflow(elements, size, &elements);
    row.tensor.shape.insert(row.tensor.shape.begin(), static_cast<int64_t>(size));
  }
  const GgmlTypeRow& type = find_ggml_type(place, reader.number<uint32_t>("a tensor's type"));
  row.tensor.type = static_cast<GgmlType>(type.number);
  row.offset = reader.number<uint64_t>("a tensor's offset");
  const uint64_t inner =
      row.tensor.shape.empty() ? 1 : static_cast<uint64_t>(row.tensor.shape.back());
  if (overflows || inner % type.block_elements != 0 ||
      __builtin_mul_overflow(elements / type.block_elements, uint64_t{type.block_bytes},
                             &row.bytes))
    throw UserError(
        place, "shape " + shape_text(row.tensor.shape) + " is none of " + std::string(type.name),
        kCopyAgain);
  return row;
}

// Gives every tensor its bytes: aligned, inside the data, none used twice.
void place_tensors(const std::string& path, std::vector<TableRow>& rows,
                   std::span<const std::byte> data, uint64_t alignment) {
  std::vector<std::pair<uint64_t, const TableRow*>> by_offset;
  for (TableRow& row : rows) {
    const std::string place = path + ": tensor '" + row.tensor.name + "'";
    if (row.offset % alignment != 0)
      throw UserError(place,
                      "offset " + std::to_string(row.offset) + " is not a multiple of " +
                          std::to_string(alignment),
                      kCopyAgain);
    if (row.offset > data.size() || row.bytes > data.size() - row.offset)
      throw UserError(place,
                      "needs " + std::to_string(row.bytes) + " bytes at offset " +
                          std::to_string(row.offset) + ", but the file has " +
                          std::to_string(data.size()) + " bytes of data",
                      kCopyAgain);
    row.tensor.bytes = data.subspan(row.offset, row.bytes);
    if (row.bytes > 0) by_offset.emplace_back(row.offset, &row);
  }
  std::sort(by_offset.begin(), by_offset.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (size_t i = 1; i < by_offset.size(); ++i)
    if (by_offset[i].first < by_offset[i - 1].first + by_offset[i - 1].second->bytes)
      throw UserError(path + ": tensor '" + by_offset[i].second->tensor.name + "'",
                      "overlaps tensor '" + by_offset[i - 1].second->tensor.name + "'", kCopyAgain);
}

}  // namespace

int64_t GgufTensor::size() const {
  int64_t elements = 1;
  for (const int64_t dim : shape) elements *= dim;
  return elements;
}

GgufFile GgufFile::open(const std::string& path) {
  GgufFile file{MappedFile(path)};
  const std::span<const std::byte> bytes = file.file_.bytes();
  Parser parser(file.path(), bytes);
  ByteReader& reader = parser.reader();
  constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
  if (reader.number<uint32_t>("the magic number") != kMagic)
    throw UserError(path, "is not a GGUF file", "name a .gguf file or a Hugging Face directory");
  const auto version = reader.number<uint32_t>("the version");
  if (version != 2 && version != 3)
    throw UserError(path,
                    (version & 0xffff) == 0 ? std::string("is a big-endian GGUF file")
                                            : "is GGUF version " + std::to_string(version),
                    "versions 2 and 3, little-endian, are read");
  // A table row has at least a name's length, dims, type and offset; a key its length, type and a
  // byte.
  const uint64_t tensor_count = reader.count(8 + 4 + 4 + 8, "the table of tensors");
  const uint64_t key_count = reader.count(8 + 4 + 1, "the metadata");
  for (uint64_t i = 0; i < key_count; ++i) {
    const std::string_view key = reader.text("a key");
    if (!file.values_.emplace(key, parser.value(key)).second)
      file.fail(key, "is there twice", kCopyAgain);
  }
  std::vector<TableRow> rows;
  for (uint64_t i = 0; i < tensor_count; ++i) rows.push_back(read_table_row(path, reader));
  std::vector<std::string_view> names;
  for (const TableRow& row : rows) names.push_back(row.tensor.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end())
    throw UserError(path, "tensor '" + std::string(*twice) + "' is there twice", kCopyAgain);

  constexpr int64_t kMaxAlignment = int64_t{1} << 20;
  const auto alignment =
      static_cast<uint64_t>(file.find_integer("general.alignment", 1, kMaxAlignment).value_or(32));
  if (!std::has_single_bit(alignment))
    file.fail("general.alignment", "is no power of two", kCopyAgain);
  const uint64_t data_start = (reader.position() + alignment - 1) / alignment * alignment;
  place_tensors(
      path, rows,
      data_start < bytes.size() ? bytes.subspan(data_start) : std::span<const std::byte>{},
      alignment);
  for (TableRow& row : rows) file.tensors_.push_back(std::move(row.tensor));
  return file;
}

const GgufTensor* GgufFile::find_tensor(std::string_view name) const {
  for (const GgufTensor& tensor : tensors_)
    if (tensor.name == name) return &tensor;
  return nullptr;
}

void GgufFile::fail(std::string_view key, const std::string& what, const std::string& fix) const {
  throw UserError(path(), "key '" + std::string(key) + "' " + what, fix);
}

const GgufValue* GgufFile::find(std::string_view key) const {
  const auto at = values_.find(key);
  return at == values_.end() ? nullptr : &at->second;
}

std::optional<std::string_view> GgufFile::find_text(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* text = std::get_if<std::string_view>(value)) return *text;
  fail(key, "is not a text", "use a file that llama.cpp's converter made");
}

std::optional<int64_t> GgufFile::find_integer(std::string_view key, int64_t low,
                                              int64_t high) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto* number = std::get_if<int64_t>(value);
  if (number != nullptr && *number >= low && *number <= high) return *number;
  fail(key, number == nullptr ? "is not an integer" : "is " + std::to_string(*number),
       "it must be from " + std::to_string(low) + " to " + std::to_string(high));
}

std::optional<double> GgufFile::find_number(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* integer = std::get_if<int64_t>(value)) return static_cast<double>(*integer);
  const auto* number = std::get_if<double>(value);
  if (number != nullptr && std::isfinite(*number)) return *number;
  fail(key, "is not a finite number", "use a file that llama.cpp's converter made");
}

std::optional<bool> GgufFile::find_flag(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* flag = std::get_if<bool>(value)) return *flag;
  fail(key, "is not a truth value", "use a file that llama.cpp's converter made");
}

const std::vector<std::string_view>* GgufFile::find_texts(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return nullptr;
  if (const auto* texts = std::get_if<std::vector<std::string_view>>(value)) return texts;
  fail(key, "is not a list of texts", "use a file that llama.cpp's converter made");
}

const std::vector<int64_t>* GgufFile::find_integers(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return nullptr;
  if (const auto* numbers = std::get_if<std::vector<int64_t>>(value)) return numbers;
  fail(key, "is not a list of integers", "use a file that llama.cpp's converter made");
}

std::string_view GgufFile::text(std::string_view key) const {
  if (const auto value = find_text(key)) return *value;
  fail(key, "is missing", "use a file that llama.cpp's converter made");
}

int64_t GgufFile::integer(std::string_view key, int64_t low, int64_t high) const {
  if (const auto value = find_integer(key, low, high)) return *value;
  fail(key, "is missing", "use a file that llama.cpp's converter made");
}

const std::vector<std::string_view>& GgufFile::texts(std::string_view key) const {
  if (const auto* value = find_texts(key)) return *value;
  fail(key, "is missing", "use a file that llama.cpp's converter made");
}

}  // namespace retort
