#include "rollout/worker.h"

#include "base/check.h"

namespace retort {
namespace {

constexpr double kSendDeadlineS = 600;  // the learner may be busy with a whole step

}  // namespace

Worker::Worker(const Policy& policy, const PromptCodec& codec, EngineSettings settings,
               std::unique_ptr<TaskReceiver> tasks, std::unique_ptr<SampleSender> samples)
    : codec_(codec),
      engine_(policy, std::move(settings)),
      tasks_(std::move(tasks)),
      samples_(std::move(samples)) {}

void Worker::set_version(uint32_t number) {
  engine_.set_version(number);
  version_ = number;
}

void Worker::check_fits(const Task& task) const {
  engine_.check_fits(static_cast<int64_t>(codec_.encode(task).size()));
}

void Worker::take_assignments() {
  while (true) {
    const AssignmentReceived received = tasks_->receive(Deadline::after(0));
    if (received.kind != ReceiveKind::kReceived) return;
    const Assignment& assignment = *received.assignment;
    RT_CHECK_EQ(assignment.version, version_)
        << "task " << assignment.task_index << " of step " << assignment.step;
    engine_.submit({{assignment.step, assignment.task_index, assignment.first_slot, 0},
                    assignment.task.uid,
                    codec_.encode(assignment.task),
                    assignment.slots});
  }
}

void Worker::step() {
  for (const Sample& sample : engine_.step())
    RT_CHECK(samples_->send(sample, Deadline::after(kSendDeadlineS)) == SendResult::kSent)
        << "the learner took no sample for " << kSendDeadlineS << " s";
}

}  // namespace retort
