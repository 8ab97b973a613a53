#include "base/channel/remote_worker.h"

#include "base/check.h"
#include "base/log.h"
#include "base/record/codec.h"

#include <algorithm>

namespace retort {
namespace {

constexpr double kStopSeconds = 30;     // far beyond what the thread of the wire needs to end
constexpr double kGiveUpSeconds = 0.5;  // between two looks whether a wait is to be given up
constexpr double kWorthSaying = 2;      // seconds of silence that a time-out mentions

std::string id_text(const SampleId& id) {
  return std::to_string(id.step) + "/" + std::to_string(id.task) + "/" + std::to_string(id.slot) +
         "/" + std::to_string(id.branch);
}

}  // namespace

RemoteWorker::State::State(std::unique_ptr<Wire> wire, WorkerOptions options)
    : options_(std::move(options)),
      hello_{kProtocolRevision,           options_.identity.build, options_.identity.config_digest,
             options_.identity.run_token, options_.name,           random_name()},
      wire_(std::move(wire)),
      greeting_(random_name()),
      heard_(LinkClock::now()),
      clock_seen_(heard_) {}

bool RemoteWorker::State::is_closed() const {
  return receiver_closed_ || stopping_ || !refusal_.empty();
}

// A time-out says what is known of the other side.
std::string RemoteWorker::State::waited_text(const WaitScope& what) const {
  std::string text = wait_text(what.row());
  const std::string trouble = trouble_text();
  if (!trouble.empty()) text += "; " + trouble;
  return text;
}

std::string RemoteWorker::State::trouble_text() const {
  const double silent = seconds_silent();
  std::string trouble = greeted_ ? "" : wire_->trouble();
  if (!was_greeted_ && counts_.garbage > 0) return "what comes from there is no learner's";
  if (!trouble.empty()) return trouble;
  if (!was_greeted_) return "nothing answers there";
  if (silent < kWorthSaying) return "";
  return "nothing was heard of it for " + std::to_string(static_cast<int64_t>(silent)) + " s";
}

// As the wire's thread sees it: it knows when this process did not run.
double RemoteWorker::State::seconds_silent() const {
  return std::chrono::duration<double>(clock_seen_ - heard_).count();
}

ConnectResult RemoteWorker::State::connect(Deadline deadline) {
  std::unique_lock lock(mutex_);
  const WaitScope what("the learner's greeting", "the learner at " + wire_->name(), deadline);
  const bool ended = wait_until(changed_, lock, what, deadline,
                                [&] { return greeted_ || stopping_ || !refusal_.empty(); });
  if (!ended) return {ConnectKind::kTimeout, waited_text(what), trouble_text()};
  if (!refusal_.empty()) return {ConnectKind::kRefused, refusal_, ""};
  return {stopping_ ? ConnectKind::kClosed : ConnectKind::kConnected, "", ""};
}

// ---- samples

void RemoteWorker::State::open_sender() {
  const std::lock_guard lock(mutex_);
  RT_CHECK(!has_sender_) << "a worker has one sender of samples";
  has_sender_ = true;
}

SendResult RemoteWorker::State::send(const Sample& sample, Deadline deadline) {
  const SharedBytes bytes = SharedBytes::of(encode(sample));
  bool first = false;
  {
    std::unique_lock lock(mutex_);
    // A copy needs no credit: its first is on its way.
    const auto can_tell = [&] {
      return sender_closed_ || is_closed() || unacknowledged_.contains(sample.id) ||
             (credits_ > 0 && unacknowledged_.size() < credits_);
    };
    if (!can_tell()) {
      const WaitScope what("a credit to send sample " + id_text(sample.id),
                           "the learner at " + wire_->name(), deadline);
      if (!wait_until(changed_, lock, what, deadline, can_tell)) return SendResult::kTimeout;
    }
    if (sender_closed_ || is_closed()) return SendResult::kClosed;
    if (!unacknowledged_.emplace(sample.id, bytes).second) return SendResult::kSent;
    first = outbox_.empty();
    outbox_.push_back(bytes);
  }
  if (first) wire_->wake();  // who found others there relies on their wake
  return SendResult::kSent;
}

SendResult RemoteWorker::State::flush(Deadline deadline) {
  std::unique_lock lock(mutex_);
  const WaitScope what("the acknowledgement of what was sent", "the learner at " + wire_->name(),
                       deadline);
  const bool done = wait_until(changed_, lock, what, deadline,
                               [&] { return is_closed() || unacknowledged_.empty(); });
  if (!done) return SendResult::kTimeout;
  return unacknowledged_.empty() ? SendResult::kSent : SendResult::kClosed;
}

void RemoteWorker::State::close_sender() {
  const std::lock_guard lock(mutex_);
  sender_closed_ = true;
  changed_.notify_all();
  wire_->wake();
}

// ---- tasks

AssignmentReceived RemoteWorker::State::receive_task(Deadline deadline) {
  std::unique_lock lock(mutex_);
  const auto can_tell = [&] { return !assignments_.empty() || tasks_closed_ || is_closed(); };
  if (!can_tell()) {
    const WaitScope what("an assignment", "the learner at " + wire_->name(), deadline);
    ++tasks_wanted_;
    wire_->wake();
    const bool ended = wait_until(changed_, lock, what, deadline, can_tell);
    --tasks_wanted_;
    if (!ended) {
      wire_->wake();  // it is wanted no more
      return {ReceiveKind::kTimeout, std::nullopt, waited_text(what)};
    }
  }
  if (assignments_.empty()) return {ReceiveKind::kClosed, std::nullopt, ""};
  AssignmentReceived received{ReceiveKind::kReceived, std::move(assignments_.front()), ""};
  assignments_.pop_front();
  assigned_by_ = learner_;
  return received;
}

// ---- versions

bool RemoteWorker::State::version_is_here(uint32_t number) const {
  return version_ && version_->version.number == number && version_learner_ == learner_;
}

// What the last assignment names a later learner may have never had, and may wait for its samples.
bool RemoteWorker::State::is_of_a_predecessor() const {
  return assigned_by_ != 0 && assigned_by_ != learner_;
}

VersionReceived RemoteWorker::State::version(uint32_t number, Deadline deadline,
                                             const std::function<bool()>& give_up) {
  std::unique_lock lock(mutex_);
  const WaitScope what("Version " + std::to_string(number) + " of the weights",
                       "the learner at " + wire_->name(), deadline);
  // One at a time.
  if (!wait_until(changed_, lock, what, deadline, [&] {
        return version_is_here(number) || !version_wanted_ || *version_wanted_ == number ||
               is_closed() || is_of_a_predecessor();
      }))
    return {ReceiveKind::kTimeout, nullptr, waited_text(what), false};
  if (!version_is_here(number) && !version_wanted_ && !is_closed() && !is_of_a_predecessor()) {
    version_wanted_ = number;
    version_problem_.clear();
    version_over_ = false;
    wire_->wake();
  }
  bool ended = false;
  do {
    const Deadline look =
        Deadline::at(std::min(deadline.when(), Deadline::after(kGiveUpSeconds).when()));
    ended = wait_until(changed_, lock, what, look, [&] {
      return version_is_here(number) || version_wanted_ != number || is_closed() ||
             is_of_a_predecessor();
    });
  } while (!ended && !deadline.passed() && !(give_up && give_up()));
  if (version_is_here(number)) return {ReceiveKind::kReceived, version_, "", false};
  const bool of_a_predecessor = is_of_a_predecessor() && !is_closed();
  if (ended && !of_a_predecessor)
    return {ReceiveKind::kClosed, nullptr, version_problem_, version_over_};
  if (version_wanted_ == number) {
    version_wanted_.reset();
    changed_.notify_all();
    wire_->wake();
  }
  if (of_a_predecessor)
    return {ReceiveKind::kClosed, nullptr,
            "Version " + std::to_string(number) + " was asked for by a learner that is gone", true};
  return {ReceiveKind::kTimeout, nullptr, waited_text(what), false};
}

// ---- the rest

void RemoteWorker::State::reconnect() {
  const std::lock_guard lock(mutex_);
  reset_wanted_ = true;
  wire_->wake();
}

void RemoteWorker::State::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
  wire_->wake();
}

