#include "base/channel/in_process.h"

#include "base/check.h"

#include <deque>
#include <map>
#include <set>
#include <utility>

namespace retort {
namespace {

std::string id_text(const SampleId& id) {
  return std::to_string(id.step) + "/" + std::to_string(id.task) + "/" + std::to_string(id.slot) +
         "/" + std::to_string(id.branch);
}

}  // namespace

struct InProcessChannel::State {
  explicit State(size_t credits_) : credits(credits_) {}

  // Constant after construction.
  const size_t credits;

  std::mutex mutex;
  std::condition_variable changed;  // anything below changed

  // Guarded by mutex.
  struct Outstanding {
    Sample sample;
    uint64_t sender;
  };
  std::map<SampleId, Outstanding> unacknowledged;
  std::deque<SampleId> in_flight;                    // to be received; may hold copies
  std::set<SampleId> handed_out;                     // by the present receiver
  std::set<SampleId> acknowledged;                   // of steps after settled_step
  std::set<std::pair<uint32_t, uint32_t>> given_up;  // step and task, after settled_step
  std::optional<uint32_t> settled_step;              // everything up to it is acknowledged
  size_t open_senders = 0;
  uint64_t senders_made = 0;
  bool has_receiver = false;
  bool receiver_closed = false;

  std::deque<Assignment> assignments;
  bool task_sender_closed = false;

  bool is_done(const SampleId& id) const {
    return (settled_step && id.step <= *settled_step) || acknowledged.contains(id) ||
           given_up.contains({id.step, id.task});
  }
  void send_again() {
    in_flight.clear();
    for (const auto& [id, outstanding] : unacknowledged) in_flight.push_back(id);
  }
  size_t outstanding_of(uint64_t sender) const {
    size_t count = 0;
    for (const auto& [id, outstanding] : unacknowledged) count += outstanding.sender == sender;
    return count;
  }
};

class InProcessChannel::SampleSenderEnd final : public SampleSender {
 public:
  explicit SampleSenderEnd(std::shared_ptr<State> state) : state_(std::move(state)) {
    const std::lock_guard lock(state_->mutex);
    number_ = ++state_->senders_made;
    ++state_->open_senders;
  }
  ~SampleSenderEnd() override { close(); }

  SendResult send(const Sample& sample, Deadline deadline) override {
    std::unique_lock lock(state_->mutex);
    if (closed_ || state_->receiver_closed) return SendResult::kClosed;
    // A copy needs no credit: its first is outstanding, or acknowledged.
    if (state_->is_done(sample.id) || state_->unacknowledged.contains(sample.id))
      return SendResult::kSent;
    const WaitScope what("a credit to send sample " + id_text(sample.id), "the receiver of samples",
                         deadline);
    const bool free = wait_until(state_->changed, lock, what, deadline, [&] {
      return state_->receiver_closed || closed_ || state_->unacknowledged.size() < state_->credits;
    });
    if (!free) return SendResult::kTimeout;
    if (closed_ || state_->receiver_closed) return SendResult::kClosed;
    if (state_->is_done(sample.id)) return SendResult::kSent;
    if (state_->unacknowledged.emplace(sample.id, State::Outstanding{sample, number_}).second)
      state_->in_flight.push_back(sample.id);
    state_->changed.notify_all();
    return SendResult::kSent;
  }

  SendResult flush(Deadline deadline) override {
    std::unique_lock lock(state_->mutex);
    const WaitScope what("the acknowledgement of what was sent", "the receiver of samples",
                         deadline);
    const bool done = wait_until(state_->changed, lock, what, deadline, [&] {
      return state_->receiver_closed || state_->outstanding_of(number_) == 0;
    });
    if (!done) return SendResult::kTimeout;
    return state_->outstanding_of(number_) == 0 ? SendResult::kSent : SendResult::kClosed;
  }

  void close() override {
    const std::lock_guard lock(state_->mutex);
    if (std::exchange(closed_, true)) return;
    --state_->open_senders;
    state_->changed.notify_all();
  }

 private:
  const std::shared_ptr<State> state_;
  uint64_t number_ = 0;
  bool closed_ = false;  // guarded by state_->mutex
};

class InProcessChannel::SampleReceiverEnd final : public SampleReceiver {
 public:
  explicit SampleReceiverEnd(std::shared_ptr<State> state) : state_(std::move(state)) {
    const std::lock_guard lock(state_->mutex);
    RT_CHECK(!state_->has_receiver) << "a channel has one receiver of samples at a time";
    state_->has_receiver = true;
    state_->receiver_closed = false;
    state_->handed_out.clear();
    state_->send_again();
  }
  ~SampleReceiverEnd() override {
    const std::lock_guard lock(state_->mutex);
    state_->has_receiver = false;
  }

  SampleReceived receive(Deadline deadline) override {
    std::unique_lock lock(state_->mutex);
    const WaitScope what("a sample", "the workers", deadline);
    std::optional<Sample> found;
    const bool ended = wait_until(state_->changed, lock, what, deadline, [&] {
      found = take();
      return found || is_over();
    });
    if (found) return {ReceiveKind::kReceived, std::move(found), ""};
    if (ended) return {ReceiveKind::kClosed, std::nullopt, ""};
    return {ReceiveKind::kTimeout, std::nullopt, wait_text(what.row())};
  }

