#include "policy/policy.h"

#include "base/check.h"
#include "base/error.h"
#include "kernels/embedding/embedding.h"
#include "kernels/gemm/gemm.h"
#include "kernels/head/head.h"
#include "kernels/residual_add/residual_add.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/rotary/rotary.h"
#include "kernels/select_rows/select_rows.h"
#include "kernels/swiglu/swiglu.h"
#include "policy/checkpoint/rotary_table.h"

#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace retort {
namespace {

// A tensor of its own holding `values`, on `device`.
template <class T>
at::Tensor tensor_of(const std::vector<T>& values, at::ScalarType type, const at::Device& device) {
  return at::from_blob(const_cast<T*>(values.data()), {static_cast<int64_t>(values.size())}, type)
      .clone()
      .to(device);
}

const Parameter* optional(const Parameter& parameter) {
  return parameter.value.defined() ? &parameter : nullptr;
}

}  // namespace

void RaggedTokens::add_run(const int32_t* run_ids, int64_t count, int32_t position,
                           std::vector<int32_t> run_pages) {
  RT_CHECK_GT(count, 0);
  ids.insert(ids.end(), run_ids, run_ids + count);
  run_begin.push_back(static_cast<int32_t>(ids.size()));
  first_position.push_back(position);
  pages.push_back(std::move(run_pages));
}

PackedSequences pack_sequences(const std::vector<std::vector<int32_t>>& sequences) {
  PackedSequences packed;
  for (const std::vector<int32_t>& sequence : sequences) {
    const int64_t length = static_cast<int64_t>(sequence.size());
    std::vector<int32_t> pages((length + kernels::kPageTokens - 1) / kernels::kPageTokens);
    for (int32_t& page : pages) page = static_cast<int32_t>(packed.pages++);
    packed.tokens.add_run(sequence.data(), length, 0, std::move(pages));
  }
  return packed;
}

Policy::Policy(Weights weights) : weights_(std::move(weights)) {
  if (!on_gpu()) repack(weights_);
}

void Policy::grow_rotary_table(int64_t positions) const {
  if (cos_PC_.defined() && cos_PC_.size(0) >= positions) return;
  RT_CHECK_LE(positions, max_positions()) << "a token's position leaves the model's rotary table";
  const ModelConfig& config = weights_.config;
  const at::Device device = weights_.embedding.value.device();
  const int64_t rounded =
      std::min(max_positions(),
               std::max<int64_t>(
                   512, static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(positions)))));
  const RotaryTable table = make_rotary_table(
      rotary_frequencies(config.rotary, config.head_dim, config.max_position_embeddings), rounded);
  cos_PC_ = tensor_of(table.cos_PC, at::kFloat, device).view({rounded, table.half_dim});
  sin_PC_ = tensor_of(table.sin_PC, at::kFloat, device).view({rounded, table.half_dim});
}

bool Policy::on_gpu() const { return weights_.embedding.value.is_cuda(); }

