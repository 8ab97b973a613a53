#pragma once
// Engine: samples of groups, token by token. One step() = one forward:
//   admit (scheduler) -> copy shared pages -> forward -> logits of the rows that end a sequence ->
//   sample -> emit.
// A group's prompt is computed once; when its prefill ends, every sample of the group draws its
// first token from the same logits row (with its own random numbers) and goes on with the shared
// pages. Threads: one caller. A sample's bytes depend on its id, prompt, weights and settings only,
// not on what else runs.
#include "policy/policy.h"
#include "rollout/sampler.h"
#include "rollout/scheduler.h"

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace retort {

struct EngineSettings {
  SamplingSettings sampling;
  int64_t max_new_tokens = 96;
  std::vector<int32_t> eos_ids;
  std::vector<std::string> stop;  // strings that end a completion
  // Text of some ids, needed with `stop`.
  std::function<std::string(std::span<const int32_t>)> decode;
  // Told of every token as it is sampled; may be empty.
  std::function<void(const SampleId&, int32_t token)> on_token;
  int64_t max_sequences = 256;
  int64_t max_batch_tokens = 8192;
  // 0: what max_sequences of `max_length` tokens need, a quarter of the memory at most
  int64_t cache_bytes = 0;
  std::string length_setting = "[rollout.max_new_tokens]";  // what an error about lengths names
  int64_t max_length = 0;  // longest prompt + max_new_tokens that will be asked for
};

struct EngineCounters {
  int64_t forwards = 0;
  int64_t prefill_tokens = 0;
  int64_t sampled_tokens = 0;
  int64_t preemptions = 0;
};

class Engine {
 public:
  // The policy must outlive the engine; its weights may change only while the engine is idle
  // (set_version).
  Engine(const Policy& policy, EngineSettings settings);

  // The number stamped on tokens sampled from now on. The engine must be idle.
  void set_version(uint32_t number);

  // UserError when a prompt of so many tokens and max_new_tokens exceed the model's positions or
  // the cache.
  void check_fits(int64_t prompt_tokens) const;
  // UserError as above.
  void submit(const GroupRequest& request);
  bool idle() const { return scheduler_.idle(); }
  // One forward; the samples it finished.
  std::vector<Sample> step();
  // Until idle; ordered by id. `progress` hears the number of finished samples after each step.
  std::vector<Sample> run(const std::vector<GroupRequest>& requests,
                          const std::function<void(int64_t finished)>& progress = {});

  const EngineCounters& counters() const { return counters_; }
  const EngineSettings& settings() const { return settings_; }

 private:
  // Appends the token; true when the sequence is finished.
  bool append(Sequence& sequence, SampledToken token);
  bool hit_stop_string(const Sample& sample) const;

  const Policy& policy_;
  EngineSettings settings_;
  KvCache cache_;
  Scheduler scheduler_;
  uint32_t version_ = 0;
  EngineCounters counters_;
};

}  // namespace retort
