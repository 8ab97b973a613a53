#pragma once
// Worker: assignments in, samples out. It receives Task records and never opens a store.
//
// With a source of weights the Worker follows the Version that its assignments name: one that names
// another waits until the engine is idle. Threads: one caller.
#include "base/channel/channel.h"
#include "rollout/engine.h"
#include "rollout/prompt_codec.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace retort {

struct WorkerSettings {
  EngineSettings engine;
  // Samples under way at most when further assignments are taken, so that several workers share a
  // step; an assignment is never split. 0: no limit.
  int64_t most_samples = 0;
  // How long an end of another process is given to answer, once a first assignment is here.
  double answer_s = 0;
};

class Worker {
 public:
  enum class Weights {
    kHere,
    kOver,    // nobody asks for this Version any more: the assignment that names it is void
    kClosed,  // the learner is gone
  };
  // Makes the policy compute with the Version of this number; called when the engine is idle.
  using WeightSource = std::function<Weights(uint32_t number)>;

  // Policy and codec must outlive the worker. Without `weights` the policy's own are those of
  // whatever Version is asked for (a learner in the same process changes them in place).
  Worker(const Policy& policy, const PromptCodec& codec, WorkerSettings settings,
         std::unique_ptr<TaskReceiver> tasks, std::unique_ptr<SampleSender> samples,
         WeightSource weights = {});

  // UserError when the task's prompt and max_new_tokens exceed the model's positions or the cache.
  void check_fits(const Task& task) const;

  enum class Taken { kSome, kNone, kClosed };
  // Takes the assignments that wait; an idle worker waits for the first until the deadline.
  // kClosed: no more will come; what is under way remains to be done.
  Taken take_assignments(Deadline deadline);

  bool idle() const { return engine_.idle() && !next_; }
  // One forward; finished samples are sent. False: the learner wants no more.
  bool step();
  // Waits until every sample sent is acknowledged.
  SendResult flush(Deadline deadline) { return samples_->flush(deadline); }

  const EngineCounters& counters() const { return engine_.counters(); }

 private:
  bool has_room() const;
  // Submits next_ if the engine may compute with its Version now.
  void submit_next();

  const PromptCodec& codec_;
  const WorkerSettings settings_;
  Engine engine_;
  std::unique_ptr<TaskReceiver> tasks_;
  std::unique_ptr<SampleSender> samples_;
  WeightSource weights_;
  std::optional<uint32_t> version_;  // that the policy computes with; none yet
  std::optional<Assignment> next_;   // of another Version: waits for an idle engine
  int64_t under_way_ = 0;            // samples submitted and not finished
  // Where asking costs time: forwards to go before the next question, and after one in vain.
  int64_t skip_ = 0, in_vain_ = 1;
  bool closed_ = false;
};

}  // namespace retort
