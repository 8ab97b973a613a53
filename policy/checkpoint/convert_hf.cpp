#include "policy/checkpoint/convert_hf.h"

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "policy/checkpoint/decoder_tensors.h"
#include "policy/checkpoint/hf_weights.h"
#include "policy/checkpoint/model_config.h"
#include "policy/checkpoint/staged_directory.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>

namespace retort {

namespace {

namespace fs = std::filesystem;

struct DtypeNames {
  Dtype dtype;
  std::string_view name, torch_name;
};
constexpr DtypeNames kWeightDtypes[] = {
    {Dtype::kF32, "fp32", "float32"},
    {Dtype::kBF16, "bf16", "bfloat16"},
    {Dtype::kF16, "fp16", "float16"},
};

// What a model directory holds beside weights and config.json.
constexpr const char* kCopiedFiles[] = {
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "LICENSE",
};

}  // namespace

std::optional<Dtype> find_weight_dtype(std::string_view name) {
  for (const DtypeNames& row : kWeightDtypes)
    if (row.name == name || row.torch_name == name) return row.dtype;
  return std::nullopt;
}

std::string_view torch_dtype_name(Dtype dtype) {
  for (const DtypeNames& row : kWeightDtypes)
    if (row.dtype == dtype) return row.torch_name;
  RT_CHECK(false) << "weights are not " << dtype_name(dtype);
  return {};
}

TensorSource narrowed(const std::string& place, std::string name, Shape shape, Dtype dtype,
                      std::function<void(float*)> load) {
  size_t count = 1;
  for (const int64_t size : shape) count *= static_cast<size_t>(size);
  const auto fill = [=, load = std::move(load)](std::span<std::byte> out) {
    std::vector<float> values(count);
    load(values.data());
    store_f32(values.data(), count, dtype, out);
    if (dtype == Dtype::kF32) return;
    std::vector<float> rounded(count);
    load_f32(place, TensorView{"", dtype, {static_cast<int64_t>(count)}, out}, rounded.data());
    for (size_t i = 0; i < count; ++i)
      if (std::isinf(rounded[i]) && std::isfinite(values[i]))
        throw UserError(place,
                        "the value " + std::to_string(values[i]) + " does not fit into " +
                            std::string(torch_dtype_name(dtype)),
                        "choose another dtype");
  };
  return {std::move(name), dtype, std::move(shape), fill};
}

std::vector<TensorSource> counted(std::vector<TensorSource> sources,
                                  const TensorsWritten& written) {
  if (!written) return sources;
  const auto of = static_cast<int64_t>(sources.size());
  const auto done = std::make_shared<int64_t>(0);
  for (TensorSource& source : sources)
    source.fill = [fill = std::move(source.fill), &written, done, of](std::span<std::byte> out) {
      fill(out);
      written(++*done, of);
    };
  return sources;
}

ConvertReport convert_hf(const std::string& in_dir, const std::string& out_dir,
                         std::optional<Dtype> dtype, const TensorsWritten& written) {
  ModelConfig config = ModelConfig::from_dir(in_dir);
  const HfWeights weights = HfWeights::open(in_dir);
  check_decoder_tensors(config, weights);
  const HeadSource head = find_head_source(config, weights);
  std::vector<NamedShape> tensors = decoder_tensors(config);
  // Tied by the config but two different matrices: both are kept, and the config says so.
  if (config.tie_word_embeddings && !head.tied) {
    tensors.push_back({kHeadName, {config.vocab_size, config.hidden_size}});
    config.tie_word_embeddings = false;
  }
  ConvertReport report;
  std::vector<TensorSource> sources;
  for (const NamedShape& tensor : tensors) {
    const std::string& from = tensor.name == kEmbeddingName ? head.embedding : tensor.name;
    const TensorView& view = weights.at(from, tensor.shape);
    const std::string& file = weights.file_of(from);
    const Dtype target = dtype.value_or(view.dtype);
    if (target == view.dtype)
      sources.push_back({tensor.name, target, tensor.shape, [&view](std::span<std::byte> out) {
                           if (!out.empty()) std::memcpy(out.data(), view.bytes.data(), out.size());
                         }});
    else
      sources.push_back(narrowed(file + ": tensor '" + from + "'", tensor.name, tensor.shape,
                                 target,
                                 [&file, &view](float* out) { load_f32(file, view, out); }));
    ++report.tensors;
    report.parameters += view.size();
  }
  if (dtype) config.dtype = torch_dtype_name(*dtype);

  StagedDirectory out(out_dir);
  for (const char* name : kCopiedFiles)
    if (const fs::path path = fs::path(in_dir) / name; fs::is_regular_file(path))
      out.write(name, read_file(path.string()));
  out.write("config.json", config.to_json());
  write_safetensors(out.file("model.safetensors"), counted(std::move(sources), written));
  out.commit();
  return report;
}

}  // namespace retort
