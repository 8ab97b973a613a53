#include "tools/retort/compare_weights.h"

#include "base/error.h"
#include "base/file.h"
#include "base/metric.h"
#include "policy/checkpoint/hf_weights.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace retort {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBlockBytes = size_t{1} << 20;

std::set<std::string> names_in(const std::string& folder) {
  if (!fs::is_directory(folder)) return {};
  const std::vector<std::string> names = list_folder(folder);
  return {names.begin(), names.end()};
}

template <class Name>
std::set<Name> either(std::set<Name> a, const std::set<Name>& b) {
  a.insert(b.begin(), b.end());
  return a;
}

// ---- tensors

std::string element_text(const TensorView& tensor, int64_t index) {
  const auto bytes = static_cast<size_t>(dtype_bits(tensor.dtype) / 8);
  const TensorView one{tensor.name,
                       tensor.dtype,
                       {},
                       tensor.bytes.subspan(static_cast<size_t>(index) * bytes, bytes)};
  if (tensor.dtype == Dtype::kF32 || tensor.dtype == Dtype::kBF16 || tensor.dtype == Dtype::kF16) {
    float value = 0;
    load_f32("", one, &value);
    return fmt::format("{:.9g}", value);
  }
  std::string hex = "0x";  // as a number, highest byte first
  for (size_t i = bytes; i > 0; --i) hex += fmt::format("{:02x}", one.bytes[i - 1]);
  return hex;
}

// "" when the two are equal in dtype, shape and every byte.
std::string tensor_difference(const TensorView& a, const TensorView& b) {
  if (a.dtype != b.dtype) return fmt::format("{} | {}", dtype_name(a.dtype), dtype_name(b.dtype));
  if (a.shape != b.shape) return fmt::format("{} | {}", shape_text(a.shape), shape_text(b.shape));
  const auto [at, unused] = std::ranges::mismatch(a.bytes, b.bytes);
  if (at == a.bytes.end()) return "";
  const auto byte = at - a.bytes.begin();
  if (dtype_bits(a.dtype) % 8 != 0) return fmt::format("byte {}", byte);
  const int64_t index = byte / (dtype_bits(a.dtype) / 8);
  return fmt::format("element {}: {} | {}", index, element_text(a, index), element_text(b, index));
}

ComparisonRow compare_tensors(const HfWeights& a, const HfWeights& b) {
  ComparisonRow row{"weights", "tensors"};
  for (const std::string& name :
       either(std::set(a.names().begin(), a.names().end()), {b.names().begin(), b.names().end()})) {
    ++row.compared;
    const TensorView *in_a = a.find(name), *in_b = b.find(name);
    if (in_a == nullptr || in_b == nullptr)
      row.differ(name + (in_a == nullptr ? ": only in B" : ": only in A"));
    else if (const std::string text = tensor_difference(*in_a, *in_b); !text.empty())
      row.differ(name + ": " + text);
  }
  return row;
}

// ---- files

// Which tensor of two files with different bytes differs first.
std::string safetensors_difference(const std::string& path_a, const std::string& path_b) {
  const SafetensorsFile a = SafetensorsFile::open(path_a), b = SafetensorsFile::open(path_b);
  for (const TensorView& tensor : a.tensors()) {
    const TensorView* other = b.find(tensor.name);
    if (other == nullptr) return tensor.name + ": only in A";
    if (const std::string text = tensor_difference(tensor, *other); !text.empty())
      return tensor.name + ": " + text;
  }
  for (const TensorView& tensor : b.tensors())
    if (a.find(tensor.name) == nullptr) return tensor.name + ": only in B";
  return "the same tensors under other headers";
}

// The members of a trainer's JSON that an equal run has too.
nlohmann::json without_times(const std::string& path) {
  nlohmann::json json = nlohmann::json::parse(read_file(path), nullptr, false);
  if (!json.is_object()) throw UserError(path, "is no JSON object", "compare another checkpoint");
  for (auto member = json.begin(); member != json.end();) {
    const MetricInfo* metric = find_metric(member.key());
    member = metric != nullptr && !metric->deterministic ? json.erase(member) : std::next(member);
  }
  return json;
}

std::string json_difference(const std::string& path_a, const std::string& path_b) {
  const nlohmann::json a = without_times(path_a), b = without_times(path_b);
  for (const auto& [key, value] : a.items()) {
    if (!b.contains(key)) return key + ": only in A";
    if (value != b[key]) return fmt::format("{}: {} | {}", key, value.dump(), b[key].dump());
  }
  for (const auto& [key, value] : b.items())
    if (!a.contains(key)) return key + ": only in B";
  return "";
}

