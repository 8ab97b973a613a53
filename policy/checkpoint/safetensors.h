#pragma once
// The safetensors file format: 8 bytes of header length, a JSON header, the tensors' bytes. Reading
// maps the file and trusts nothing in it; writing gives the bytes that the reference library gives
// for the same tensors with the metadata {"format": "pt"}.
#include "policy/checkpoint/mapped_file.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

// Every dtype of the format, in the order in which the reference library sorts them. Weights are
// the last four of the float kinds that load_f32 reads; the others are accepted in a file and
// refused when loaded.
enum class Dtype {
  kBool,
  kF4,
  kF6E2M3,
  kF6E3M2,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kF8E8M0,
  kF8E4M3Fnuz,
  kF8E5M2Fnuz,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kC64,
  kF64,
  kI64,
  kU64,
};

std::string_view dtype_name(Dtype dtype);  // "F32", "BF16", … as in the header
int64_t dtype_bits(Dtype dtype);

using Shape = std::vector<int64_t>;
std::string shape_text(const Shape& shape);  // "[2, 3]"

// One tensor of a mapped file. `bytes` has any alignment and lives as long as the file's object.
struct TensorView {
  std::string name;
  Dtype dtype = Dtype::kF32;
  Shape shape;
  std::span<const std::byte> bytes;
  int64_t size() const;  // number of elements
};

class SafetensorsFile {
 public:
  // Checks the whole header: lengths against the file, JSON, duplicate names and fields, dtypes,
  // offsets that cover the data exactly once and in order, shape x dtype == bytes. UserError `PATH:
  // tensor 'x': WHAT; FIX`. Memory used is bounded by the header's own length in the file.
  static SafetensorsFile open(const std::string& path);

  const std::string& path() const { return file_.path(); }
  const std::vector<TensorView>& tensors() const { return tensors_; }  // sorted by name
  const TensorView* find(std::string_view name) const;                 // nullptr if there is none
  const TensorView& at(std::string_view name) const;                   // UserError if there is none

 private:
  explicit SafetensorsFile(MappedFile file) : file_(std::move(file)) {}
  MappedFile file_;
  std::vector<TensorView> tensors_;
};

// The view's values as fp32 (exact from bf16, fp16, fp32) into out[view.size()]. UserError at
// `file` for another dtype.
void load_f32(const std::string& file, const TensorView& view, float* out);

// A tensor to be written. `fill` is called once, in file order, with the place for its bytes
// (elements x dtype), so that a large file needs memory for one tensor at a time.
struct TensorSource {
  std::string name;
  Dtype dtype = Dtype::kF32;
  Shape shape;
  std::function<void(std::span<std::byte>)> fill;
};

// `values` (fp32, as many as `shape` says) rounded to `dtype` (F32, BF16 or F16); they must live
// until the file is written.
TensorSource from_f32(std::string name, Shape shape, Dtype dtype, const float* values);
// `count` fp32 values as `dtype` (F32, BF16, F16) into `out`.
void store_f32(const float* values, size_t count, Dtype dtype, std::span<std::byte> out);

// Tensors are ordered by dtype (wider kinds first), then name; the file appears whole or not at
// all.
void write_safetensors(const std::string& path, std::vector<TensorSource> tensors);

}  // namespace retort
