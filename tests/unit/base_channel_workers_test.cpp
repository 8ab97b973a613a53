// What the remote channel does beyond channel.h: greetings, workers that are lost, garbage,
// Versions. Over wires in memory.
#include "base/channel/memory_wire.h"
#include "base/channel/packet.h"
#include "base/channel/protocol.h"
#include "base/check.h"
#include "base/record/weights_digest.h"
#include "tests/conformance/remote_channel.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <thread>

namespace retort::tests {
namespace {

Deadline soon() { return Deadline::after(10); }
Deadline briefly() { return Deadline::after(0.15); }

Sample sample_of(uint32_t step, uint32_t task, uint32_t slot) {
  Sample sample;
  sample.id = {step, task, slot, 0};
  sample.tokens = {1, 2, static_cast<int32_t>(slot)};
  sample.prompt_length = 3;
  return sample;
}

// Waits for what the learner does by itself.
bool comes(const std::function<bool()>& condition) {
  const Deadline deadline = soon();
  while (!condition() && !deadline.passed()) std::this_thread::yield();
  return condition();
}

TEST(RemoteChannel, RefusesWhoDiffersAndSaysInWhat) {
  MemoryHub hub;
  RemoteLearner learner(hub.learner_wire(), test_learner_options());
  const auto refusal = [&](const std::function<void(ChannelIdentity&)>& change) {
    WorkerOptions options = test_worker_options("other");
    change(options.identity);
    RemoteWorker worker(hub.worker_wire(), options);
    const ConnectResult result = worker.connect(soon());
    EXPECT_EQ(result.kind, ConnectKind::kRefused);
    const auto sender = worker.sample_sender();
    EXPECT_EQ(sender->send(sample_of(1, 0, 0), soon()), SendResult::kClosed);
    EXPECT_EQ(worker.task_receiver()->receive(soon()).kind, ReceiveKind::kClosed);
    return result.text;
  };
  EXPECT_EQ(refusal([](ChannelIdentity& id) { id.build = "build 2"; }),
            "the build differs: the worker has build 2, the learner has build 1");
  EXPECT_EQ(refusal([](ChannelIdentity& id) { id.config_digest = ""; }),
            "the configuration differs: the worker has none, the learner has 0123456789abcdef");
  for (const char* token : {"", "Token", "toke", "token "})
    EXPECT_EQ(refusal([&](ChannelIdentity& id) { id.run_token = token; }), "the run token differs");
  EXPECT_EQ(learner.counts().refused, 6u);
  EXPECT_EQ(learner.counts().greeted, 0u);
  EXPECT_EQ(difference({2, "", "", "", "", 0}, {1, "", "", "", "", 0}),
            "the protocol differs: the worker has 2, the learner has 1");
}

TEST(RemoteChannel, ATimeOutSaysThatNobodyAnswers) {
  MemoryHub hub;
  RemoteWorker worker(hub.worker_wire(), test_worker_options("alone"));
  const ConnectResult result = worker.connect(briefly());
  EXPECT_EQ(result.kind, ConnectKind::kTimeout);
  EXPECT_NE(result.text.find("the learner's greeting, held by the learner at memory; nothing "
                             "answers there"),
            std::string::npos)
      << result.text;
}

// ---- workers that are lost

// A learner with one task of four samples in the hands of `first`, which has sent `sent` of them.
struct LostWorker {
  MemoryHub hub;
  RemoteLearner learner{hub.learner_wire(), test_learner_options()};
  std::unique_ptr<SampleReceiver> samples = learner.sample_receiver();
  std::unique_ptr<TaskSender> tasks = learner.task_sender();
  std::unique_ptr<RemoteWorker> first;
  std::unique_ptr<SampleSender> sender;

