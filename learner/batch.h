#pragma once
// Batch: what one optimiser update learns from, and its split into micro-batches. Never leaves the
// learner.
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
  float advantage = 0;
  // kept sets of the tokens with a loss, or empty (Sample::kept_ids)
  std::vector<int32_t> kept_ids;
  std::vector<int64_t> kept_begin;  // [tokens with a loss + 1] or empty
};

struct Batch {
  std::vector<TrainingSequence> sequences;  // in update order
  double normaliser = 1;                    // of the whole update, computed before the split
};

// Half-open ranges of sequences, each of at most `max_tokens` tokens (a longer sequence stands
// alone).
struct SequenceRange {
  int64_t begin = 0, end = 0;
};
std::vector<SequenceRange> split_into_micro_batches(const Batch& batch, int64_t max_tokens);

}  // namespace retort
