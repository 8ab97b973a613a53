#pragma once
// The options of sampling that generate, chat and eval share, checked.
#include "rollout/sampler.h"

#include <cstdint>
#include <string>
#include <vector>

namespace retort {

struct SamplingOptions {
  double temperature = 1.0;  // 0 is greedy
  int64_t top_k = 0;
  double top_p = 1.0;
  int64_t seed = 0;
  int64_t samples = 1;
  int64_t max_new_tokens = 0;  // 0: the command's default
  int64_t max_sequences = 1;
  int64_t threads = 0;
  std::vector<std::string> stop = {};
};

// UserError at the option that is out of its range.
void check(const SamplingOptions& options);

// What the sampler takes of checked options.
SamplingSettings sampling_settings(const SamplingOptions& options, Purpose purpose);

}  // namespace retort
