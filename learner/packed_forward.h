#pragma once
// PackedForward: the policy's forward over whole training sequences, and the log-probabilities of
// their tokens.
#include "kernels/head/head_result.h"
#include "learner/batch.h"
#include "policy/policy.h"

#include <span>

namespace retort {

struct PackedResult {
  kernels::HeadResult head;          // joined to autograd in grad mode; on the policy's device
  std::vector<float> logp, entropy;  // [tokens with a loss], host copies
};

class PackedForward {
 public:
  explicit PackedForward(const Policy& policy) : policy_(policy) {}

  // Tokens with a loss of all `sequences`, in order. The last token of a sequence is predicted,
  // never fed.
  PackedResult run(std::span<const TrainingSequence> sequences, double temperature);

 private:
  const Policy& policy_;
  KvCache scratch_;  // one layer's pages, shared by all layers: only the running layer reads them
};

}  // namespace retort
