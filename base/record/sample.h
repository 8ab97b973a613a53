#pragma once
// Sample: one completion of a task, token by token. Crosses from rollout to rewards and learner.
#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace retort {

// Orders every collection of samples before use; unique within a run.
struct SampleId {
  uint32_t step = 0;    // training step, from 1; 0 in generate and evaluation
  uint32_t task = 0;    // index of the task in its step; a refill continues the count
  uint32_t slot = 0;    // 0 .. group_size - 1
  uint32_t branch = 0;  // 0 unless a sample was forked
  auto operator<=>(const SampleId&) const = default;
};

enum class StopReason : uint8_t { kEos = 0, kLength = 1, kStopString = 2 };
const char* stop_name(StopReason stop);  // "eos", "length", "stop_string", as in every output

// Example, prompt of 3 tokens and completion of 2: {id {1,0,0,0}, tokens {1,51,61,54,2},
// prompt_length 3, loss_mask {1,1}, logprobs {-0.7f,-0.01f}, version_min 0, version_max 0, stop
// kEos}.
struct Sample {
  SampleId id;
  uint64_t task_uid = 0;
  std::vector<int32_t> tokens;     // [prompt_length + C] prompt and completion ids
  int32_t prompt_length = 0;       // tokens of the prompt
  std::vector<uint8_t> loss_mask;  // [C] 1 where the policy sampled the token
  std::vector<float> logprobs;     // [C] of the sampled token: log-softmax in fp32 of logits /
                                   // temperature over the kept set; 0 where loss_mask is 0
  std::vector<float> entropies;    // [C] nats, of the same distribution
  std::vector<uint32_t> versions;  // [C] number of the Version that sampled the token
  // Kept sampling sets (top-k, top-p): ids ascending per completion token, concatenated. Empty: the
  // whole vocabulary was kept for every token.
  std::vector<int32_t> kept_ids;
  std::vector<int32_t> kept_begin;  // [C + 1] offsets into kept_ids, or empty
  StopReason stop = StopReason::kEos;
  double started_s = 0;  // steady clock of the worker; a time, never deterministic
  double finished_s = 0;

  int32_t completion_length() const { return static_cast<int32_t>(tokens.size()) - prompt_length; }
  uint32_t version_min() const;  // 0 when there are no tokens
  uint32_t version_max() const;
  bool operator==(const Sample&) const = default;
};

}  // namespace retort
