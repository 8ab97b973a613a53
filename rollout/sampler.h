#pragma once
// Sampler: the next token of each row from its logits.
//
// A token is the inverse of the cumulative distribution at u over the kept set, ids ascending,
// summed in fixed tiles; u has 53 bits and comes from Philox with counter (step, task, slot,
// absolute position of the new token). So a sample is a function of its id, its prompt and the
// weights only. The log-probability is kernels/head's, the expression the learner evaluates. Kept
// set: top_k first (value descending, id ascending), then top_p over what is left (the smallest
// prefix of that order whose probability reaches top_p, at least one token).
#include "base/philox.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace retort {

struct SamplingSettings {
  double temperature = 1.0;  // 0: greedy, ties to the lower id, log-probabilities at temperature 1
  int64_t top_k = 0;         // 0: all
  double top_p = 1.0;        // 1: all
  uint32_t seed = 0;         // run.seed
  Purpose purpose = Purpose::kSampling;
  bool keeps_all() const { return top_k == 0 && top_p >= 1.0; }
};

struct SampledToken {
  int32_t id = 0;
  float logprob = 0;
  float entropy = 0;          // nats, over the kept set
  std::vector<int32_t> kept;  // ids ascending; empty when everything is kept
};

// logits [R, V] fp32 on the CPU or a GPU; counters [R].
std::vector<SampledToken> sample_tokens(const at::Tensor& logits_RV,
                                        const std::vector<PhiloxCounter>& counters,
                                        const SamplingSettings& settings);

}  // namespace retort
