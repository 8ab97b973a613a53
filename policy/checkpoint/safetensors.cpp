#include "policy/checkpoint/safetensors.h"

#include "base/error.h"
#include "policy/checkpoint/half.h"
#include "policy/checkpoint/safetensors_header.h"

#include <algorithm>
#include <cstring>

namespace retort {

namespace {

// The reference library's bound; it keeps a lying length from asking for the whole address space.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr const char* kCopyAgain = "the file is damaged or cut off; copy it again";

std::string tensor_place(const std::string& path, const std::string& name) {
  return path + ": tensor '" + name + "'";
}

std::string range_text(const HeaderEntry& entry) {
  std::string text(1, '[');
  return text.append(std::to_string(entry.begin)).append(", ").append(std::to_string(entry.end)) +
         "]";
}

// Offsets must cover the data exactly: sorted, each tensor begins where the one before it ended.
void check_coverage(const std::string& path, std::vector<HeaderEntry>& entries,
                    uint64_t data_bytes) {
  std::sort(entries.begin(), entries.end(), [](const HeaderEntry& a, const HeaderEntry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  uint64_t covered = 0;
  for (const HeaderEntry& entry : entries) {
    const std::string range = range_text(entry);
    const std::string place = tensor_place(path, entry.name);
    if (entry.end < entry.begin)
      throw UserError(place, "data_offsets " + range + " end before they begin", kCopyAgain);
    if (entry.end > data_bytes)
      throw UserError(place,
                      "data_offsets " + range + " reach past the " + std::to_string(data_bytes) +
                          " bytes of data in the file",
                      kCopyAgain);
    if (entry.begin < covered)
      throw UserError(place, "data_offsets " + range + " overlap another tensor", kCopyAgain);
    if (entry.begin > covered)
      throw UserError(place, "data_offsets " + range + " leave a gap before them", kCopyAgain);
    uint64_t bytes = 0;
    if (!tensor_bytes(entry.shape, entry.dtype, &bytes) || bytes != entry.end - entry.begin)
      throw UserError(place,
                      "shape " + shape_text(entry.shape) + " of " +
                          std::string(dtype_name(entry.dtype)) + " does not fill the " +
                          std::to_string(entry.end - entry.begin) + " bytes of data_offsets " +
                          range,
                      kCopyAgain);
    covered = entry.end;
  }
  if (covered != data_bytes)
    throw UserError(path, std::to_string(data_bytes - covered) + " bytes after the last tensor",
                    kCopyAgain);
}

}  // namespace

std::string shape_text(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

int64_t TensorView::size() const {
  return static_cast<int64_t>(bytes.size()) * 8 / dtype_bits(dtype);
}

SafetensorsFile SafetensorsFile::open(const std::string& path) {
  SafetensorsFile file{MappedFile(path)};
  const std::span<const std::byte> bytes = file.file_.bytes();
  if (bytes.size() < 8)
    throw UserError(path, "has " + std::to_string(bytes.size()) + " bytes, too few for a header",
                    kCopyAgain);
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  if (header_bytes > bytes.size() - 8)
    throw UserError(path,
                    "says its header has " + std::to_string(header_bytes) + " bytes, but " +
                        std::to_string(bytes.size() - 8) + " follow",
                    kCopyAgain);
  if (header_bytes > kMaxHeaderBytes)
    throw UserError(path, "says its header has " + std::to_string(header_bytes) + " bytes",
                    "the format allows " + std::to_string(kMaxHeaderBytes));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8, header_bytes);
  std::vector<HeaderEntry> entries = parse_safetensors_header(path, text);
  const std::span<const std::byte> data = bytes.subspan(8 + header_bytes);
  std::sort(entries.begin(), entries.end(),
            [](const HeaderEntry& a, const HeaderEntry& b) { return a.name < b.name; });
  for (size_t i = 1; i < entries.size(); ++i)
    if (entries[i].name == entries[i - 1].name)
      throw UserError(tensor_place(path, entries[i].name), "is in the header twice", kCopyAgain);
  check_coverage(path, entries, data.size());
  file.tensors_.reserve(entries.size());
  for (HeaderEntry& entry : entries)
    file.tensors_.push_back({std::move(entry.name), entry.dtype, std::move(entry.shape),
                             data.subspan(entry.begin, entry.end - entry.begin)});
  std::sort(file.tensors_.begin(), file.tensors_.end(),
            [](const TensorView& a, const TensorView& b) { return a.name < b.name; });
  return file;
}

const TensorView* SafetensorsFile::find(std::string_view name) const {
  const auto at =
      std::lower_bound(tensors_.begin(), tensors_.end(), name,
                       [](const TensorView& view, std::string_view n) { return view.name < n; });
  return at != tensors_.end() && at->name == name ? &*at : nullptr;
}

const TensorView& SafetensorsFile::at(std::string_view name) const {
  if (const TensorView* view = find(name)) return *view;
  throw UserError(path(), "has no tensor '" + std::string(name) + "'", "use a complete checkpoint");
}

void load_f32(const std::string& file, const TensorView& view, float* out) {
  const auto count = static_cast<size_t>(view.size());
  if (count == 0) return;
  switch (view.dtype) {
    case Dtype::kF32:
      std::memcpy(out, view.bytes.data(), view.bytes.size());
      return;
    case Dtype::kBF16:
      widen_bf16(view.bytes.data(), count, out);
      return;
    case Dtype::kF16:
      widen_f16(view.bytes.data(), count, out);
      return;
    default:
      throw UserError(tensor_place(file, view.name),
                      "has the dtype " + std::string(dtype_name(view.dtype)),
                      "weights must be F32, BF16 or F16");
  }
}

}  // namespace retort
