// Versions of the weights over a channel and by folder.
#include "base/channel/memory_wire.h"
#include "base/channel/version_stream.h"
#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/record/weights_digest.h"
#include "tests/conformance/remote_channel.h"
#include "tests/temporary_folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

namespace retort::tests {
namespace {

Deadline soon() { return Deadline::after(20); }
Deadline briefly() { return Deadline::after(0.15); }

// A Version of tensors of these numbers of elements, filled by its number.
VersionBytes version_of(uint32_t number, const std::vector<int64_t>& elements) {
  VersionBytes made;
  made.version.number = number;
  made.version.numerics = "cpu fp32";
  auto all = std::make_shared<std::vector<std::vector<uint8_t>>>();
  WeightsDigest digest;
  for (size_t i = 0; i < elements.size(); ++i) {
    const TensorEntry entry{"t" + std::to_string(i), i % 2 == 0 ? "F32" : "BF16", {elements[i]}};
    std::vector<uint8_t> bytes(static_cast<size_t>(elements[i]) * (i % 2 == 0 ? 4 : 2));
    for (size_t b = 0; b < bytes.size(); ++b)
      bytes[b] = static_cast<uint8_t>(b * 31 + (b >> 9) + number + i);
    digest.add(entry, bytes.data(), bytes.size());
    made.version.tensors.push_back(entry);
    all->push_back(std::move(bytes));
  }
  for (const auto& bytes : *all) made.tensors.emplace_back(bytes);
  made.version.digest = digest.hex();
  made.owner = all;
  return made;
}

bool same(const VersionBytes& a, const VersionBytes& b) {
  return a.version == b.version &&
         std::equal(
             a.tensors.begin(), a.tensors.end(), b.tensors.begin(), b.tensors.end(),
             [](auto x, auto y) { return std::equal(x.begin(), x.end(), y.begin(), y.end()); });
}

const std::vector<int64_t> kSizes = {5, 0, 3000000, 1, 2500000, 0};  // several chunks, empty ones

TEST(VersionStream, ArrivesWholeAndTheLastIsKept) {
  MemoryHub hub;
  RemoteLearner learner(hub.learner_wire(), test_learner_options());
  RemoteWorker worker(hub.worker_wire(), test_worker_options());
  const VersionBytes first = version_of(1, kSizes), second = version_of(2, kSizes);
  learner.publish(first);
  const VersionReceived one = worker.version(1, soon());
  ASSERT_EQ(one.kind, ReceiveKind::kReceived);
  EXPECT_TRUE(same(*one.version, first));
  EXPECT_EQ(worker.version(1, Deadline::after(0)).version, one.version);  // not fetched again
  // Asked for before it is there; what is not there yet times out and says so.
  const VersionReceived early = worker.version(2, briefly());
  EXPECT_EQ(early.kind, ReceiveKind::kTimeout);
  EXPECT_NE(early.waited.find("Version 2 of the weights, held by the learner at memory"),
            std::string::npos);
  EXPECT_EQ(worker.version(1, Deadline::after(0)).version, one.version);
  std::thread publisher([&] { learner.publish(second); });
  const VersionReceived two = worker.version(2, soon());
  publisher.join();
  ASSERT_EQ(two.kind, ReceiveKind::kReceived);
  EXPECT_TRUE(same(*two.version, second));
  EXPECT_TRUE(same(*one.version, first));  // whoever holds it still has it
}

TEST(VersionStream, OnlyTheNewestTwoAreKept) {
  MemoryHub hub;
  RemoteLearner learner(hub.learner_wire(), test_learner_options());
  RemoteWorker worker(hub.worker_wire(), test_worker_options());
  for (uint32_t number = 1; number <= 3; ++number) learner.publish(version_of(number, {7}));
  EXPECT_EQ(worker.version(2, soon()).kind, ReceiveKind::kReceived);
  EXPECT_EQ(worker.version(3, soon()).kind, ReceiveKind::kReceived);
  const VersionReceived gone = worker.version(1, soon());
  EXPECT_EQ(gone.kind, ReceiveKind::kClosed);
  EXPECT_EQ(gone.waited, "Version 1 is gone: the learner keeps Version 2 and later ones");
  EXPECT_TRUE(gone.over);
}

TEST(VersionStream, AWaitCanBeGivenUp) {
  MemoryHub hub;
  const RemoteLearner learner(hub.learner_wire(), test_learner_options());
  RemoteWorker worker(hub.worker_wire(), test_worker_options());
  int asked = 0;
  const VersionReceived none =
      worker.version(1, Deadline::after(60), [&asked] { return ++asked == 2; });
  EXPECT_EQ(none.kind, ReceiveKind::kTimeout);
  EXPECT_EQ(asked, 2);
}

// A learner is killed while a worker fetches the Version of an assignment; the next one resumes
// before that Version, and will only make it with that worker's help.
TEST(VersionStream, WhatALearnerThatIsGoneAssignedIsWaitedForByNobody) {
  for (const bool asked_before : {true, false}) {
    MemoryHub hub;
    auto learner = std::make_unique<RemoteLearner>(hub.learner_wire(), test_learner_options());
    RemoteWorker worker(hub.worker_wire(), test_worker_options());
    const auto tasks = worker.task_receiver();
    Assignment assignment{3, 0, 0, 1, 2, {}};
    ASSERT_EQ(learner->task_sender()->send(assignment, soon()), SendResult::kSent);
    ASSERT_EQ(tasks->receive(soon()).kind, ReceiveKind::kReceived);
    VersionReceived received;
    std::thread asks;
    if (asked_before) asks = std::thread([&] { received = worker.version(2, soon()); });
    learner.reset();
    learner = std::make_unique<RemoteLearner>(hub.learner_wire(), test_learner_options());
    learner->publish(version_of(0, {7}));
    while (learner->counts().greeted == 0) std::this_thread::yield();
    if (asked_before)
      asks.join();
    else
      received = worker.version(2, soon());
    EXPECT_EQ(received.kind, ReceiveKind::kClosed);
    EXPECT_TRUE(received.over);
    EXPECT_EQ(received.waited, "Version 2 was asked for by a learner that is gone");
    // What the new learner assigns is fetched.
    assignment = {1, 0, 0, 1, 0, {}};
    ASSERT_EQ(learner->task_sender()->send(assignment, soon()), SendResult::kSent);
    ASSERT_EQ(tasks->receive(soon()).kind, ReceiveKind::kReceived);
    EXPECT_EQ(worker.version(0, soon()).kind, ReceiveKind::kReceived);
  }
}

TEST(VersionStream, ATooLargeOneIsRefusedBeforeMemoryIsTaken) {
  MemoryHub hub;
  RemoteLearner learner(hub.learner_wire(), test_learner_options());
  WorkerOptions options = test_worker_options();
  options.max_version_bytes = 399;
  RemoteWorker worker(hub.worker_wire(), options);
  learner.publish(version_of(1, {100}));
  const VersionReceived refused = worker.version(1, soon());
  EXPECT_EQ(refused.kind, ReceiveKind::kClosed);
  EXPECT_EQ(refused.waited, "Version 1 takes 400 bytes, more than this worker has room for");
  EXPECT_FALSE(refused.over);
}

TEST(VersionStream, APublisherWithAnotherDigestIsFoundOut) {
  MemoryHub hub;
  RemoteLearner learner(hub.learner_wire(), test_learner_options());
  VersionBytes wrong = version_of(1, {100});
  wrong.version.digest[3] ^= 1;
  EXPECT_THROW(learner.publish(wrong), InternalError);
  wrong = version_of(1, {100});
  wrong.tensors[0] = wrong.tensors[0].first(399);
  EXPECT_THROW(learner.publish(wrong), InternalError);
}

TEST(VersionStream, SurvivesFaultsAndBrokenConnections) {
  MemoryHub hub;
  const FaultRates faults = {0.05, 0.05, 0.05, 0.05, 0.05};
  RemoteLearner learner(faulty_wire(hub.learner_wire(), faults, 9, 0), test_learner_options());
  RemoteWorker worker(faulty_wire(hub.worker_wire(), faults, 9, 1), test_worker_options());
  for (uint32_t number = 1; number <= 3; ++number) {
    const VersionBytes version = version_of(number, kSizes);
    learner.publish(version);
    std::thread breaker([&] {
      for (int i = 0; i < 3; ++i) {
        std::this_thread::yield();
        worker.reconnect();
      }
    });
    const VersionReceived received = worker.version(number, soon());
    breaker.join();
    ASSERT_EQ(received.kind, ReceiveKind::kReceived) << received.waited;
    EXPECT_TRUE(same(*received.version, version));
  }
}

// A learner that was started anew publishes the same Version: a worker that has it keeps it.
TEST(VersionStream, ANewLearnersSameVersionIsNotSentAgain) {
  MemoryHub hub;
  auto learner = std::make_unique<RemoteLearner>(hub.learner_wire(), test_learner_options());
  RemoteWorker worker(hub.worker_wire(), test_worker_options());
  learner->publish(version_of(4, {1000}));
  const VersionReceived before = worker.version(4, soon());
  ASSERT_EQ(before.kind, ReceiveKind::kReceived);
  learner.reset();
  learner = std::make_unique<RemoteLearner>(hub.learner_wire(), test_learner_options());
  learner->publish(version_of(4, {1000}));
  const Deadline deadline = soon();
  while (worker.counts().greeted < 2 && !deadline.passed()) std::this_thread::yield();
  const VersionReceived after = worker.version(4, soon());
  ASSERT_EQ(after.kind, ReceiveKind::kReceived);
  EXPECT_EQ(after.version, before.version);
  learner.reset();
  learner = std::make_unique<RemoteLearner>(hub.learner_wire(), test_learner_options());
  learner->publish(version_of(4, {1001}));  // the same number of another run
  while (worker.counts().greeted < 3 && !deadline.passed()) std::this_thread::yield();
  const VersionReceived other = worker.version(4, soon());
  ASSERT_EQ(other.kind, ReceiveKind::kReceived);
  EXPECT_TRUE(same(*other.version, version_of(4, {1001})));
}

TEST(VersionAssembly, SeesTheDigestAndSumsSizesWithinBounds) {
  const VersionBytes good = version_of(3, {10, 4});
  std::string problem;
  for (const bool damaged : {false, true}) {
    const auto assembly = VersionAssembly::of(good.version, 1000, &problem);
    ASSERT_TRUE(assembly) << problem;
    EXPECT_EQ(assembly->total(), 48u);
    std::vector<uint8_t> bytes(good.tensors[0].begin(), good.tensors[0].end());
    bytes.insert(bytes.end(), good.tensors[1].begin(), good.tensors[1].end());
    if (damaged) bytes[44] ^= 1;
    assembly->append(std::span(bytes).first(41));  // across the border of two tensors
    assembly->append(std::span(bytes).subspan(41));
    const auto whole = assembly->finish();
    EXPECT_EQ(whole != nullptr, !damaged);
    if (whole) {
      EXPECT_TRUE(same(*whole, good));
    }
  }
  const auto bytes = [](const std::string& dtype, std::vector<int64_t> shape) {
    return tensor_bytes({"t", dtype, std::move(shape)});
  };
  EXPECT_EQ(bytes("F32", {2, 3}), 24u);
  EXPECT_EQ(bytes("BF16", {}), 2u);
  EXPECT_EQ(bytes("F32", {0, int64_t{1} << 62}), 0u);
  EXPECT_EQ(bytes("F32", {-1}), std::nullopt);
  EXPECT_EQ(bytes("F33", {1}), std::nullopt);
  EXPECT_EQ(bytes("F32", {int64_t{1} << 40, int64_t{1} << 40}), std::nullopt);
  Version huge;
  huge.tensors = {
      {"a", "U8", {int64_t{1} << 61}}, {"b", "U8", {int64_t{1} << 61}}, {"c", "U8", {1}}};
  EXPECT_EQ(version_bytes(huge), std::nullopt);
  EXPECT_FALSE(VersionAssembly::of(huge, UINT64_MAX, &problem));
}

}  // namespace
}  // namespace retort::tests
