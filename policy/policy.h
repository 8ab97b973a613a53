#pragma once
// Policy: the one model that rollout and learner run (promise "one forward").
//
// Legend: T packed tokens, R selected rows, D hidden, V vocabulary.
//
// forward() takes a ragged list of tokens: each knows its sequence, its absolute position and where
// its keys live. Prefill, chunked prefill, decode and packed training are this call with other
// lists. Each output row is a function of its own sequence's tokens and the weights only, bit for
// bit (design: the contract of one forward). Threads: one caller at a time. Joined to autograd when
// grad mode is on and the weights have grad accumulators.
#include "kernels/head/head_result.h"
#include "policy/kv_cache.h"
#include "policy/weights.h"

#include <cstdint>
#include <string>
#include <vector>

namespace retort {

// One forward's tokens. Run s is a contiguous piece of one sequence; a run at position p > 0
// continues keys that an earlier forward wrote to the same pages.
struct RaggedTokens {
  std::vector<int32_t> ids;                 // [T]
  std::vector<int32_t> run_begin{0};        // [S + 1] token indices
  std::vector<int32_t> first_position;      // [S]
  std::vector<std::vector<int32_t>> pages;  // [S] page ids covering positions 0 .. end of the run

  void add_run(const int32_t* run_ids, int64_t count, int32_t position,
               std::vector<int32_t> run_pages);
  int64_t size() const { return static_cast<int64_t>(ids.size()); }
};

// Whole sequences one after the other, with pages 0, 1, 2, … in order: the list of packed training.
struct PackedSequences {
  RaggedTokens tokens;
  int64_t pages = 0;
};
PackedSequences pack_sequences(const std::vector<std::vector<int32_t>>& sequences);

class Policy {
 public:
  // Takes the weights over and packs them.
  explicit Policy(Weights weights);

  Weights& weights() { return weights_; }
  const Weights& weights() const { return weights_; }
  const ModelConfig& config() const { return weights_.config; }
  int64_t max_positions() const { return weights_.config.position_limit(); }
  bool on_gpu() const;

  // Final-normed hidden rows [T, D]. Writes the tokens' keys and values to `cache`.
  at::Tensor hidden(const RaggedTokens& tokens, KvCache& cache) const;

  // hidden rows of `rows` (ascending).
  at::Tensor select(const at::Tensor& hidden_TD, const std::vector<int64_t>& rows) const;

  // fp32 logits [R, V], not joined to autograd.
  at::Tensor logits(const at::Tensor& hidden_RD) const;

  // Log-probability of targets and entropy at `temperature` over the kept sets (empty: whole
  // vocabulary); kept_begin has R + 1 offsets into kept_ids.
  kernels::HeadResult logprob(const at::Tensor& hidden_RD, const std::vector<int32_t>& targets,
                              double temperature, const std::vector<int32_t>& kept_ids = {},
                              const std::vector<int64_t>& kept_begin = {}) const;

 private:
  void grow_rotary_table(int64_t positions) const;

  Weights weights_;
  // fp32 [P, C] on the weights' device; grown as positions need it.
  mutable at::Tensor cos_PC_, sin_PC_;
};

// UserError when the device name is neither "cpu", "cuda" nor "auto"; MissingError when there is no
// GPU for "cuda".
std::string resolve_device(const std::string& device, const std::string& place);

}  // namespace retort
