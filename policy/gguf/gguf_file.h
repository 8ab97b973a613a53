#pragma once
// GGUF, the single-file format of llama.cpp, versions 2 and 3, little-endian: magic, counts,
// key/value metadata, a table of tensors, their data. Reading maps the file and trusts nothing in
// it.
#include "policy/checkpoint/mapped_file.h"
#include "policy/checkpoint/safetensors.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace retort {

// A metadata value. Integers of every width are int64 (an unsigned one beyond it is refused),
// floats are double. Texts are valid UTF-8 and live in the mapped file.
using GgufValue = std::variant<bool, int64_t, double, std::string_view, std::vector<int64_t>,
                               std::vector<double>, std::vector<std::string_view>>;

// How a tensor's values are stored; the numbers are ggml's.
enum class GgmlType : uint32_t { kF32 = 0, kF16 = 1, kQ4_1 = 3, kQ8_0 = 8, kBF16 = 30 };

struct GgufTensor {
  std::string name;
  GgmlType type = GgmlType::kF32;
  Shape shape;  // outermost first, as in safetensors; the file has it innermost first
  std::span<const std::byte> bytes;
  int64_t size() const;  // number of elements
};

class GgufFile {
 public:
  // Checks everything up to the last tensor's last byte. UserError `PATH: WHAT; FIX` for a file
  // that is cut off, counts more than it holds, repeats a key or tensor, has unaligned or
  // overlapping data, or a value or tensor type that is not read (named).
  static GgufFile open(const std::string& path);

  const std::string& path() const { return file_.path(); }
  const std::vector<GgufTensor>& tensors() const { return tensors_; }  // in the file's order
  const GgufTensor* find_tensor(std::string_view name) const;          // nullptr if there is none

  // Values by key: nothing when absent, UserError when of another kind.
  std::optional<std::string_view> find_text(std::string_view key) const;
  std::optional<int64_t> find_integer(std::string_view key, int64_t low, int64_t high) const;
  std::optional<double> find_number(std::string_view key) const;  // finite
  std::optional<bool> find_flag(std::string_view key) const;
  const std::vector<std::string_view>* find_texts(
      std::string_view key) const;  // nullptr when absent
  const std::vector<int64_t>* find_integers(std::string_view key) const;
  // The same, UserError when absent.
  std::string_view text(std::string_view key) const;
  int64_t integer(std::string_view key, int64_t low, int64_t high) const;
  const std::vector<std::string_view>& texts(std::string_view key) const;

  [[noreturn]] void fail(std::string_view key, const std::string& what,
                         const std::string& fix) const;

 private:
  explicit GgufFile(MappedFile file) : file_(std::move(file)) {}
  const GgufValue* find(std::string_view key) const;

  MappedFile file_;
  std::map<std::string_view, GgufValue> values_;
  std::vector<GgufTensor> tensors_;
};

// The tensor's values as fp32 into out[tensor.size()]. Blocks of 32 along the innermost dim:
//   Q4_1: fp16 d, fp16 m, 16 bytes q (low nibbles first): d q + m, the product rounded before the
//   sum Q8_0: fp16 d, 32 int8 q: d q
void dequantize(const GgufTensor& tensor, float* out);

}  // namespace retort
