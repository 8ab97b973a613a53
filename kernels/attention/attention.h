#pragma once
// attention: grouped-query causal attention of a ragged list of tokens over cache pages.
//
// T tokens come as runs: run s holds tokens [run_begin[s], run_begin[s + 1]) of one sequence at
// absolute positions first_position[s], first_position[s] + 1, …; its keys live in the pages
// page_table[s][·], page j of a sequence covering absolute positions [j * kPageTokens, (j + 1) *
// kPageTokens). The operation first writes the k and v of its own tokens to the pages, then attends
// each query to the positions 0 .. own, all of which must have been written by then. Prefill,
// chunked prefill, decode and packed training are this call with other lists.
//
//   s[j] = (fma chain over h ascending of q[h] * k_j[h]) * scale         scale = 1 / sqrt(H) unless
//   given m = max s,  p[j] = exp(s[j] - m),  l = sum p (16 partial chains by j mod 16, fixed tree)
//   o[h] = (fma chain over j ascending of p[j] * v_j[h]) / l
// query head n reads key/value head n / (N / KV). fp32 on the CPU. Bits depend on the token's own
// row, its absolute position and its keys only: not on pages, runs, batch or threads. Page layout
// (CPU), for each page and key/value head: K as [H][kPageTokens] (lanes run across keys), V as
// [kPageTokens][H].
// Backward, by recomputation, for whole sequences (every first_position is 0): dv_j and dk_j are
// chains over queries ascending, heads of the group innermost; dq_i a chain over j ascending.
#include "kernels/parameter_fwd.h"

#include <cstdint>

namespace retort::kernels {

inline constexpr int64_t kPageTokens = 16;
inline constexpr int64_t kMaxHeadDim = 512;  // checked by the operation

struct AttentionRuns {
  int64_t runs = 0;
  const int32_t* run_begin = nullptr;       // [runs + 1] token indices, ascending from 0 to T
  const int32_t* first_position = nullptr;  // [runs]
  // [runs, max_pages]; entries beyond what a run needs are not read
  const int32_t* page_table = nullptr;
  int64_t max_pages = 0;
};

struct AttentionDims {
  int64_t N = 0;    // query heads
  int64_t KV = 0;   // key/value heads, divides N
  int64_t H = 0;    // head dimension
  float scale = 0;  // of the scores; 0: 1 / sqrt(H)
};

// scale, or its default: 1 / sqrt(H), both operations rounded once.
float attention_scale(const AttentionDims& dims);

// Floats of K (and of V) in one page of one layer: KV * H * kPageTokens.
int64_t page_floats(const AttentionDims& dims);

// m_TN and l_TN (maximum and sum of each query head, for the backward) may be null.
void attention_forward(const float* q_TNH, const float* k_TKH, const float* v_TKH,
                       const AttentionRuns& runs, const AttentionDims& dims, float* k_pages,
                       float* v_pages, float* o_TNH, float* m_TN, float* l_TN);
// dk_TKH, dv_TKH, dq_TNH overwritten.
void attention_backward(const float* do_TNH, const float* o_TNH, const float* q_TNH,
                        const float* k_TKH, const float* v_TKH, const float* m_TN,
                        const float* l_TN, const AttentionRuns& runs, const AttentionDims& dims,
                        float* dq_TNH, float* dk_TKH, float* dv_TKH);

// One layer's pages: tensors [pages, page_floats] (CPU fp32) or, on a GPU, [pages * kPageTokens,
// KV, H] bf16.
struct LayerPages;  // kernels/attention/attention_op.h
struct RunTensors;  // kernels/attention/attention_op.h

}  // namespace retort::kernels
