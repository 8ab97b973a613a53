#include "policy/weights.h"

#include "base/check.h"
#include "base/exact_math.h"
#include "base/philox.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>

namespace retort {
namespace {

Parameter make(const std::string& name, std::vector<int64_t> shape) {
  Parameter parameter;
  parameter.name = name;
  parameter.value = at::empty(shape, at::kFloat);
  return parameter;
}

template <class WeightsType, class Visit>
void visit_all(WeightsType& weights, const Visit& visit) {
  const auto defined = [&](auto& parameter) {
    if (parameter.value.defined()) visit(parameter);
  };
  defined(weights.embedding);
  for (auto& layer : weights.layers)
    for (auto* parameter :
         {&layer.input_norm, &layer.qkv, &layer.qkv_bias, &layer.q_norm, &layer.k_norm,
          &layer.attention_out, &layer.attention_out_bias, &layer.post_norm, &layer.gate_up,
          &layer.gate_up_bias, &layer.down, &layer.down_bias})
      defined(*parameter);
  defined(weights.final_norm);
  if (!weights.config.tie_word_embeddings) defined(weights.head);
}

}  // namespace

void Weights::for_each(const std::function<void(Parameter&)>& visit) { visit_all(*this, visit); }
void Weights::for_each(const std::function<void(const Parameter&)>& visit) const {
  visit_all(*this, visit);
}

int64_t Weights::parameter_count() const {
  int64_t count = 0;
  for_each([&](const Parameter& parameter) { count += parameter.value.numel(); });
  return count;
}

int64_t Weights::bytes() const {
  int64_t bytes = 0;
  for_each([&](const Parameter& parameter) {
    bytes += parameter.value.numel() * static_cast<int64_t>(parameter.value.element_size());
  });
  return bytes;
}

Weights allocate_weights(const ModelConfig& config) {
  const int64_t D = config.hidden_size, F = config.intermediate_size, V = config.vocab_size;
  const int64_t N = config.heads, KV = config.kv_heads, H = config.head_dim;
  Weights weights;
  weights.config = config;
  weights.embedding = make("embedding", {V, D});
  if (!config.tie_word_embeddings) {
    weights.head = make("head", {V, D});
  } else {
    weights.head = weights.embedding;
    weights.head.name = "head (tied)";
  }
  weights.final_norm = make("final_norm", {D});
  for (int64_t l = 0; l < config.layers; ++l) {
    const std::string p = "layers." + std::to_string(l) + ".";
    LayerWeights layer;
    layer.input_norm = make(p + "input_norm", {D});
    layer.qkv = make(p + "qkv", {(N + 2 * KV) * H, D});
    if (config.qkv_bias()) layer.qkv_bias = make(p + "qkv_bias", {(N + 2 * KV) * H});
    if (config.qk_norm()) {
      layer.q_norm = make(p + "q_norm", {H});
      layer.k_norm = make(p + "k_norm", {H});
    }
    layer.attention_out = make(p + "attention_out", {D, N * H});
    if (config.output_bias()) layer.attention_out_bias = make(p + "attention_out_bias", {D});
    layer.post_norm = make(p + "post_norm", {D});
    layer.gate_up = make(p + "gate_up", {2 * F, D});
    if (config.has_mlp_bias()) layer.gate_up_bias = make(p + "gate_up_bias", {2 * F});
    layer.down = make(p + "down", {D, F});
    if (config.has_mlp_bias()) layer.down_bias = make(p + "down_bias", {D});
    weights.layers.push_back(std::move(layer));
  }
  return weights;
}

std::vector<HfSlice> hf_slices(const Weights& weights) {
  const ModelConfig& config = weights.config;
  const int64_t F = config.intermediate_size, H = config.head_dim;
  const int64_t q_rows = config.heads * H, kv_rows = config.kv_heads * H;
  std::vector<HfSlice> slices;
  const auto rows = [&](const std::string& name, const Parameter& parameter, int64_t row,
                        int64_t count) {
    if (!parameter.value.defined()) return;
    std::vector<int64_t> shape = parameter.value.sizes().vec();
    shape[0] = count;
    slices.push_back({name, &parameter, row, count, shape});
  };
  const auto whole = [&](const std::string& name, const Parameter& parameter) {
    if (parameter.value.defined()) rows(name, parameter, 0, parameter.value.size(0));
  };
  whole("model.embed_tokens.weight", weights.embedding);
  for (size_t l = 0; l < weights.layers.size(); ++l) {
    const LayerWeights& layer = weights.layers[l];
    const std::string p = "model.layers." + std::to_string(l) + ".";
    whole(p + "input_layernorm.weight", layer.input_norm);
    for (const auto& [suffix, qkv] :
         {std::pair{".weight", &layer.qkv}, std::pair{".bias", &layer.qkv_bias}}) {
      rows(p + "self_attn.q_proj" + suffix, *qkv, 0, q_rows);
      rows(p + "self_attn.k_proj" + suffix, *qkv, q_rows, kv_rows);
      rows(p + "self_attn.v_proj" + suffix, *qkv, q_rows + kv_rows, kv_rows);
    }
    whole(p + "self_attn.q_norm.weight", layer.q_norm);
    whole(p + "self_attn.k_norm.weight", layer.k_norm);
    whole(p + "self_attn.o_proj.weight", layer.attention_out);
    whole(p + "self_attn.o_proj.bias", layer.attention_out_bias);
    whole(p + "post_attention_layernorm.weight", layer.post_norm);
    for (const auto& [suffix, gate_up] :
         {std::pair{".weight", &layer.gate_up}, std::pair{".bias", &layer.gate_up_bias}}) {
      rows(p + "mlp.gate_proj" + suffix, *gate_up, 0, F);
      rows(p + "mlp.up_proj" + suffix, *gate_up, F, F);
    }
    whole(p + "mlp.down_proj.weight", layer.down);
    whole(p + "mlp.down_proj.bias", layer.down_bias);
  }
  whole("model.norm.weight", weights.final_norm);
  if (!config.tie_word_embeddings) whole("lm_head.weight", weights.head);
  return slices;
}

std::vector<HfSlice> slices_by_name(const Weights& weights) {
  std::vector<HfSlice> slices = hf_slices(weights);
  std::sort(slices.begin(), slices.end(),
            [](const HfSlice& a, const HfSlice& b) { return a.name < b.name; });
  return slices;
}

at::Tensor rows_of(const HfSlice& slice) {
  return slice.parameter->value.narrow(0, slice.row, slice.rows);
}

void initialise_weights(Weights& weights, uint32_t seed) {
  const PhiloxKey key{seed, Purpose::kInitialisation, 0};
  const double residual = exact::sqrt(2.0 * static_cast<double>(weights.layers.size()));
  uint32_t index = 0;
  weights.for_each([&](Parameter& parameter) {
    auto* value = parameter.value.data_ptr<float>();
    const int64_t count = parameter.value.numel();
    const bool bias = parameter.name.ends_with("_bias");
    if (parameter.value.dim() == 1) {
      for (int64_t i = 0; i < count; ++i) value[i] = bias ? 0.0f : 1.0f;
    } else {
      const double fan_in = static_cast<double>(parameter.value.size(1));
      double deviation = 1.0 / exact::sqrt(fan_in);
      if (parameter.name.ends_with("attention_out") || parameter.name.ends_with("down"))
        deviation /= residual;
      if (parameter.name == "embedding" || parameter.name == "head") deviation = 0.02;
      PhiloxStream stream(key, index, 0, 0);
      for (int64_t i = 0; i < count; ++i)
        value[i] = static_cast<float>(stream.normal() * deviation);
    }
    ++index;
  });
}

void repack(Weights& weights) {
  weights.for_each([](Parameter& parameter) { kernels::repack(parameter); });
  if (weights.config.tie_word_embeddings) {
    weights.head.value = weights.embedding.value;
    weights.head.packed = weights.embedding.packed;
  }
}

namespace {

// `weights` with other values, neither packed nor with gradients.
Weights with_values(const Weights& weights,
                    const std::function<at::Tensor(const at::Tensor&)>& value) {
  Weights copy = weights;
  copy.for_each([&](Parameter& parameter) {
    parameter.value = value(parameter.value);
    parameter.packed = at::Tensor();
    parameter.grad = at::Tensor();
  });
  if (copy.config.tie_word_embeddings) copy.head.value = copy.embedding.value;
  copy.head.packed = at::Tensor();
  copy.head.grad = at::Tensor();
  return copy;
}

}  // namespace

Weights to_device(const Weights& masters, const std::string& device) {
  const at::Device target(device);
  return with_values(masters,
                     [&](const at::Tensor& value) { return value.to(target, at::kBFloat16); });
}

Weights copy_values(const Weights& weights) {
  Weights copy =
      with_values(weights, [](const at::Tensor& value) { return value.detach().clone(); });
  if (copy.embedding.value.is_cpu()) repack(copy);
  return copy;
}

}  // namespace retort
