#pragma once
// [rollout]: how samples are drawn.
#include "base/config.h"

namespace retort {

#define RETORT_ROLLOUT_FIELDS(X)                                                               \
  X(int64_t, group_size, 8, between(2, 65536), "samples",                                      \
    "samples per prompt; the baseline is their mean")                                          \
  X(double, temperature, 1.0, between(0.01, 100.0), "",                                        \
    "divides the logits; the learner applies it too")                                          \
  X(int64_t, top_k, 0, at_least(0), "tokens", "keep the k most probable tokens; 0 keeps all")  \
  X(double, top_p, 1.0, between(0.001, 1.0), "",                                               \
    "keep the smallest set of tokens with this mass; 1 keeps all")                             \
  X(int64_t, max_new_tokens, 96, at_least(1), "tokens", "longest completion")                  \
  X(std::vector<std::string>, stop, {}, not_empty(), "",                                       \
    "strings that end a completion (kept in its text)")                                        \
  X(int64_t, max_sequences, 256, at_least(1), "sequences",                                     \
    "most sequences in one forward; a finished one's place is refilled")                       \
  X(int64_t, max_batch_tokens, 8192, at_least(16), "tokens",                                   \
    "most tokens in one forward; longer prompts are prefilled in chunks")                      \
  X(int64_t, cache_bytes, 0, at_least(0), "bytes",                                             \
    "memory of the paged key/value cache; 0 takes what max_sequences need, a quarter of free " \
    "memory at most")
RETORT_CONFIG_STRUCT(RolloutConfig, RETORT_ROLLOUT_FIELDS)

}  // namespace retort
