#pragma once
// A GGUF file of the architecture `llama` to the Hugging Face layout: weights, config.json,
// generation_config.json, tokenizer.json, tokenizer_config.json.
#include "policy/checkpoint/convert_hf.h"
#include "policy/checkpoint/model_config.h"
#include "policy/gguf/gguf_file.h"

#include <optional>
#include <string>

namespace retort {

// The weights are written in `dtype` (fp32, which every type is exact in, when absent). UserError
// for another architecture, a key, tensor or tokenizer that the conversion does not know; then
// nothing is written. `out_dir` must be absent or empty.
ConvertReport convert_gguf(const std::string& in_file, const std::string& out_dir,
                           std::optional<Dtype> dtype, const TensorsWritten& written = {});

// The parts of the conversion.
ModelConfig read_gguf_config(const GgufFile& file);
// Every tensor of `config` under its Hugging Face name; `file` must outlive the result.
std::vector<TensorSource> read_gguf_tensors(const GgufFile& file, const ModelConfig& config,
                                            Dtype dtype);

}  // namespace retort