double RemoteWorker::State::silent_s() const {
  const std::lock_guard lock(mutex_);
  return seconds_silent();
}

ChannelCounts RemoteWorker::State::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

// ---- the ends

class RemoteWorker::SenderEnd final : public SampleSender {
 public:
  explicit SenderEnd(std::shared_ptr<State> state) : state_(std::move(state)) {
    state_->open_sender();
  }
  ~SenderEnd() override { close(); }
  SendResult send(const Sample& sample, Deadline deadline) override {
    return state_->send(sample, deadline);
  }
  SendResult flush(Deadline deadline) override { return state_->flush(deadline); }
  void close() override { state_->close_sender(); }

 private:
  const std::shared_ptr<State> state_;
};

class RemoteWorker::TaskReceiverEnd final : public TaskReceiver {
 public:
  explicit TaskReceiverEnd(std::shared_ptr<State> state) : state_(std::move(state)) {}
  AssignmentReceived receive(Deadline deadline) override { return state_->receive_task(deadline); }

 private:
  const std::shared_ptr<State> state_;
};

RemoteWorker::RemoteWorker(std::unique_ptr<Wire> wire, WorkerOptions options)
    : state_(std::make_shared<State>(std::move(wire), std::move(options))),
      thread_([state = state_] { state->run(); }) {}

RemoteWorker::~RemoteWorker() {
  state_->stop();
  const Deadline deadline = Deadline::after(kStopSeconds);
  const WaitScope what("the end of the worker's channel", "the thread of its wire", deadline);
  if (!thread_.join(what, deadline)) log::warn(wait_text(what.row()));
}

ConnectResult RemoteWorker::connect(Deadline deadline) { return state_->connect(deadline); }
std::unique_ptr<SampleSender> RemoteWorker::sample_sender() {
  return std::make_unique<SenderEnd>(state_);
}
std::unique_ptr<TaskReceiver> RemoteWorker::task_receiver() {
  return std::make_unique<TaskReceiverEnd>(state_);
}
VersionReceived RemoteWorker::version(uint32_t number, Deadline deadline,
                                      const std::function<bool()>& give_up) {
  return state_->version(number, deadline, give_up);
}
void RemoteWorker::reconnect() { state_->reconnect(); }
double RemoteWorker::silent_s() const { return state_->silent_s(); }
ChannelCounts RemoteWorker::counts() const { return state_->counts(); }

}  // namespace retort
