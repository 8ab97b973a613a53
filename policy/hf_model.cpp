#include "policy/hf_model.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>

#include "base/check.h"
#include "base/error.h"
#include "policy/checkpoint/atomic_file.h"
#include "policy/checkpoint/hf_weights.h"
#include "policy/checkpoint/model_config.h"
#include "policy/digest.h"

namespace retort {
namespace {

namespace fs = std::filesystem;

// What belongs to a tokenizer in a Hugging Face directory.
constexpr const char* kTokenizerFiles[] = {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                                           "chat_template.jinja", "added_tokens.json", "vocab.json", "merges.txt"};

// The slice's rows as a tensor of the slice's shape.
at::Tensor rows_of(const HfSlice& slice) { return slice.parameter->value.narrow(0, slice.row, slice.rows); }

// Numerics descriptor: what a peer must share for equal bits. The last word is the kernel contract's revision.
std::string numerics_of(const at::Tensor& value) { return value.is_cuda() ? "cuda bf16 r1" : "cpu fp32 r1"; }

bool is_model_dir(const fs::path& path) { return fs::exists(path / "config.json"); }

}  // namespace

std::string resolve_model_dir(const std::string& path, const std::string& place) {
  const fs::path dir(path);
  if (!fs::exists(dir)) throw UserError(place, "'" + path + "' does not exist", "give a Hugging Face directory, a checkpoint or a run");
  if (is_model_dir(dir)) return path;
  const fs::path checkpoints = dir / "checkpoints";
  if (is_model_dir(checkpoints / "best")) return (checkpoints / "best").string();
  fs::path newest;
  int64_t newest_step = -1;
  if (fs::is_directory(checkpoints))
    for (const fs::directory_entry& entry : fs::directory_iterator(checkpoints)) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with("step_") || !fs::exists(entry.path() / "complete")) continue;
      const int64_t step = std::strtoll(name.c_str() + 5, nullptr, 10);
      if (step > newest_step) newest_step = step, newest = entry.path();
    }
  if (newest_step >= 0) return newest.string();
  throw UserError(place, "'" + path + "' holds no config.json and no complete checkpoint",
                  "give a Hugging Face directory, a checkpoint or a run");
}

Weights load_weights(const std::string& dir) {
  at::NoGradGuard no_grad;
  const HfWeights file = HfWeights::open(dir);
  Weights weights = allocate_weights(ModelConfig::from_dir(dir));
  std::set<std::string> known;
  for (const HfSlice& slice : hf_slices(weights)) {
    file.load_f32(slice.name, slice.shape, rows_of(slice).data_ptr<float>());
    known.insert(slice.name);
  }
  for (const std::string& name : file.names()) {
    if (known.contains(name)) continue;
    // A tied head may be written out beside the embedding; it must be the same matrix then.
    if (name == "lm_head.weight" && weights.config.tie_word_embeddings) {
      std::vector<float> head(weights.embedding.value.numel());
      file.load_f32(name, weights.embedding.value.sizes().vec(), head.data());
      if (std::memcmp(head.data(), weights.embedding.value.data_ptr<float>(), head.size() * sizeof(float)) == 0) continue;
      throw UserError(file.file_of(name), "tensor 'lm_head.weight' differs from the embedding, but config.json ties them",
                      "set tie_word_embeddings to false");
    }
    if (name.ends_with("rotary_emb.inv_freq")) continue;  // older exports carry this table; it is computed
    throw UserError(file.file_of(name), "tensor '" + name + "' does not belong to the architecture of config.json",
                    "use the config.json that was saved with these weights");
  }
  return weights;
}

void write_hf_model(const std::string& dir, const Weights& weights, const std::string& source_dir) {
  at::NoGradGuard no_grad;
  std::vector<at::Tensor> alive;
  std::vector<TensorSource> sources;
  for (const HfSlice& slice : hf_slices(weights)) {
    RT_CHECK(slice.parameter->value.is_cpu()) << "masters are written, not roundings";
    alive.push_back(rows_of(slice));
    sources.push_back(from_f32(slice.name, slice.shape, Dtype::kF32, alive.back().data_ptr<float>()));
  }
  write_safetensors((fs::path(dir) / "model.safetensors").string(), std::move(sources));
  ModelConfig config = weights.config;
  config.dtype = "float32";
  write_file_atomically((fs::path(dir) / "config.json").string(), config.to_json());
  write_file_atomically((fs::path(dir) / "generation_config.json").string(), config.generation_json());
  for (const char* name : kTokenizerFiles)
    if (fs::exists(fs::path(source_dir) / name))
      fs::copy_file(fs::path(source_dir) / name, fs::path(dir) / name, fs::copy_options::overwrite_existing);
}

Version make_version(const Weights& weights, uint32_t number) {
  at::NoGradGuard no_grad;
  std::vector<HfSlice> slices = hf_slices(weights);
  std::sort(slices.begin(), slices.end(), [](const HfSlice& a, const HfSlice& b) { return a.name < b.name; });
  Version version;
  version.number = number;
  version.numerics = numerics_of(weights.embedding.value);
  WeightsDigest digest;
  for (const HfSlice& slice : slices) {
    const at::Tensor rows = rows_of(slice).cpu().contiguous();
    TensorEntry entry{slice.name, rows.scalar_type() == at::kBFloat16 ? "BF16" : "F32", slice.shape};
    digest.add(entry, rows.data_ptr(), rows.nbytes());
    version.tensors.push_back(std::move(entry));
  }
  version.digest = digest.hex();
  return version;
}

}  // namespace retort
