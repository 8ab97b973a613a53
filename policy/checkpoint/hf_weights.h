#pragma once
// The weights of a Hugging Face directory: model.safetensors, or the shards that
// model.safetensors.index.json names. Read-only and mapped; usable from several threads.
#include "policy/checkpoint/safetensors.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

class HfWeights {
 public:
  // Opens and checks every file. UserError when there are no weights, when the index and the shards
  // disagree (a tensor missing from its shard, one that the index does not know, one in two
  // shards), and for what SafetensorsFile::open refuses.
  static HfWeights open(const std::string& dir);

  const std::vector<std::string>& names() const { return names_; }  // sorted
  bool has(std::string_view name) const { return find(name) != nullptr; }
  const TensorView* find(std::string_view name) const;  // nullptr if there is none
  // The tensor of exactly this shape; UserError naming file, tensor and both shapes otherwise.
  const TensorView& at(std::string_view name, const Shape& shape) const;
  // at() and load_f32 in one: shape's product values into `out`.
  void load_f32(std::string_view name, const Shape& shape, float* out) const;

  const std::string& dir() const { return dir_; }
  const std::string& file_of(std::string_view name) const;  // path, for messages

 private:
  std::string dir_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, size_t, std::less<>> file_index_;  // tensor -> files_
  std::vector<std::string> names_;
};

}  // namespace retort
