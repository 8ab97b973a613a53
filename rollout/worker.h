#pragma once
// Worker: tasks in, samples out. It receives Task records and never opens a store.
// Threads: one caller.
#include "base/channel/channel.h"
#include "rollout/engine.h"
#include "rollout/prompt_codec.h"

#include <cstdint>
#include <memory>

namespace retort {

class Worker {
 public:
  // Policy and codec must outlive the worker.
  Worker(const Policy& policy, const PromptCodec& codec, EngineSettings settings,
         std::unique_ptr<TaskReceiver> tasks, std::unique_ptr<SampleSender> samples);

  // UserError when the task's prompt and max_new_tokens exceed the model's positions or the cache.
  void check_fits(const Task& task) const;
  // Takes every assignment that waits. One of another Version than set_version's is refused
  // (RT_CHECK).
  void take_assignments();
  // The Version that samples from now on; the worker must be idle.
  void set_version(uint32_t number);

  bool idle() const { return engine_.idle(); }
  // One forward; finished samples are sent.
  void step();

  const EngineCounters& counters() const { return engine_.counters(); }

 private:
  const PromptCodec& codec_;
  Engine engine_;
  std::unique_ptr<TaskReceiver> tasks_;
  std::unique_ptr<SampleSender> samples_;
  uint32_t version_ = 0;
};

}  // namespace retort