// Offset of the first byte that differs or that one file lacks; nullopt when there is none.
std::optional<uint64_t> first_different_byte(const std::string& path_a, const std::string& path_b) {
  std::ifstream a(path_a, std::ios::binary), b(path_b, std::ios::binary);
  if (!a || !b) throw UserError(a ? path_b : path_a, "cannot be read", "allow reading it");
  std::vector<char> block_a(kBlockBytes), block_b(kBlockBytes);
  for (uint64_t offset = 0;; offset += kBlockBytes) {
    a.read(block_a.data(), kBlockBytes);
    b.read(block_b.data(), kBlockBytes);
    const std::span<const char> part_a(block_a.data(), static_cast<size_t>(a.gcount()));
    const std::span<const char> part_b(block_b.data(), static_cast<size_t>(b.gcount()));
    const auto [at, unused] = std::ranges::mismatch(part_a, part_b);
    if (at != part_a.end() || part_a.size() != part_b.size())
      return offset + static_cast<uint64_t>(at - part_a.begin());
    if (part_a.size() < kBlockBytes) return std::nullopt;
  }
}

std::string file_difference(const std::string& path_a, const std::string& path_b) {
  if (path_a.ends_with(".json")) return json_difference(path_a, path_b);
  const std::optional<uint64_t> byte = first_different_byte(path_a, path_b);
  if (!byte) return "";
  if (path_a.ends_with(".safetensors")) return safetensors_difference(path_a, path_b);
  return fmt::format("byte {}", *byte);
}

// Paths within a checkpoint, of what a resumed run has to have the same bytes of.
std::set<std::string> compared_files(const std::string& checkpoint) {
  std::set<std::string> files;
  for (const std::string& name : names_in(checkpoint))
    if (name.ends_with(".safetensors")) files.insert(name);
  for (const std::string& name : names_in(checkpoint + "/trainer")) files.insert("trainer/" + name);
  return files;
}

// Adds the comparison of some files of two folders to `row`; `place` is put before their names.
void compare_files(const std::string& folder_a, const std::string& folder_b,
                   const std::set<std::string>& files, const std::string& place,
                   ComparisonRow& row) {
  for (const std::string& file : files) {
    ++row.compared;
    const std::string path_a = folder_a + "/" + file, path_b = folder_b + "/" + file;
    if (!fs::exists(path_a) || !fs::exists(path_b))
      row.differ(place + file + (fs::exists(path_a) ? ": only in A" : ": only in B"));
    else if (const std::string text = file_difference(path_a, path_b); !text.empty())
      row.differ(place + file + ": " + text);
  }
}

std::vector<std::string> complete_checkpoints(const std::string& run_dir) {
  std::vector<std::string> found;
  for (const std::string& name : names_in(run_dir + "/checkpoints"))
    if (name.starts_with("step_") && fs::exists(run_dir + "/checkpoints/" + name + "/complete"))
      found.push_back(name);
  // step_9 before step_10.
  std::ranges::stable_sort(found, {}, [](const std::string& name) { return name.size(); });
  return found;
}

}  // namespace

Comparison compare_models(const std::string& model_a, const std::string& model_b) {
  Comparison comparison = {compare_tensors(HfWeights::open(model_a), HfWeights::open(model_b))};
  const std::string trainer_a = model_a + "/trainer", trainer_b = model_b + "/trainer";
  if (!fs::is_directory(trainer_a) || !fs::is_directory(trainer_b)) return comparison;
  ComparisonRow row{"trainer", "files"};
  compare_files(trainer_a, trainer_b, either(names_in(trainer_a), names_in(trainer_b)), "", row);
  comparison.push_back(row);
  return comparison;
}

ComparisonRow compare_checkpoints(const std::string& run_a, const std::string& run_b) {
  ComparisonRow row{"checkpoints", "files"};
  const std::vector<std::string> of_b = complete_checkpoints(run_b);
  for (const std::string& name : complete_checkpoints(run_a)) {
    if (std::ranges::find(of_b, name) == of_b.end()) continue;  // kept by only one of them
    const std::string a = run_a + "/checkpoints/" + name, b = run_b + "/checkpoints/" + name;
    compare_files(a, b, either(compared_files(a), compared_files(b)), name + "/", row);
  }
  return row;
}

}  // namespace retort
