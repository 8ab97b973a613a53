#pragma once
// The operation over tensors; contract in attention.h.
#include "kernels/attention/attention.h"

#include <ATen/core/Tensor.h>

namespace retort::kernels {

// One layer's cache.
struct LayerPages {
  at::Tensor k;  // CPU: fp32 [pages, KV * H * kPageTokens]; GPU: bf16 [pages * kPageTokens, KV, H]
  at::Tensor v;
};

// The runs of one forward, made once and shared by all layers.
struct RunTensors {
  at::Tensor run_begin;       // int32 [S + 1], CPU
  at::Tensor first_position;  // int32 [S], CPU
  at::Tensor page_table;      // int32 [S, max_pages], CPU
  // GPU only, made by make_run_tensors: flat slots of the list's own tokens and of all their keys.
  at::Tensor slots_T;      // int64 [T]: page * kPageTokens + position within the page
  at::Tensor key_slots_J;  // int64 [J]: slots of the keys of every run, runs in order
  at::Tensor query_begin;  // int32 [S + 1]
  at::Tensor key_begin;    // int32 [S + 1]
  int64_t max_query = 0;
  int64_t max_key = 0;
  bool whole_sequences = false;  // every first_position is 0: a backward is possible
};

LayerPages make_layer_pages(const AttentionDims& dims, int64_t pages, const at::Tensor& like);
// Fills the GPU fields when `device_like` is a CUDA tensor.
void finish_run_tensors(RunTensors& runs, const at::Tensor& device_like);

// q [T, N, H], k and v [T, KV, H] -> o [T, N, H]; writes pages as a side effect.
at::Tensor attention(const at::Tensor& q_TNH, const at::Tensor& k_TKH, const at::Tensor& v_TKH,
                     const RunTensors& runs, const AttentionDims& dims, LayerPages& pages);

// The definition in ATen methods for whole sequences, any floating type and device: no pages.
// dims.scale must be set.
at::Tensor attention_plain(const at::Tensor& q_TNH, const at::Tensor& k_TKH,
                           const at::Tensor& v_TKH, const RunTensors& runs,
                           const AttentionDims& dims);

}  // namespace retort::kernels
