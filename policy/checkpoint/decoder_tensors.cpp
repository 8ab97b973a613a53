#include "policy/checkpoint/decoder_tensors.h"

#include "base/error.h"

#include <algorithm>
#include <set>

namespace retort {

namespace {

// Both [V, D] of any float dtypes; compared by value, a block of rows at a time.
bool equal_values(const HfWeights& weights, const TensorView& a, const TensorView& b) {
  if (a.shape != b.shape) return false;
  if (a.size() == 0) return true;
  const auto rows = static_cast<size_t>(a.shape.front());
  const size_t row_values = static_cast<size_t>(a.size()) / rows;
  std::vector<float> left(row_values), right(row_values);
  const auto load_row = [&](const TensorView& view, size_t row, std::vector<float>& out) {
    const size_t row_bytes = view.bytes.size() / rows;
    TensorView part{view.name, view.dtype, {static_cast<int64_t>(row_values)}, {}};
    part.bytes = view.bytes.subspan(row * row_bytes, row_bytes);
    load_f32(weights.file_of(view.name), part, out.data());
  };
  for (size_t row = 0; row < rows; ++row) {
    load_row(a, row, left);
    load_row(b, row, right);
    if (left != right) return false;
  }
  return true;
}

void add_linear(std::vector<NamedShape>* out, int64_t layer, const std::string& part,
                int64_t outputs, int64_t inputs, bool bias) {
  out->push_back({layer_tensor_name(layer, part + ".weight"), {outputs, inputs}});
  if (bias) out->push_back({layer_tensor_name(layer, part + ".bias"), {outputs}});
}

bool is_old_buffer(std::string_view name) { return name.ends_with("rotary_emb.inv_freq"); }

}  // namespace

std::string layer_tensor_name(int64_t layer, const std::string& part) {
  return "model.layers." + std::to_string(layer) + "." + part;
}

std::vector<NamedShape> decoder_tensors(const ModelConfig& c) {
  std::vector<NamedShape> out;
  out.push_back({kEmbeddingName, {c.vocab_size, c.hidden_size}});
  for (int64_t i = 0; i < c.layers; ++i) {
    out.push_back({layer_tensor_name(i, "input_layernorm.weight"), {c.hidden_size}});
    add_linear(&out, i, "self_attn.q_proj", c.query_size(), c.hidden_size, c.qkv_bias());
    add_linear(&out, i, "self_attn.k_proj", c.kv_size(), c.hidden_size, c.qkv_bias());
    add_linear(&out, i, "self_attn.v_proj", c.kv_size(), c.hidden_size, c.qkv_bias());
    add_linear(&out, i, "self_attn.o_proj", c.hidden_size, c.query_size(), c.output_bias());
    if (c.qk_norm()) {
      out.push_back({layer_tensor_name(i, "self_attn.q_norm.weight"), {c.head_dim}});
      out.push_back({layer_tensor_name(i, "self_attn.k_norm.weight"), {c.head_dim}});
    }
    out.push_back({layer_tensor_name(i, "post_attention_layernorm.weight"), {c.hidden_size}});
    add_linear(&out, i, "mlp.gate_proj", c.intermediate_size, c.hidden_size, c.has_mlp_bias());
    add_linear(&out, i, "mlp.up_proj", c.intermediate_size, c.hidden_size, c.has_mlp_bias());
    add_linear(&out, i, "mlp.down_proj", c.hidden_size, c.intermediate_size, c.has_mlp_bias());
  }
  out.push_back({"model.norm.weight", {c.hidden_size}});
  if (!c.tie_word_embeddings) out.push_back({kHeadName, {c.vocab_size, c.hidden_size}});
  return out;
}

HeadSource find_head_source(const ModelConfig& config, const HfWeights& weights) {
  HeadSource source;
  if (!config.tie_word_embeddings) return source;
  const TensorView* embedding = weights.find(kEmbeddingName);
  const TensorView* head = weights.find(kHeadName);
  source.tied = embedding == nullptr || head == nullptr || equal_values(weights, *embedding, *head);
  if (source.tied && embedding == nullptr && head != nullptr) source.embedding = kHeadName;
  if (source.tied) source.head = source.embedding;
  return source;
}

void check_decoder_tensors(const ModelConfig& config, const HfWeights& weights) {
  std::set<std::string> expected = {kHeadName};
  for (const NamedShape& tensor : decoder_tensors(config)) {
    // One of the two names of a tied matrix is enough.
    const bool other_name =
        config.tie_word_embeddings && tensor.name == kEmbeddingName && !weights.has(kEmbeddingName);
    const std::string name = other_name ? kHeadName : tensor.name;
    expected.insert(tensor.name);
    const TensorView& view = weights.at(name, tensor.shape);
    if (view.dtype != Dtype::kF32 && view.dtype != Dtype::kBF16 && view.dtype != Dtype::kF16)
      throw UserError(weights.file_of(name),
                      "tensor '" + name + "': has the dtype " + std::string(dtype_name(view.dtype)),
                      "weights must be F32, BF16 or F16");
  }
  if (config.tie_word_embeddings && weights.has(kHeadName))
    weights.at(kHeadName, {config.vocab_size, config.hidden_size});
  for (const std::string& name : weights.names())
    if (!expected.contains(name) && !is_old_buffer(name))
      throw UserError(weights.file_of(name),
                      "tensor '" + name + "': config.json has no place for it",
                      "use the config.json that belongs to these weights");
}

}  // namespace retort