  void ack(const SampleId& id) override {
    const std::lock_guard lock(state_->mutex);
    if (state_->unacknowledged.erase(id) == 0) return;
    if (!state_->is_done(id)) state_->acknowledged.insert(id);
    state_->changed.notify_all();
  }

  void settle(uint32_t step) override {
    const std::lock_guard lock(state_->mutex);
    if (state_->settled_step && *state_->settled_step >= step) return;
    state_->settled_step = step;
    const auto settled = [step](const SampleId& id) { return id.step <= step; };
    std::erase_if(state_->acknowledged, settled);
    std::erase_if(state_->given_up, [step](const auto& group) { return group.first <= step; });
    std::erase_if(state_->handed_out, settled);
    std::erase_if(state_->unacknowledged, [&](const auto& entry) { return settled(entry.first); });
    state_->changed.notify_all();
  }

  void give_up(uint32_t step, uint32_t task) override {
    const std::lock_guard lock(state_->mutex);
    if (state_->settled_step && *state_->settled_step >= step) return;
    state_->given_up.emplace(step, task);
    std::erase_if(state_->unacknowledged, [&](const auto& entry) {
      return entry.first.step == step && entry.first.task == task;
    });
    std::erase_if(state_->assignments, [&](const Assignment& assignment) {
      return assignment.step == step && assignment.task_index == task;
    });
    state_->changed.notify_all();
  }

  void close() override {
    const std::lock_guard lock(state_->mutex);
    state_->receiver_closed = true;
    state_->changed.notify_all();
  }

 private:
  // The next sample that this receiver has not handed out. The mutex is held.
  std::optional<Sample> take() {
    while (!state_->in_flight.empty() && !state_->receiver_closed) {
      const SampleId id = state_->in_flight.front();
      state_->in_flight.pop_front();
      const auto outstanding = state_->unacknowledged.find(id);
      if (outstanding == state_->unacknowledged.end()) continue;  // settled meanwhile
      if (state_->handed_out.insert(id).second) return outstanding->second.sample;
    }
    return std::nullopt;
  }
  bool is_over() const {
    return state_->receiver_closed || (state_->senders_made > 0 && state_->open_senders == 0 &&
                                       state_->unacknowledged.empty());
  }

  const std::shared_ptr<State> state_;
};

class InProcessChannel::TaskSenderEnd final : public TaskSender {
 public:
  explicit TaskSenderEnd(std::shared_ptr<State> state) : state_(std::move(state)) {}
  ~TaskSenderEnd() override { close(); }

  SendResult send(const Assignment& assignment, Deadline deadline) override {
    std::unique_lock lock(state_->mutex);
    const WaitScope what("room for an assignment", "the workers", deadline);
    const bool room = wait_until(state_->changed, lock, what, deadline, [&] {
      return state_->task_sender_closed || state_->assignments.size() < state_->credits;
    });
    if (!room) return SendResult::kTimeout;
    if (state_->task_sender_closed) return SendResult::kClosed;
    state_->assignments.push_back(assignment);
    state_->changed.notify_all();
    return SendResult::kSent;
  }

  void close() override {
    const std::lock_guard lock(state_->mutex);
    state_->task_sender_closed = true;
    state_->changed.notify_all();
  }

 private:
  const std::shared_ptr<State> state_;
};

class InProcessChannel::TaskReceiverEnd final : public TaskReceiver {
 public:
  explicit TaskReceiverEnd(std::shared_ptr<State> state) : state_(std::move(state)) {}

  AssignmentReceived receive(Deadline deadline) override {
    std::unique_lock lock(state_->mutex);
    const WaitScope what("an assignment", "the learner", deadline);
    const bool ended = wait_until(state_->changed, lock, what, deadline, [&] {
      return state_->task_sender_closed || !state_->assignments.empty();
    });
    if (!ended) return {ReceiveKind::kTimeout, std::nullopt, wait_text(what.row())};
    if (state_->assignments.empty()) return {ReceiveKind::kClosed, std::nullopt, ""};
    AssignmentReceived received{ReceiveKind::kReceived, std::move(state_->assignments.front()), ""};
    state_->assignments.pop_front();
    state_->changed.notify_all();
    return received;
  }

 private:
  const std::shared_ptr<State> state_;
};

InProcessChannel::InProcessChannel(size_t credits) : state_(std::make_shared<State>(credits)) {
  RT_CHECK_GE(credits, size_t{1});
}

std::unique_ptr<SampleSender> InProcessChannel::sample_sender() {
  return std::make_unique<SampleSenderEnd>(state_);
}
std::unique_ptr<SampleReceiver> InProcessChannel::sample_receiver() {
  return std::make_unique<SampleReceiverEnd>(state_);
}
std::unique_ptr<TaskSender> InProcessChannel::task_sender() {
  return std::make_unique<TaskSenderEnd>(state_);
}
std::unique_ptr<TaskReceiver> InProcessChannel::task_receiver() {
  return std::make_unique<TaskReceiverEnd>(state_);
}

void InProcessChannel::reconnect() {
  const std::lock_guard lock(state_->mutex);
  state_->send_again();
  state_->changed.notify_all();
}

}  // namespace retort
