#pragma once
// Writing model directories from other ones.
#include "policy/checkpoint/safetensors.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

// Hears after each tensor how many are written, of how many.
using TensorsWritten = std::function<void(int64_t done, int64_t of)>;

struct ConvertReport {
  int64_t tensors = 0;
  int64_t parameters = 0;
};

// "fp32", "bf16", "fp16" (also "float32", "bfloat16", "float16"): nothing for another text.
std::optional<Dtype> find_weight_dtype(std::string_view name);
// Transformers' name of F32, BF16, F16.
std::string_view torch_dtype_name(Dtype dtype);

// A source whose values come as fp32 from `load`, called once, and are rounded to `dtype`.
// UserError at `place` (`FILE: tensor 'x'`) when a finite value becomes infinite on the way.
TensorSource narrowed(const std::string& place, std::string name, Shape shape, Dtype dtype,
                      std::function<void(float*)> load);

// Copies a Hugging Face directory: one model.safetensors with the weights in `dtype` (each tensor
// in its own when absent), config.json saying so, tokenizer and template files as they are. Nothing
// is written when the input is refused; `out_dir` must be absent or empty.
ConvertReport convert_hf(const std::string& in_dir, const std::string& out_dir,
                         std::optional<Dtype> dtype, const TensorsWritten& written = {});

// The same sources, each telling `written` when it is. `written` outlives the writing.
std::vector<TensorSource> counted(std::vector<TensorSource> sources, const TensorsWritten& written);

}  // namespace retort
