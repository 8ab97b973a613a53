#include "policy/checkpoint/hf_weights.h"

#include "base/check.h"
#include "base/error.h"
#include "policy/checkpoint/json_fields.h"

#include <filesystem>
#include <utility>

namespace retort {

namespace {

namespace fs = std::filesystem;

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";

// Tensor -> shard as the index has it. Shards lie in the directory itself.
std::map<std::string, std::string> read_weight_map(const std::string& path) {
  const JsonDocument document = JsonDocument::read(path);
  std::map<std::string, std::string> weight_map = document.fields().text_map("weight_map");
  if (weight_map.empty())
    throw UserError(path, "'weight_map' is empty", "use a complete checkpoint");
  for (const auto& [tensor, shard] : weight_map)
    if (shard.empty() || shard == "." || shard == ".." ||
        shard.find_first_of(std::string_view("/\0", 2)) != std::string::npos)
      throw UserError(path, "tensor '" + tensor + "' is said to be in '" + shard + "'",
                      "name a file of the same directory");
  return weight_map;
}

}  // namespace

HfWeights HfWeights::open(const std::string& dir) {
  HfWeights weights;
  weights.dir_ = dir;
  const std::string single = (fs::path(dir) / kSingleFile).string();
  const std::string index = (fs::path(dir) / kIndexFile).string();
  std::error_code ignored;
  if (!fs::is_directory(dir, ignored))
    throw UserError(dir, "is not a directory",
                    "name a directory with config.json and model.safetensors");
  std::map<std::string, std::string> weight_map;
  std::vector<std::string> shards;
  if (fs::exists(single, ignored)) {
    shards = {kSingleFile};
  } else if (fs::exists(index, ignored)) {
    weight_map = read_weight_map(index);
    for (const auto& [tensor, shard] : weight_map) shards.push_back(shard);
    std::sort(shards.begin(), shards.end());
    shards.erase(std::unique(shards.begin(), shards.end()), shards.end());
  } else {
    throw UserError(dir, std::string("has neither ") + kSingleFile + " nor " + kIndexFile,
                    "name a directory with safetensors weights");
  }
  for (const std::string& shard : shards) {
    weights.files_.push_back(SafetensorsFile::open((fs::path(dir) / shard).string()));
    for (const TensorView& view : weights.files_.back().tensors()) {
      const auto [at, is_new] = weights.file_index_.emplace(view.name, weights.files_.size() - 1);
      if (!is_new)
        throw UserError(
            weights.files_.back().path(),
            "tensor '" + view.name + "' is also in " + weights.files_[at->second].path(),
            "use a checkpoint with each tensor once");
      if (weight_map.empty()) continue;
      const auto mapped = weight_map.find(view.name);
      if (mapped == weight_map.end() || mapped->second != shard)
        throw UserError(index, "does not say that tensor '" + view.name + "' is in " + shard,
                        "use an index that belongs to these files");
    }
  }
  for (const auto& [tensor, shard] : weight_map)
    if (!weights.file_index_.contains(tensor))
      throw UserError(index, "tensor '" + tensor + "' is missing from " + shard,
                      "use a complete checkpoint");
  for (const auto& [tensor, file] : weights.file_index_) weights.names_.push_back(tensor);
  return weights;
}

const TensorView* HfWeights::find(std::string_view name) const {
  const auto at = file_index_.find(name);
  return at == file_index_.end() ? nullptr : files_[at->second].find(name);
}

const TensorView& HfWeights::at(std::string_view name, const Shape& shape) const {
  const TensorView* view = find(name);
  if (view == nullptr)
    throw UserError(dir_, "has no tensor '" + std::string(name) + "'",
                    "use a complete checkpoint whose config.json belongs to it");
  if (view->shape != shape)
    throw UserError(file_of(name),
                    "tensor '" + view->name + "': shape " + shape_text(view->shape) +
                        ", but config.json asks for " + shape_text(shape),
                    "use the config.json that belongs to these weights");
  return *view;
}

void HfWeights::load_f32(std::string_view name, const Shape& shape, float* out) const {
  retort::load_f32(file_of(name), at(name, shape), out);
}

const std::string& HfWeights::file_of(std::string_view name) const {
  const auto at = file_index_.find(name);
  return at == file_index_.end() ? dir_ : files_[at->second].path();
}

}  // namespace retort
