#pragma once
// Worker: tasks in, samples out. It receives Task records and never opens a store.
// Threads: one caller.
#include <cstdint>
#include <vector>

#include "base/channel/channel.h"
#include "base/record/task.h"
#include "rollout/config.h"
#include "rollout/engine.h"
#include "rollout/prompt_codec.h"

namespace retort {

class Worker {
 public:
  // Policy and codec must outlive the worker. `longest_prompt` sizes the cache.
  Worker(const Policy& policy, const PromptCodec& codec, EngineSettings settings, int64_t group_size);

  // The Version that samples from now on; the worker must be idle.
  void set_version(uint32_t number) { engine_.set_version(number); }

  // Asks for group_size samples of each task; task i of the step has index first_task + i.
  void submit(int64_t step, const std::vector<Task>& tasks, uint32_t first_task = 0);
  bool idle() const { return engine_.idle(); }
  // One forward; finished samples are sent.
  void step(SampleSender& sender);

  const EngineCounters& counters() const { return engine_.counters(); }

 private:
  const PromptCodec& codec_;
  Engine engine_;
  int64_t group_size_;
};

}  // namespace retort