  explicit LostWorker(const std::set<uint32_t>& sent, double silence_s = 15) {
    WorkerOptions options = test_worker_options("first");
    options.timing.silence_s = silence_s;
    first = std::make_unique<RemoteWorker>(hub.worker_wire(), options);
    Assignment assignment;
    assignment.step = 2;
    assignment.task_index = 5;
    assignment.first_slot = 4;
    assignment.slots = 4;
    assignment.task.prompt = "p";
    EXPECT_EQ(tasks->send(assignment, soon()), SendResult::kSent);
    EXPECT_EQ(first->task_receiver()->receive(soon()).assignment, assignment);
    sender = first->sample_sender();
    for (const uint32_t slot : sent) {
      EXPECT_EQ(sender->send(sample_of(2, 5, slot), soon()), SendResult::kSent);
      EXPECT_EQ(samples->receive(soon()).kind, ReceiveKind::kReceived);
      samples->ack({2, 5, slot, 0});
    }
  }
  // (first slot, slots) of what another worker gets now.
  std::vector<std::pair<uint32_t, uint32_t>> taken_by_another(bool something = true) {
    RemoteWorker second(hub.worker_wire(), test_worker_options("second"));
    const auto receiver = second.task_receiver();
    std::vector<std::pair<uint32_t, uint32_t>> taken;
    for (auto got = receiver->receive(something ? soon() : briefly());
         got.kind == ReceiveKind::kReceived; got = receiver->receive(briefly())) {
      EXPECT_EQ(got.assignment->step, 2u);
      EXPECT_EQ(got.assignment->task_index, 5u);
      EXPECT_EQ(got.assignment->task.prompt, "p");
      taken.emplace_back(got.assignment->first_slot, got.assignment->slots);
    }
    return taken;
  }
};

using Slots = std::vector<std::pair<uint32_t, uint32_t>>;

TEST(RemoteChannel, AGoodbyeGivesBackWhatIsMissing) {
  LostWorker lost({5});
  lost.first.reset();
  EXPECT_EQ(lost.taken_by_another(), (Slots{{4, 1}, {6, 2}}));
  EXPECT_EQ(lost.learner.counts().lost, 0u);
}

TEST(RemoteChannel, AWorkerWhoseProcessEndedIsLostAtOnce) {
  LostWorker lost({});
  lost.learner.lose("first");
  EXPECT_EQ(lost.taken_by_another(), (Slots{{4, 4}}));
  EXPECT_EQ(lost.learner.counts().lost, 1u);
  // It lives after all: it is greeted anew, and what it sends counts.
  EXPECT_EQ(lost.sender->send(sample_of(2, 5, 4), soon()), SendResult::kSent);
  const SampleReceived received = lost.samples->receive(soon());
  ASSERT_EQ(received.kind, ReceiveKind::kReceived);
  lost.samples->ack(received.sample->id);
  EXPECT_EQ(lost.sender->flush(soon()), SendResult::kSent);
}

TEST(RemoteChannel, WhatIsCompleteIsNotAssignedAgain) {
  LostWorker lost({4, 5, 6, 7});
  lost.learner.lose("first");
  EXPECT_EQ(lost.taken_by_another(false), Slots{});
}

TEST(RemoteChannel, ASettledStepIsNotAssignedAgain) {
  LostWorker lost({5});
  lost.samples->settle(2);
  lost.learner.lose("first");
  EXPECT_EQ(lost.taken_by_another(false), Slots{});
}

// A wire that can be made deaf and mute, as a machine that is suspended.
class SuspendedWire final : public Wire {
 public:
  SuspendedWire(std::unique_ptr<Wire> inner, std::shared_ptr<std::atomic<bool>> suspended)
      : inner_(std::move(inner)), suspended_(std::move(suspended)) {}
  bool send(const std::string& peer, const WireMessage& message) override {
    return *suspended_ || inner_->send(peer, message);
  }
  std::optional<WireArrival> receive() override {
    auto arrival = inner_->receive();
    if (*suspended_) return std::nullopt;
    return arrival;
  }
  void rest(Deadline deadline) override { inner_->rest(deadline); }
  void wake() override { inner_->wake(); }
  void reset() override { inner_->reset(); }
  std::string name() const override { return inner_->name(); }

