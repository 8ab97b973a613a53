#pragma once
// The gate of promise "one forward": sampled tokens whose rollout log-probability differs in any
// bit from the learner's, on the same Version.
#include <cstdint>
#include <span>
#include <vector>

namespace retort {

struct Mismatch {
  int64_t checked = 0;  // tokens compared; a gate that compared none has failed
  int64_t tokens = 0;   // of them, tokens that differ in any bit
  double max_abs = 0;   // largest |difference|

  // Compares the tokens that `version` sampled; all spans [tokens with a loss].
  void compare(std::span<const float> learner, std::span<const float> rollout,
               std::span<const uint32_t> versions, uint32_t version);
};

}  // namespace retort
