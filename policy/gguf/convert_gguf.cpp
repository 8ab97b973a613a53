#include "policy/gguf/convert_gguf.h"

#include "policy/checkpoint/staged_directory.h"
#include "policy/gguf/gguf_tokenizer.h"

namespace retort {

ConvertReport convert_gguf(const std::string& in_file, const std::string& out_dir,
                           std::optional<Dtype> dtype, const TensorsWritten& written) {
  const GgufFile file = GgufFile::open(in_file);
  ModelConfig config = read_gguf_config(file);
  const Dtype weight_dtype = dtype.value_or(Dtype::kF32);
  config.dtype = torch_dtype_name(weight_dtype);
  std::vector<TensorSource> sources = read_gguf_tensors(file, config, weight_dtype);
  const TokenizerFiles tokenizer =
      read_gguf_tokenizer(file, config.vocab_size, config.max_position_embeddings);
  ConvertReport report;
  for (const TensorSource& source : sources) {
    int64_t size = 1;
    for (const int64_t dim : source.shape) size *= dim;
    ++report.tensors;
    report.parameters += size;
  }

  StagedDirectory out(out_dir);
  out.write("config.json", config.to_json());
  out.write("generation_config.json", config.generation_json());
  out.write("tokenizer.json", tokenizer.tokenizer_json);
  out.write("tokenizer_config.json", tokenizer.tokenizer_config_json);
  write_safetensors(out.file("model.safetensors"), counted(std::move(sources), written));
  out.commit();
  return report;
}

}  // namespace retort
