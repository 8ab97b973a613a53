// R = rows of a matrix (N heads x H dims for q and k), I = inputs.
#include "base/check.h"
#include "base/error.h"
#include "policy/checkpoint/decoder_tensors.h"
#include "policy/gguf/convert_gguf.h"

#include <algorithm>
#include <map>

namespace retort {

namespace {

// Parts of a layer, under both names; weights and biases alike.
struct PartRow {
  std::string_view gguf, hugging_face;
};
constexpr PartRow kParts[] = {
    {"attn_norm", "input_layernorm"}, {"ffn_norm", "post_attention_layernorm"},
    {"attn_q", "self_attn.q_proj"},   {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},   {"attn_output", "self_attn.o_proj"},
    {"ffn_gate", "mlp.gate_proj"},    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
};

// "blk.LAYER.PART.KIND" for "model.layers.LAYER.PART.KIND".
std::string gguf_name(const std::string& name) {
  if (name == kEmbeddingName) return "token_embd.weight";
  if (name == "model.norm.weight") return "output_norm.weight";
  if (name == kHeadName) return "output.weight";
  constexpr std::string_view kPrefix = "model.layers.";
  RT_CHECK(name.starts_with(kPrefix)) << name;
  const size_t part_at = name.find('.', kPrefix.size()) + 1;
  const size_t kind_at = name.rfind('.');
  const std::string_view part = std::string_view(name).substr(part_at, kind_at - part_at);
  for (const PartRow& row : kParts)
    if (row.hugging_face == part)
      return "blk." + name.substr(kPrefix.size(), part_at - kPrefix.size()) +
             std::string(row.gguf) + name.substr(kind_at);
  RT_CHECK(false) << name;
  return {};
}

// llama.cpp stores the rows of q and k so that the two halves of a head take turns; its row 2 i + h
// of a head is row h H/2 + i of the checkpoint. `values` is [N H, I].
void restore_halves(std::vector<float>& values, int64_t heads, int64_t head_dim) {
  const auto rows = static_cast<size_t>(heads * head_dim);
  const size_t inputs = values.size() / rows;
  const auto half = static_cast<size_t>(head_dim / 2);
  std::vector<float> restored(values.size());
  for (size_t head = 0; head < static_cast<size_t>(heads); ++head)
    for (size_t i = 0; i < half; ++i)
      for (size_t h = 0; h < 2; ++h) {
        const float* from = &values[(head * 2 * half + 2 * i + h) * inputs];
        std::copy_n(from, inputs, &restored[(head * 2 * half + h * half + i) * inputs]);
      }
  values = std::move(restored);
}

int64_t rotated_heads(const std::string& gguf, const ModelConfig& config) {
  if (gguf.find(".attn_q.") != std::string::npos) return config.heads;
  if (gguf.find(".attn_k.") != std::string::npos) return config.kv_heads;
  return 0;
}

}  // namespace

std::vector<TensorSource> read_gguf_tensors(const GgufFile& file, const ModelConfig& config,
                                            Dtype dtype) {
  std::map<std::string_view, const GgufTensor*> by_name;
  for (const GgufTensor& tensor : file.tensors()) by_name.emplace(tensor.name, &tensor);
  std::vector<TensorSource> sources;
  for (const NamedShape& wanted : decoder_tensors(config)) {
    const std::string name = gguf_name(wanted.name);
    const std::string place = file.path() + ": tensor '" + name + "'";
    const auto at = by_name.find(name);
    if (at == by_name.end()) throw UserError(place, "is missing", "use a complete file");
    const GgufTensor& tensor = *at->second;
    by_name.erase(at);
    if (tensor.shape != wanted.shape)
      throw UserError(place,
                      "has the shape " + shape_text(tensor.shape) + ", but the keys ask for " +
                          shape_text(wanted.shape),
                      "use a file that llama.cpp's converter made");
    const int64_t heads = rotated_heads(name, config);
    const int64_t head_dim = config.head_dim;
    sources.push_back(
        narrowed(place, wanted.name, wanted.shape, dtype, [&tensor, heads, head_dim](float* out) {
          dequantize(tensor, out);
          if (heads == 0) return;
          std::vector<float> values(out, out + tensor.size());
          restore_halves(values, heads, head_dim);
          std::copy(values.begin(), values.end(), out);
        }));
  }
  if (!by_name.empty())
    throw UserError(file.path() + ": tensor '" + std::string(by_name.begin()->first) + "'",
                    "has no place in a llama model", "use the model's Hugging Face files instead");
  return sources;
}

}  // namespace retort
