#pragma once
// What crosses between the learner and its workers, and what a channel promises. Implementations:
// in_process.h. Each passes tests/conformance/channel_conformance.h.
//
// Samples, worker to learner:
//   - Credits. At most `credits` samples of a channel are unacknowledged; send() waits for one to
//   be free.
//   - Acknowledgement. A sample is the sender's until the receiver has made it durable and says so
//   with
//     ack(id). What is unacknowledged when a connection breaks or a receiver is started anew is
//     sent again.
//   - Duplicates. A receiver hands out each id once, whatever is sent again or sampled again.
//   - Order. None: collections are sorted by id before use.
//   - Waits. Each has a deadline, a reason and a holder (base/wait.h).
// Tasks, learner to workers: each assignment reaches one worker. There is no acknowledgement: an
// assignment lost with its worker is assigned again, and by the counter-based draws its samples are
// the same.
//
// All functions may be called from any thread. No exceptions: what happens is the result.
#include "base/record/assignment.h"
#include "base/record/sample.h"
#include "base/wait.h"

#include <cstdint>
#include <optional>
#include <string>

namespace retort {

enum class SendResult { kSent, kTimeout, kClosed };
enum class ReceiveKind { kReceived, kTimeout, kClosed };

struct SampleReceived {
  ReceiveKind kind = ReceiveKind::kClosed;
  std::optional<Sample> sample;  // when kReceived
  std::string waited;            // when kTimeout: for what, and who holds it
};

class SampleSender {
 public:
  virtual ~SampleSender() = default;  // as close()
  // kSent: the channel has it and will deliver it. kTimeout: no credit came free. kClosed: the
  // receiver wants no more, or this sender was closed.
  virtual SendResult send(const Sample& sample, Deadline deadline) = 0;
  // Waits until everything this sender has sent is acknowledged.
  virtual SendResult flush(Deadline deadline) = 0;
  // What this sender will send no more; what it has sent is still delivered.
  virtual void close() = 0;
};

class SampleReceiver {
 public:
  virtual ~SampleReceiver() =
      default;  // without close(): what is unacknowledged waits for the next receiver
  // kClosed: all senders there were are closed and everything is delivered and acknowledged, or
  // close().
  virtual SampleReceived receive(Deadline deadline) = 0;
  // The sample is durable here: its credit is free. An id that is not outstanding is passed over.
  virtual void ack(const SampleId& id) = 0;
  // Steps up to this one are done: further copies of their samples are acknowledged and dropped
  // unseen, and their ids need not be remembered one by one.
  virtual void settle(uint32_t step) = 0;
  // No sample of this group is wanted any more: what came of it and what still comes is
  // acknowledged and dropped unseen, and no worker is sent for the rest. Until its step is settled.
  virtual void give_up(uint32_t step, uint32_t task) = 0;
  // The run is over: senders get kClosed.
  virtual void close() = 0;
};

struct AssignmentReceived {
  ReceiveKind kind = ReceiveKind::kClosed;
  std::optional<Assignment> assignment;
  std::string waited;
};

class TaskSender {
 public:
  virtual ~TaskSender() = default;  // as close()
  // kTimeout: no worker took one for so long that the queue of `credits` assignments stayed full.
  virtual SendResult send(const Assignment& assignment, Deadline deadline) = 0;
  virtual void close() = 0;
};

class TaskReceiver {
 public:
  virtual ~TaskReceiver() = default;
  // kClosed: the sender is closed and every assignment is taken.
  virtual AssignmentReceived receive(Deadline deadline) = 0;
};

}  // namespace retort
