#include "rollout/worker.h"

#include "base/check.h"

#include <algorithm>
#include <utility>

namespace retort {
namespace {

constexpr int64_t kMostSkipped = 16;    // forwards without asking a learner that has no more
constexpr double kSendDeadlineS = 600;  // the learner may be busy with a whole step

}  // namespace

Worker::Worker(const Policy& policy, const PromptCodec& codec, WorkerSettings settings,
               std::unique_ptr<TaskReceiver> tasks, std::unique_ptr<SampleSender> samples,
               WeightSource weights)
    : codec_(codec),
      settings_(std::move(settings)),
      engine_(policy, settings_.engine),
      tasks_(std::move(tasks)),
      samples_(std::move(samples)),
      weights_(std::move(weights)) {}

bool Worker::has_room() const {
  return settings_.most_samples == 0 || under_way_ < settings_.most_samples;
}

void Worker::check_fits(const Task& task) const {
  engine_.check_fits(static_cast<int64_t>(codec_.encode(task).size()));
}

void Worker::submit_next() {
  if (version_ != next_->version) {
    if (!engine_.idle()) return;
    const Weights weights = weights_ ? weights_(next_->version) : Weights::kHere;
    if (weights != Weights::kHere) {
      closed_ = weights == Weights::kClosed;
      next_.reset();
      return;
    }
    engine_.set_version(next_->version);
    version_ = next_->version;
  }
  const Assignment assignment = *std::exchange(next_, std::nullopt);
  engine_.submit({{assignment.step, assignment.task_index, assignment.first_slot, 0},
                  assignment.task.uid,
                  codec_.encode(assignment.task),
                  assignment.slots});
  under_way_ += assignment.slots;
}

Worker::Taken Worker::take_assignments(Deadline deadline) {
  bool some = false;
  while (true) {
    if (next_) {
      submit_next();
      if (next_ || closed_) break;
      some |= !engine_.idle();
    }
    if (closed_ || !has_room()) break;
    const bool first = engine_.idle();
    if (!first && skip_ > 0) {
      --skip_;
      break;
    }
    const AssignmentReceived received =
        tasks_->receive(first ? deadline : Deadline::after(settings_.answer_s));
    if (received.kind == ReceiveKind::kClosed) closed_ = true;
    if (received.kind != ReceiveKind::kReceived) {
      if (settings_.answer_s > 0 && !first) {
        skip_ = in_vain_;
        in_vain_ = std::min<int64_t>(2 * in_vain_, kMostSkipped);
      }
      break;
    }
    in_vain_ = 1;
    next_ = received.assignment;
  }
  return some ? Taken::kSome : closed_ ? Taken::kClosed : Taken::kNone;
}

bool Worker::step() {
  for (const Sample& sample : engine_.step()) {
    --under_way_;
    const SendResult sent = samples_->send(sample, Deadline::after(kSendDeadlineS));
    RT_CHECK(sent != SendResult::kTimeout)
        << "the learner took no sample for " << kSendDeadlineS << " s";
    if (sent == SendResult::kClosed) return false;
  }
  return true;
}

}  // namespace retort
