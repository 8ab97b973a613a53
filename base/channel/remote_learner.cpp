#include "base/channel/remote_learner.h"

#include "base/check.h"
#include "base/log.h"

#include <algorithm>

namespace retort {
namespace {

constexpr double kStopSeconds = 30;  // far beyond what the thread of the wire needs to end

}  // namespace

RemoteLearner::State::State(std::unique_ptr<Wire> wire, LearnerOptions options)
    : options_(std::move(options)),
      own_{kProtocolRevision,
           options_.identity.build,
           options_.identity.config_digest,
           options_.identity.run_token,
           "",
           0},
      instance_(random_name()),
      wire_(std::move(wire)) {
  RT_CHECK_GE(options_.credits, size_t{1});
}

// ---- samples

uint64_t RemoteLearner::State::open_receiver() {
  uint64_t generation = 0;
  {
    const std::lock_guard lock(mutex_);
    RT_CHECK(!has_receiver_) << "a channel has one receiver of samples at a time";
    has_receiver_ = true;
    receiver_closed_ = false;
    generation = ++generations_;
  }
  command({Command::Kind::kNewReceiver, {}, generation, nullptr, ""});
  return generation;
}

void RemoteLearner::State::drop_receiver() {
  const std::lock_guard lock(mutex_);
  has_receiver_ = false;
}

std::optional<Sample> RemoteLearner::State::take(uint64_t generation) {
  if (generation_ready_ != generation || ready_.empty() || receiver_closed_) return std::nullopt;
  Sample sample = std::move(ready_.front());
  ready_.pop_front();
  return sample;
}

bool RemoteLearner::State::is_over() const {
  return receiver_closed_ || stopping_ ||
         (samples_over_ && ready_.empty() && commands_.empty() && assignments_.empty());
}

SampleReceived RemoteLearner::State::receive(uint64_t generation, Deadline deadline) {
  std::unique_lock lock(mutex_);
  std::optional<Sample> found = take(generation);
  if (found) return {ReceiveKind::kReceived, std::move(found), ""};
  const WaitScope what("a sample", std::to_string(workers_.size()) + " workers at " + wire_->name(),
                       deadline);
  const bool ended = wait_until(changed_, lock, what, deadline, [&] {
    found = take(generation);
    return found || (is_over() && generation_ready_ == generation) || receiver_closed_ || stopping_;
  });
  if (found) return {ReceiveKind::kReceived, std::move(found), ""};
  if (ended) return {ReceiveKind::kClosed, std::nullopt, ""};
  return {ReceiveKind::kTimeout, std::nullopt, wait_text(what.row())};
}

void RemoteLearner::State::ack(const SampleId& id) {
  command({Command::Kind::kAck, id, 0, nullptr, ""});
}

void RemoteLearner::State::settle(uint32_t step) {
  {
    const std::lock_guard lock(mutex_);
    if (settled_step_ && *settled_step_ >= step) return;
    settled_step_ = step;
    std::erase_if(given_up_, [step](const auto& group) { return group.first <= step; });
    std::erase_if(ready_, [this](const Sample& sample) { return unwanted(sample.id); });
  }
  command({Command::Kind::kSettle, {}, step, nullptr, ""});
}

void RemoteLearner::State::give_up(uint32_t step, uint32_t task) {
  {
    const std::lock_guard lock(mutex_);
    if (settled_step_ && *settled_step_ >= step) return;
    given_up_.emplace(step, task);
    std::erase_if(ready_, [this](const Sample& sample) { return unwanted(sample.id); });
  }
  command({Command::Kind::kGiveUp, {step, task, 0, 0}, 0, nullptr, ""});
}

bool RemoteLearner::State::unwanted(const SampleId& id) const {
  return (settled_step_ && id.step <= *settled_step_) || given_up_.contains({id.step, id.task});
}

void RemoteLearner::State::close_receiver() {
  const std::lock_guard lock(mutex_);
  receiver_closed_ = true;
  changed_.notify_all();
  wire_->wake();
}

// ---- tasks

SendResult RemoteLearner::State::send_task(const Assignment& assignment, Deadline deadline) {
  std::unique_lock lock(mutex_);
  const WaitScope what("room for an assignment", "the workers at " + wire_->name(), deadline);
  const bool room = wait_until(changed_, lock, what, deadline, [&] {
    return tasks_closed_ || stopping_ || assignments_.size() < options_.credits;
  });
  if (!room) return SendResult::kTimeout;
  if (tasks_closed_ || stopping_) return SendResult::kClosed;
  assignments_.push_back(assignment);
  wire_->wake();
  return SendResult::kSent;
}

void RemoteLearner::State::close_tasks() {
  const std::lock_guard lock(mutex_);
  tasks_closed_ = true;
  changed_.notify_all();
  wire_->wake();
}

// ---- the rest

void RemoteLearner::State::publish(VersionBytes version) {
  const std::string problem = version_problem(version);
  RT_CHECK(problem.empty()) << problem;
  command({Command::Kind::kPublish,
           {},
           0,
           std::make_shared<const VersionBytes>(std::move(version)),
           ""});
}

void RemoteLearner::State::lose(const std::string& worker) {
  command({Command::Kind::kLose, {}, 0, nullptr, worker});
}

void RemoteLearner::State::command(Command command) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = commands_.empty();
    commands_.push_back(std::move(command));
  }
  if (first) wire_->wake();  // who found others there relies on their wake
}