at::Tensor Policy::hidden(const RaggedTokens& tokens, KvCache& cache) const {
  const ModelConfig& config = weights_.config;
  const at::Device device = weights_.embedding.value.device();
  const at::Device cpu(at::kCPU);
  const int64_t T = tokens.size(), S = static_cast<int64_t>(tokens.first_position.size());
  const int64_t N = config.heads, KV = config.kv_heads, H = config.head_dim;

  std::vector<int32_t> positions(tokens.ids.size());
  size_t max_pages = 1;
  int32_t last_position = 0;
  kernels::RunTensors runs;
  runs.whole_sequences = true;
  for (int64_t s = 0; s < S; ++s) {
    max_pages = std::max(max_pages, tokens.pages[s].size());
    runs.whole_sequences = runs.whole_sequences && tokens.first_position[s] == 0;
    for (int32_t t = tokens.run_begin[s]; t < tokens.run_begin[s + 1]; ++t)
      positions[t] = tokens.first_position[s] + t - tokens.run_begin[s];
    last_position = std::max(last_position, positions[tokens.run_begin[s + 1] - 1]);
  }
  grow_rotary_table(last_position + 1);
  std::vector<int32_t> page_table(static_cast<size_t>(S) * max_pages, 0);
  for (int64_t s = 0; s < S; ++s)
    std::copy(tokens.pages[s].begin(), tokens.pages[s].end(),
              page_table.begin() + s * static_cast<int64_t>(max_pages));
  runs.run_begin = tensor_of(tokens.run_begin, at::kInt, cpu);
  runs.first_position = tensor_of(tokens.first_position, at::kInt, cpu);
  runs.page_table = tensor_of(page_table, at::kInt, cpu).view({S, static_cast<int64_t>(max_pages)});
  kernels::finish_run_tensors(runs, weights_.embedding.value);

  const at::Tensor positions_T = tensor_of(positions, at::kInt, device);
  const kernels::AttentionDims dims{N, KV, H, 0.0f};
  at::Tensor x_TD = kernels::embedding(tensor_of(tokens.ids, at::kInt, device), weights_.embedding);
  for (size_t l = 0; l < weights_.layers.size(); ++l) {
    const LayerWeights& layer = weights_.layers[l];
    const at::Tensor normed_TD = kernels::rms_norm(x_TD, layer.input_norm, config.rms_norm_eps);
    const at::Tensor qkv = kernels::linear(normed_TD, layer.qkv, optional(layer.qkv_bias));
    const std::vector<at::Tensor> parts =
        qkv.view({T, N + 2 * KV, H}).split_with_sizes({N, KV, KV}, 1);
    at::Tensor q_TNH = parts[0].contiguous(), k_TKH = parts[1].contiguous();
    const at::Tensor v_TKH = parts[2].contiguous();
    if (config.qk_norm()) {
      q_TNH = kernels::rms_norm(q_TNH, layer.q_norm, config.rms_norm_eps);
      k_TKH = kernels::rms_norm(k_TKH, layer.k_norm, config.rms_norm_eps);
    }
    q_TNH = kernels::rotary(q_TNH, positions_T, cos_PC_, sin_PC_);
    k_TKH = kernels::rotary(k_TKH, positions_T, cos_PC_, sin_PC_);
    const at::Tensor o_TNH = kernels::attention(q_TNH, k_TKH, v_TKH, runs, dims, cache.layers[l]);
    const at::Tensor attended_TD = kernels::linear(o_TNH.reshape({T, N * H}), layer.attention_out,
                                                   optional(layer.attention_out_bias));
    x_TD = kernels::residual_add(x_TD, attended_TD);
    const at::Tensor fed_TD = kernels::rms_norm(x_TD, layer.post_norm, config.rms_norm_eps);
    const at::Tensor inner_TF =
        kernels::swiglu(kernels::linear(fed_TD, layer.gate_up, optional(layer.gate_up_bias)));
    x_TD = kernels::residual_add(x_TD,
                                 kernels::linear(inner_TF, layer.down, optional(layer.down_bias)));
  }
  return kernels::rms_norm(x_TD, weights_.final_norm, config.rms_norm_eps);
}

at::Tensor Policy::select(const at::Tensor& hidden_TD, const std::vector<int64_t>& rows) const {
  return kernels::select_rows(hidden_TD, tensor_of(rows, at::kLong, hidden_TD.device()));
}

at::Tensor Policy::logits(const at::Tensor& hidden_RD) const {
  return kernels::head_logits(hidden_RD, weights_.head);
}

kernels::HeadResult Policy::logprob(const at::Tensor& hidden_RD,
                                    const std::vector<int32_t>& targets, double temperature,
                                    const std::vector<int32_t>& kept_ids,
                                    const std::vector<int64_t>& kept_begin) const {
  const at::Device device = hidden_RD.device(), cpu(at::kCPU);
  const bool kept = !kept_begin.empty();
  return kernels::head_logprob(hidden_RD, weights_.head, tensor_of(targets, at::kInt, device),
                               temperature,
                               kept ? tensor_of(kept_ids, at::kInt, cpu) : at::Tensor(),
                               kept ? tensor_of(kept_begin, at::kLong, cpu) : at::Tensor());
}

std::string resolve_device(const std::string& device, const std::string& place) {
  if (device != "auto" && device != "cpu" && device != "cuda")
    throw UserError(place, "got '" + device + "'", "set it to \"auto\", \"cpu\" or \"cuda\"");
  const bool gpu = at::hasCUDA() && at::globalContext().hasCUDA();
  if (device == "cuda" && !gpu)
    throw MissingError(place, "\"cuda\" asked for, but LibTorch sees no GPU",
                       "install an NVIDIA driver, or set it to \"cpu\"");
  return device == "auto" ? (gpu ? "cuda" : "cpu") : device;
}

}  // namespace retort
