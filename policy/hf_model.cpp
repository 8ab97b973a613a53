#include "policy/hf_model.h"

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/record/weights_digest.h"
#include "kernels/parallel.h"
#include "policy/checkpoint/decoder_tensors.h"
#include "policy/checkpoint/hf_weights.h"
#include "policy/checkpoint/model_config.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <span>

namespace retort {
namespace {

namespace fs = std::filesystem;

// What belongs to a tokenizer in a Hugging Face directory.
constexpr const char* kTokenizerFiles[] = {
    "tokenizer.json",      "tokenizer_config.json", "special_tokens_map.json",
    "chat_template.jinja", "added_tokens.json",     "vocab.json",
    "merges.txt"};

// Numerics descriptor: what a peer must share for equal bits. The last word is the kernel
// contract's revision.
std::string numerics_of(const at::Tensor& value) {
  return value.is_cuda() ? "cuda bf16 r1" : "cpu fp32 r1";
}

// A weight that is no number makes every later number none, without a failure anywhere.
void check_finite(const HfWeights& file, const std::string& name, std::span<const float> values) {
  constexpr int64_t kGrain = 1 << 16;
  std::atomic<bool> finite{true};
  kernels::parallel_for(static_cast<int64_t>(values.size()), kGrain,
                        [&](int64_t begin, int64_t end) {
                          // An infinity or a NaN times zero is a NaN, and stays one in a sum.
                          float sum = 0;
                          for (int64_t i = begin; i < end; ++i) sum += values[i] * 0.0f;
                          if (sum != 0.0f) finite = false;
                        });
  if (!finite)
    throw UserError(file.file_of(name), "tensor '" + name + "' holds values that are not finite",
                    "use weights that are whole");
}

bool is_model_dir(const fs::path& path) { return fs::exists(path / "config.json"); }

}  // namespace

std::string resolve_model_dir(const std::string& path, const std::string& place) {
  const fs::path dir(path);
  if (!fs::exists(dir))
    throw UserError(place, "'" + path + "' does not exist",
                    "give a Hugging Face directory, a checkpoint or a run");
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
  ModelConfig config = ModelConfig::from_dir(dir);
  check_decoder_tensors(config, file);
  const HeadSource head = find_head_source(config, file);
  config.tie_word_embeddings = head.tied;
  Weights weights = allocate_weights(config);
  for (const HfSlice& slice : hf_slices(weights)) {
    const std::string& name = slice.name == kEmbeddingName ? head.embedding
                              : slice.name == kHeadName    ? head.head
                                                           : slice.name;
    const at::Tensor rows = rows_of(slice);
    file.load_f32(name, slice.shape, rows.data_ptr<float>());
    check_finite(file, name, {rows.data_ptr<float>(), static_cast<size_t>(rows.numel())});
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
    sources.push_back(
        from_f32(slice.name, slice.shape, Dtype::kF32, alive.back().data_ptr<float>()));
  }
  write_safetensors((fs::path(dir) / "model.safetensors").string(), std::move(sources));
  ModelConfig config = weights.config;
  config.dtype = "float32";
  write_file_atomic((fs::path(dir) / "config.json").string(), config.to_json());
  write_file_atomic((fs::path(dir) / "generation_config.json").string(), config.generation_json());
  for (const char* name : kTokenizerFiles)
    if (fs::exists(fs::path(source_dir) / name))
      fs::copy_file(fs::path(source_dir) / name, fs::path(dir) / name,
                    fs::copy_options::overwrite_existing);
}

Version describe_version(const Weights& weights) {
  Version version;
  version.numerics = numerics_of(weights.embedding.value);
  for (const HfSlice& slice : slices_by_name(weights))
    version.tensors.push_back(
        {slice.name, slice.parameter->value.scalar_type() == at::kBFloat16 ? "BF16" : "F32",
         slice.shape});
  return version;
}

Version make_version(const Weights& weights, uint32_t number) {
  at::NoGradGuard no_grad;
  Version version = describe_version(weights);
  version.number = number;
  WeightsDigest digest;
  size_t row = 0;
  for (const HfSlice& slice : slices_by_name(weights)) {
    const at::Tensor rows = rows_of(slice).cpu().contiguous();
    digest.add(version.tensors[row++], rows.data_ptr(), rows.nbytes());
  }
  version.digest = digest.hex();
  return version;
}

}  // namespace retort