std::vector<WorkerRow> RemoteLearner::State::workers() const {
  const std::lock_guard lock(mutex_);
  return workers_;
}

ChannelCounts RemoteLearner::State::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void RemoteLearner::State::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
  wire_->wake();
}

// ---- the ends

class RemoteLearner::ReceiverEnd final : public SampleReceiver {
 public:
  explicit ReceiverEnd(std::shared_ptr<State> state)
      : state_(std::move(state)), generation_(state_->open_receiver()) {}
  ~ReceiverEnd() override { state_->drop_receiver(); }
  SampleReceived receive(Deadline deadline) override {
    return state_->receive(generation_, deadline);
  }
  void ack(const SampleId& id) override { state_->ack(id); }
  void settle(uint32_t step) override { state_->settle(step); }
  void give_up(uint32_t step, uint32_t task) override { state_->give_up(step, task); }
  void close() override { state_->close_receiver(); }

 private:
  const std::shared_ptr<State> state_;
  const uint64_t generation_;
};

class RemoteLearner::TaskSenderEnd final : public TaskSender {
 public:
  explicit TaskSenderEnd(std::shared_ptr<State> state) : state_(std::move(state)) {}
  ~TaskSenderEnd() override { close(); }
  SendResult send(const Assignment& assignment, Deadline deadline) override {
    return state_->send_task(assignment, deadline);
  }
  void close() override { state_->close_tasks(); }

 private:
  const std::shared_ptr<State> state_;
};

RemoteLearner::RemoteLearner(std::unique_ptr<Wire> wire, LearnerOptions options)
    : state_(std::make_shared<State>(std::move(wire), std::move(options))),
      thread_([state = state_] { state->run(); }) {}

RemoteLearner::~RemoteLearner() {
  state_->stop();
  const Deadline deadline = Deadline::after(kStopSeconds);
  const WaitScope what("the end of the learner's channel", "the thread of its wire", deadline);
  if (!thread_.join(what, deadline)) log::warn(wait_text(what.row()));
}

std::unique_ptr<SampleReceiver> RemoteLearner::sample_receiver() {
  return std::make_unique<ReceiverEnd>(state_);
}
std::unique_ptr<TaskSender> RemoteLearner::task_sender() {
  return std::make_unique<TaskSenderEnd>(state_);
}
void RemoteLearner::publish(VersionBytes version) { state_->publish(std::move(version)); }
void RemoteLearner::lose(const std::string& worker) { state_->lose(worker); }
std::vector<WorkerRow> RemoteLearner::workers() const { return state_->workers(); }
ChannelCounts RemoteLearner::counts() const { return state_->counts(); }

}  // namespace retort
