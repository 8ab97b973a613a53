#include "rollout/worker.h"

#include "base/check.h"

namespace retort {
namespace {

constexpr double kSendDeadlineS = 600;  // the learner may be busy with a whole step

}  // namespace

Worker::Worker(const Policy& policy, const PromptCodec& codec, EngineSettings settings, int64_t group_size)
    : codec_(codec), engine_(policy, std::move(settings)), group_size_(group_size) {}

void Worker::submit(int64_t step, const std::vector<Task>& tasks, uint32_t first_task) {
  for (size_t t = 0; t < tasks.size(); ++t)
    engine_.submit({{static_cast<uint32_t>(step), first_task + static_cast<uint32_t>(t), 0, 0}, tasks[t].uid, codec_.encode(tasks[t]), group_size_});
}

void Worker::step(SampleSender& sender) {
  for (Sample& sample : engine_.step()) {
    const SendResult sent = sender.send(std::move(sample), Deadline::after(kSendDeadlineS));
    RT_CHECK(sent == SendResult::kSent) << "the channel took no sample";
  }
}

}  // namespace retort
