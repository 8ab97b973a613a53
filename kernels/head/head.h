#pragma once
// head: log-probability and entropy of next tokens from hidden rows, fused with the vocabulary
// product.
//
//   z[t, v]  = fma chain over d of h[t, d] * W[v, d]                    (gemm/gemm.h)
//   s[t, v]  = z[t, v] / temperature                                    IEEE division
//   over the kept set K_t (the whole vocabulary, or the recorded ids, ascending):
//   m = max s, l = sum exp(s - m), logp[t] = (s[target] - m) - log(l)
//   entropy[t] = log(l) - sum p (s - m),  p = exp(s - m) / l
//
// Sums over the vocabulary have 16 partial chains (position in the kept list mod 16, ascending)
// folded in a fixed tree: rollout and learner call the same row function, so the same row gives the
// same bits. Backward, with a = d loss / d logp and b = d loss / d entropy:
//   dz[v] = (a * ([v == target] - p) - b * p * (log p + entropy)) / temperature
// dh is a chain over v ascending; dW[v, d] one chain over t ascending that continues the
// accumulator.
#include "kernels/parameter_fwd.h"

#include <cstdint>
#include <utility>

namespace retort::kernels {

// Kept sets of a list of rows: ids of row t are ids[begin[t] .. begin[t + 1]), ascending. ids ==
// nullptr: whole vocabulary for every row.
struct KeptSets {
  const int32_t* ids = nullptr;
  const int64_t* begin = nullptr;  // [T + 1]
};

// What the sampler needs of one row, and what head_logprob computes inside: s = z / temperature is
// written to scaled_V (may alias logits_V), the return value holds max and log-sum.
struct RowSoftmax {
  float max = 0;      // m
  float log_sum = 0;  // log(l)
  float entropy = 0;  // nats
};
RowSoftmax head_row(const float* logits_V, int64_t V, const int32_t* kept, int64_t kept_count,
                    float temperature, float* scaled_V);
// logp of an id from its scaled logit: (s - m) - log_sum. One expression for both sides.
inline float row_logprob(const RowSoftmax& row, float scaled) {
  return (scaled - row.max) - row.log_sum;
}

// p[j] = exp of the log-probability of the kept list's id j (kept null: of id j), for the sampler.
void head_probabilities(const float* scaled_V, int64_t V, const int32_t* kept, int64_t kept_count,
                        const RowSoftmax& row, float* p);

void head_forward(const float* h_TD, const float* packed_VD, const int32_t* targets_T,
                  const KeptSets& kept, float temperature, float* logp_T, float* entropy_T,
                  int64_t T, int64_t D, int64_t V);
// Recomputes the logits by tiles of rows. dh_TD overwritten, dw_VD continued (null: not trained).
void head_backward(const float* dlogp_T, const float* dentropy_T, const float* h_TD,
                   const float* packed_VD, const float* w_VD, const int32_t* targets_T,
                   const KeptSets& kept, float temperature, float* dh_TD, float* dw_VD, int64_t T,
                   int64_t D, int64_t V);

struct HeadResult;  // kernels/head/head_result.h: { at::Tensor logp_T, entropy_T; } fp32 [T]
// hidden [T, D]; targets int32 [T]; kept sets as int32 ids and int64 begin tensors on the CPU, or
// undefined. A tied matrix has two accumulators: the caller passes a Parameter that shares value
// and packed and has its own grad.
HeadResult head_logprob(const at::Tensor& hidden_TD, const Parameter& weight_VD,
                        const at::Tensor& targets_T, double temperature, const at::Tensor& kept_ids,
                        const at::Tensor& kept_begin);
// fp32 logits [T, V] of hidden rows (never joined to autograd).
at::Tensor head_logits(const at::Tensor& hidden_TD, const Parameter& weight_VD);
// What head_logprob gives for the hidden rows of these logits on a GPU, bit for bit: for a sampler
// that has them already. Arguments as there; never joined to autograd.
HeadResult logits_logprob(const at::Tensor& logits_TV, const at::Tensor& targets_T,
                          double temperature, const at::Tensor& kept_ids,
                          const at::Tensor& kept_begin);

}  // namespace retort::kernels
