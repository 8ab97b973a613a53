#pragma once
// Supervised fine-tuning: negative log-likelihood of completion tokens, one optimiser update a
// batch.
#include "learner/batch.h"
#include "learner/optimizer.h"
#include "learner/packed_forward.h"

namespace retort {

struct SftStep {
  double loss = 0;  // nats a completion token
  double grad_norm = 0;
  int64_t tokens = 0;  // completion tokens
};

class SftTrainer {
 public:
  SftTrainer(Policy& policy, Optimizer& optimizer, int64_t micro_batch_tokens)
      : optimizer_(optimizer), forward_(policy), micro_batch_tokens_(micro_batch_tokens) {}

  // Micro-batches change no bit.
  SftStep step(const std::vector<TrainingSequence>& batch, double lr);
  // Mean loss of a token of `sequences`; changes nothing.
  double loss(const std::vector<TrainingSequence>& sequences);

 private:
  Optimizer& optimizer_;
  PackedForward forward_;
  int64_t micro_batch_tokens_;
};

// prompt ids, completion ids (the end of text appended by the caller) -> a sequence with loss on
// the completion.
TrainingSequence sft_sequence(const std::vector<int32_t>& prompt,
                              const std::vector<int32_t>& completion);

}  // namespace retort