 private:
  const std::unique_ptr<Wire> inner_;
  const std::shared_ptr<std::atomic<bool>> suspended_;
};

TEST(RemoteChannel, ASilentWorkerIsLostAndComesBack) {
  MemoryHub hub;
  LearnerOptions options = test_learner_options();
  options.timing = {0.05, 0.4};
  RemoteLearner learner(hub.learner_wire(), options);
  const auto samples = learner.sample_receiver();
  const auto tasks = learner.task_sender();
  const auto suspended = std::make_shared<std::atomic<bool>>(false);
  RemoteWorker sleeper(std::make_unique<SuspendedWire>(hub.worker_wire(), suspended),
                       test_worker_options("sleeper"));
  Assignment assignment;
  assignment.step = 1;
  assignment.slots = 2;
  ASSERT_EQ(tasks->send(assignment, soon()), SendResult::kSent);
  const auto task_receiver = sleeper.task_receiver();
  ASSERT_EQ(task_receiver->receive(soon()).kind, ReceiveKind::kReceived);
  ASSERT_TRUE(comes([&] { return learner.workers().size() == 1; }));
  EXPECT_EQ(learner.workers()[0].name, "sleeper");
  ASSERT_TRUE(comes([&] { return learner.workers()[0].assignments == 1; }));

  *suspended = true;
  const auto sender = sleeper.sample_sender();
  ASSERT_EQ(sender->send(sample_of(1, 0, 0), soon()), SendResult::kSent);
  ASSERT_TRUE(comes([&] { return learner.counts().lost == 1; }));
  EXPECT_TRUE(comes([&] { return learner.workers().empty(); }));
  EXPECT_EQ(learner.counts().reassigned, 1u);
  EXPECT_EQ(samples->receive(briefly()).kind, ReceiveKind::kTimeout);

  *suspended = false;
  // What it had sent into the void arrives, and it gets the assignment that nobody else took.
  const SampleReceived received = samples->receive(soon());
  ASSERT_EQ(received.kind, ReceiveKind::kReceived);
  EXPECT_EQ(received.sample->id, (SampleId{1, 0, 0, 0}));
  const AssignmentReceived again = task_receiver->receive(soon());
  ASSERT_EQ(again.kind, ReceiveKind::kReceived);
  EXPECT_EQ(*again.assignment, assignment);
}

// ---- garbage

TEST(RemoteChannel, GarbageIsCountedAndDisturbsNobody) {
  MemoryHub hub;
  RemoteLearner learner(hub.learner_wire(), test_learner_options());
  const auto receiver = learner.sample_receiver();
  RemoteWorker worker(hub.worker_wire(), test_worker_options("worker"));
  const auto sender = worker.sample_sender();
  const auto stranger = hub.worker_wire();
  PhiloxStream draw({4, Purpose::kFaultInjection, 0}, 0, 0, 0);
  for (uint32_t i = 0; i < 300; ++i) {
    std::vector<uint8_t> bytes(static_cast<size_t>(draw.range(0, 80)));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(draw.range(0, 255));
    // Some are packets: of no session, and of kinds that a worker does not send.
    if (i % 3 == 1)
      bytes = write_packet({PacketKind::kStream, draw.next_u64(), 1, 0, bytes}, {}).head;
    if (i % 3 == 2) bytes = write_packet({PacketKind::kWelcome, 1, 0, 0, bytes}, {}).head;
    stranger->send("", {bytes, {}});
    ASSERT_EQ(sender->send(sample_of(1, i, 0), soon()), SendResult::kSent);
    const SampleReceived received = receiver->receive(soon());
    ASSERT_EQ(received.kind, ReceiveKind::kReceived);
    receiver->ack(received.sample->id);
  }
  EXPECT_EQ(sender->flush(soon()), SendResult::kSent);
  EXPECT_TRUE(comes([&] { return learner.counts().garbage == 200; })) << learner.counts().garbage;
  EXPECT_EQ(learner.counts().greeted, 1u);
  EXPECT_EQ(learner.counts().lost, 0u);
}

// A peer that greets as it should and then says what is none of the protocol is thrown out.
TEST(RemoteChannel, AGreetedPeerThatSpeaksGarbageIsDropped) {
  MemoryHub hub;
  RemoteLearner learner(hub.learner_wire(), test_learner_options());
  const auto stranger = hub.worker_wire();
  const ChannelIdentity identity = test_identity();
  const std::vector<std::vector<uint8_t>> says = [] {
    std::vector<std::vector<uint8_t>> all(5);
    append_message(all[0], 99, {});                            // no such kind
    append_message(all[1], 1, std::vector<uint8_t>{1, 2, 3});  // no sample
    append_message(all[2], 2, std::vector<uint8_t>{1});        // no number
    append_message(all[3], 6, write_range({0, 5, kVersionChunkBytes + 1}));
    all[3].pop_back();                  // cut within
    all[4] = {1, 7, 0, 0, 0, 0, 0, 0};  // no such place
    return all;
  }();
  uint64_t session = 100;
  for (const auto& content : says) {
    ++session;
    stranger->send(
        "", write_packet({PacketKind::kHello, session, 0, 0,
                          write_hello({kProtocolRevision, identity.build, identity.config_digest,
                                       identity.run_token, "stranger", session})},
                         {}));
    stranger->send("", write_packet({PacketKind::kStream, session, 1, 0, content}, {}));
    EXPECT_TRUE(comes([&] { return learner.counts().lost == session - 100; })) << session;
  }
  EXPECT_EQ(learner.counts().greeted, says.size());
  EXPECT_EQ(learner.counts().garbage, says.size());
}

}  // namespace
}  // namespace retort::tests
