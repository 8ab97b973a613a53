// A worker beside the engine alone: its samples are those of the assignments, under the Version
// each names, whatever the order in which they come.
#include "base/channel/in_process.h"
#include "base/error.h"
#include "policy/hf_model.h"
#include "policy/weight_link.h"
#include "rollout/worker.h"
#include "tests/tiny_policy.h"

#include <gtest/gtest.h>

#include <map>

namespace retort {
namespace {

constexpr uint32_t kSlots = 3;

EngineSettings engine_settings() {
  EngineSettings settings;
  settings.sampling.seed = 5;
  settings.max_new_tokens = 12;
  settings.eos_ids = {2};
  settings.max_length = 64;
  return settings;
}

Assignment assignment(uint32_t step, uint32_t task, uint32_t version) {
  Assignment one{step, task, 0, kSlots, version, {}};
  one.task.prompt = "8+19=";
  return one;
}

// The tiny base, whose tokenizer this is; its Versions have other embeddings.
std::unique_ptr<Policy> base(uint32_t version) {
  Weights weights = load_weights("configs/tiny_base");
  weights.embedding.value.mul_(1.0 + 0.25 * version);
  return std::make_unique<Policy>(std::move(weights));
}

// Version 0 and Version 1 of a model, as a learner publishes them.
std::map<uint32_t, VersionBytes> versions() {
  std::map<uint32_t, VersionBytes> all;
  for (const uint32_t number : {0u, 1u}) {
    const std::unique_ptr<Policy> policy = base(number);
    all[number] = copy_weights(policy->weights(), make_version(policy->weights(), number));
  }
  return all;
}

// The same samples without a worker.
std::vector<Sample> expected(const std::vector<Assignment>& assignments, const PromptCodec& codec) {
  std::vector<Sample> all;
  for (const Assignment& one : assignments) {
    const std::unique_ptr<Policy> policy = base(one.version);
    Engine engine(*policy, engine_settings());
    engine.set_version(one.version);
    for (Sample& sample : engine.run(
             {{{one.step, one.task_index, 0, 0}, one.task.uid, codec.encode(one.task), one.slots}}))
      all.push_back(std::move(sample));
  }
  return all;
}

TEST(Worker, FollowsTheVersionsOfItsAssignments) {
  const PromptCodec codec("configs/tiny_base", {2});
  const std::map<uint32_t, VersionBytes> published = versions();
  const std::unique_ptr<Policy> policy = base(9);
  std::vector<uint32_t> fetched;
  InProcessChannel channel(64);
  Worker worker(*policy, codec,
                {.engine = engine_settings(), .most_samples = 2 * kSlots, .answer_s = 0},
                channel.task_receiver(), channel.sample_sender(), [&](uint32_t number) {
                  fetched.push_back(number);
                  load_version(*policy, published.at(number), "test");
                  return Worker::Weights::kHere;
                });
  const std::vector<Assignment> assignments = {assignment(1, 0, 0), assignment(1, 1, 0),
                                               assignment(1, 2, 0), assignment(2, 0, 1),
                                               assignment(2, 1, 1), assignment(1, 3, 0)};
  const std::unique_ptr<TaskSender> tasks = channel.task_sender();
  const std::unique_ptr<SampleReceiver> samples = channel.sample_receiver();
  for (const Assignment& one : assignments)
    ASSERT_EQ(tasks->send(one, Deadline::after(0)), SendResult::kSent);
  tasks->close();
  std::map<SampleId, Sample> got;
  while (worker.take_assignments(Deadline::after(0)) != Worker::Taken::kClosed || !worker.idle()) {
    ASSERT_TRUE(worker.step());
    for (SampleReceived one = samples->receive(Deadline::after(0));
         one.kind == ReceiveKind::kReceived; one = samples->receive(Deadline::after(0))) {
      samples->ack(one.sample->id);
      got[one.sample->id] = *one.sample;
    }
  }
  EXPECT_EQ(fetched, (std::vector<uint32_t>{0, 1, 0}));
  const std::vector<Sample> want = expected(assignments, codec);
  ASSERT_EQ(got.size(), want.size());
  for (const Sample& sample : want) {
    EXPECT_EQ(got.at(sample.id).tokens, sample.tokens);
    EXPECT_EQ(got.at(sample.id).logprobs, sample.logprobs);
    EXPECT_EQ(got.at(sample.id).versions, sample.versions);
  }
}

TEST(Worker, EndsWhenTheLearnerIsGone) {
  const PromptCodec codec("configs/tiny_base", {2});
  const std::unique_ptr<Policy> policy = base(9);
  InProcessChannel channel(64);
  Worker worker(*policy, codec, {.engine = engine_settings(), .most_samples = 0, .answer_s = 0},
                channel.task_receiver(), channel.sample_sender(),
                [](uint32_t) { return Worker::Weights::kClosed; });
  const std::unique_ptr<TaskSender> tasks = channel.task_sender();
  ASSERT_EQ(tasks->send(assignment(1, 0, 0), Deadline::after(0)), SendResult::kSent);
  EXPECT_EQ(worker.take_assignments(Deadline::after(0)), Worker::Taken::kClosed);
  EXPECT_TRUE(worker.idle());
}

// An assignment whose Version nobody asks for any more is passed over; the next one is done.
TEST(Worker, PassesOverWhatIsOver) {
  const PromptCodec codec("configs/tiny_base", {2});
  const std::map<uint32_t, VersionBytes> published = versions();
  const std::unique_ptr<Policy> policy = base(9);
  InProcessChannel channel(64);
  Worker worker(*policy, codec, {.engine = engine_settings(), .most_samples = 0, .answer_s = 0},
                channel.task_receiver(), channel.sample_sender(), [&](uint32_t number) {
                  if (number == 1) return Worker::Weights::kOver;
                  load_version(*policy, published.at(number), "test");
                  return Worker::Weights::kHere;
                });
  const std::unique_ptr<TaskSender> tasks = channel.task_sender();
  const std::unique_ptr<SampleReceiver> samples = channel.sample_receiver();
  ASSERT_EQ(tasks->send(assignment(2, 0, 1), Deadline::after(0)), SendResult::kSent);
  EXPECT_EQ(worker.take_assignments(Deadline::after(0)), Worker::Taken::kNone);
  EXPECT_TRUE(worker.idle());
  ASSERT_EQ(tasks->send(assignment(2, 1, 1), Deadline::after(0)), SendResult::kSent);
  ASSERT_EQ(tasks->send(assignment(1, 0, 0), Deadline::after(0)), SendResult::kSent);
  EXPECT_EQ(worker.take_assignments(Deadline::after(0)), Worker::Taken::kSome);
  while (!worker.idle()) ASSERT_TRUE(worker.step());
  size_t count = 0;
  for (SampleReceived one = samples->receive(Deadline::after(0));
       one.kind == ReceiveKind::kReceived; one = samples->receive(Deadline::after(0)), ++count)
    EXPECT_EQ(one.sample->id.step, 1u);
  EXPECT_EQ(count, size_t{kSlots});
}

TEST(WeightLink, BytesGoOverUnchanged) {
  const std::unique_ptr<Policy> from = testing::tiny_policy(1), to = testing::tiny_policy(2);
  const Version version = make_version(from->weights(), 4);
  const VersionBytes bytes = copy_weights(from->weights(), version);
  EXPECT_EQ(version_problem(bytes), "");
  load_version(*to, bytes, "test");
  EXPECT_EQ(make_version(to->weights(), 4), version);
}

TEST(WeightLink, OtherModelsAndDevicesAreRefused) {
  const std::unique_ptr<Policy> from = testing::tiny_policy(1),
                                untied = testing::tiny_policy(1, false);
  VersionBytes bytes = copy_weights(from->weights(), make_version(from->weights(), 4));
  EXPECT_THROW(load_version(*untied, bytes, "test"), UserError);
  bytes.version.numerics = "cuda bf16 r1";
  EXPECT_THROW(load_version(*from, bytes, "test"), UserError);
}

}  // namespace
}  // namespace retort
