#pragma once
// The channel within one process: the reference that every other channel is compared with.
#include "base/channel/channel.h"

#include <cstddef>
#include <memory>

namespace retort {

// Its ends keep it alive. Any thread.
class InProcessChannel {
 public:
  // `credits` >= 1: unacknowledged samples, and assignments that no worker has taken. A program
  // that sends a whole step before it receives needs as many as the step has samples.
  explicit InProcessChannel(size_t credits);

  std::unique_ptr<SampleSender> sample_sender();  // of one more worker
  // Of the learner; one at a time (checked). A later one is a learner that was started anew: it
  // gets what was never acknowledged.
  std::unique_ptr<SampleReceiver> sample_receiver();
  std::unique_ptr<TaskSender> task_sender();
  std::unique_ptr<TaskReceiver> task_receiver();

  // As if the connection broke and came back: unacknowledged samples are sent again.
  void reconnect();

 private:
  struct State;
  class SampleSenderEnd;
  class SampleReceiverEnd;
  class TaskSenderEnd;
  class TaskReceiverEnd;
  std::shared_ptr<State> state_;
};

}  // namespace retort
