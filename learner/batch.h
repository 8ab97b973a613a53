#pragma once
// Training sequences: what one optimiser update learns from, in update order, and their split into
// micro-batches. They never leave the learner.
//
// Micro-batches are contiguous in update order and hold whole sequences, never sorted by length:
// with the chains that continue from one to the next (design: the contract of one forward), any
// split gives the same bits.
#include <cstdint>
#include <vector>

namespace retort {

struct TrainingSequence {
  std::vector<int32_t> tokens;          // [L] prompt and completion
  std::vector<int32_t> loss_positions;  // indices t >= 1 of the tokens that have a loss, ascending
  // [tokens with a loss] of the sampler; empty in supervised fine-tuning
  std::vector<float> old_logprobs;
  // [tokens with a loss] Version that sampled it; empty in supervised fine-tuning
  std::vector<uint32_t> versions;
  // [tokens with a loss] of the reference policy; empty without one
  std::vector<float> reference_logprobs;
  float advantage = 0;
  double normaliser = 1;  // divides the summed token losses; known before the split
  // kept sets of the tokens with a loss, or empty (Sample::kept_ids)
  std::vector<int32_t> kept_ids;
  std::vector<int64_t> kept_begin;  // [tokens with a loss + 1] or empty
};

// Half-open ranges of sequences, each of at most `max_tokens` tokens (a longer sequence stands
// alone).
struct SequenceRange {
  int64_t begin = 0, end = 0;
};
std::vector<SequenceRange> split_into_micro_batches(const std::vector<TrainingSequence>& sequences,
                                                    int64_t max_tokens);

}  // namespace retort
