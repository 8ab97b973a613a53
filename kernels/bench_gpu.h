#pragma once
// The GPU's cases, defined in the half that links LibTorch; and what both halves say of a shape.
#include "kernels/attention/attention.h"
#include "kernels/bench.h"

namespace retort::kernels {

inline constexpr AttentionDims kQuickstartHeads = {4, 2, 32, 0};
inline constexpr AttentionDims kSmolLM2Heads = {9, 3, 64, 0};

// `sequences` runs of `queries` tokens each, the last of a context of `context`.
BenchSettings attention_settings(const AttentionDims& dims, int64_t sequences, int64_t queries,
                                 int64_t context);
// Pairs of (query, key) that causal attention looks at.
double causal_pairs(int64_t sequences, int64_t queries, int64_t context);

// bf16 operands, as the policy calls them: launches from the host included.
void gemm_on_gpu(Bench& bench);
void attention_on_gpu(Bench& bench);

}  // namespace retort::kernels
