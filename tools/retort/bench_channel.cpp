// What the channel costs: the sample stream, small messages and a Version over ZeroMQ on loopback,
// each beside a bare loop of libzmq in the same process: one DEALER and one ROUTER that carry the
// same bytes a message and nothing else.
#include "base/channel/remote.h"
#include "base/channel/zeromq.h"
#include "base/channel/zeromq_socket.h"
#include "base/check.h"
#include "base/record/codec.h"
#include "base/record/weights_digest.h"
#include "tools/retort/bench_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <thread>

namespace retort {
namespace {

constexpr const char* kAnyPort = "tcp://127.0.0.1:*";
constexpr double kPatience = 60;
constexpr int kRepeats = 5;  // the fastest counts, of the bound as of what is measured

double fastest_of(const std::function<double()>& seconds) {
  double fastest = kPatience;
  for (int i = 0; i < kRepeats; ++i) fastest = std::min(fastest, seconds());
  return fastest;
}

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string endpoint_of(const ZeromqSocket& socket) {
  char endpoint[256];
  size_t size = sizeof endpoint;
  RT_ZMQ(zmq_getsockopt(socket.handle(), ZMQ_LAST_ENDPOINT, endpoint, &size));
  return endpoint;
}

// Seconds for `count` messages of `bytes` bytes from one thread to another, and nothing else.
double bare_loop(size_t bytes, size_t count) {
  const ZeromqContext context;
  ZeromqSocket receiver(context, ZMQ_ROUTER), sender(context, ZMQ_DEALER);
  RT_ZMQ(zmq_bind(receiver.handle(), kAnyPort));
  RT_ZMQ(zmq_connect(sender.handle(), endpoint_of(receiver).c_str()));
  const SharedBytes message = SharedBytes::of(std::vector<uint8_t>(bytes, 7));
  const Deadline deadline = Deadline::after(kPatience);
  return seconds_of([&] {
    WaitedThread sending([&] {
      for (size_t i = 0; i < count; ++i)
        while (!sender.send({}, message)) std::this_thread::yield();
    });
    for (size_t i = 0; i < count;) {
      if (receiver.receive(nullptr).size() == 2)
        ++i;
      else
        std::this_thread::yield();
      RT_CHECK(!deadline.passed());
    }
    const WaitScope what("the end of the bare loop", "its sender", deadline);
    RT_CHECK(sending.join(what, deadline));
  });
}

Sample sample_of(uint32_t number, int32_t tokens) {
  Sample sample;
  sample.id = {1 + number / 4096, number % 4096, 0, 0};
  sample.tokens.assign(static_cast<size_t>(tokens), static_cast<int32_t>(number));
  sample.loss_mask.assign(static_cast<size_t>(tokens), 1);
  sample.logprobs.assign(static_cast<size_t>(tokens), -0.5f);
  sample.versions.assign(static_cast<size_t>(tokens), 3);
  return sample;
}

struct Ends {
  std::unique_ptr<RemoteLearner> learner;
  std::unique_ptr<RemoteWorker> worker;
};
Ends connected(size_t credits) {
  const ChannelIdentity identity{"bench", "", ""};
  auto wire = zeromq_learner_wire({kAnyPort, std::nullopt, {}});
  const std::string endpoint = wire->name();
  LearnerOptions learner;
  learner.identity = identity;
  learner.credits = credits;
  WorkerOptions worker;
  worker.identity = identity;
  worker.name = "bench";
  Ends ends;
  ends.learner = std::make_unique<RemoteLearner>(std::move(wire), learner);
  ends.worker =
      std::make_unique<RemoteWorker>(zeromq_worker_wire({endpoint, std::nullopt, ""}), worker);
  RT_CHECK(ends.worker->connect(Deadline::after(kPatience)).kind == ConnectKind::kConnected);
  return ends;
}

// Seconds for `count` samples from send() to the last acknowledgement.
double sample_stream(int32_t tokens, uint32_t count, size_t credits) {
  const Ends ends = connected(credits);
  const auto receiver = ends.learner->sample_receiver();
  const auto sender = ends.worker->sample_sender();
  std::vector<Sample> samples;
  for (uint32_t i = 0; i < count; ++i) samples.push_back(sample_of(i, tokens));
  const Deadline deadline = Deadline::after(kPatience);
  return seconds_of([&] {
    WaitedThread sending([&] {
      for (const Sample& sample : samples)
        RT_CHECK(sender->send(sample, deadline) == SendResult::kSent);
      RT_CHECK(sender->flush(deadline) == SendResult::kSent);
    });
    for (uint32_t i = 0; i < count; ++i) {
      const SampleReceived received = receiver->receive(deadline);
      RT_CHECK(received.kind == ReceiveKind::kReceived) << received.waited;
      receiver->ack(received.sample->id);
    }
    const WaitScope what("the end of the stream", "its sender", deadline);
    RT_CHECK(sending.join(what, deadline));
  });
}

VersionBytes version_of(uint32_t number, size_t megabytes) {
  constexpr size_t kTensors = 50;
  auto all = std::make_shared<std::vector<uint8_t>>(megabytes * 1000000);
  for (size_t i = 0; i < all->size(); i += 64) (*all)[i] = static_cast<uint8_t>(i / 64 + number);
  VersionBytes version;
  version.version.number = number;
  WeightsDigest digest;
  const size_t each = all->size() / kTensors;
  for (size_t i = 0; i < kTensors; ++i) {
    version.version.tensors.push_back(
        {fmt::format("t{}", 100 + i), "F32", {static_cast<int64_t>(each / 4)}});
    version.tensors.emplace_back(all->data() + i * each, each);
    digest.add(version.version.tensors.back(), version.tensors.back().data(), each);
  }
  version.version.digest = digest.hex();
  version.owner = all;
  return version;
}

// Seconds from publish() to the whole Version, digests checked: the fastest of five.
double version_stream(size_t megabytes) {
  const Ends ends = connected(16);
  double fastest = kPatience;
  for (uint32_t number = 1; number <= uint32_t{kRepeats}; ++number) {
    const VersionBytes version = version_of(number, megabytes);
    const double taken = seconds_of([&] {
      ends.learner->publish(version);
      const VersionReceived received = ends.worker->version(number, Deadline::after(kPatience));
      RT_CHECK(received.kind == ReceiveKind::kReceived) << received.waited;
    });
    fastest = std::min(fastest, taken);
  }
  return fastest;
}

}  // namespace

void bench_channel(kernels::Bench& bench) {
  {
    constexpr int32_t kTokens = 8192;
    constexpr uint32_t kCount = 4000;
    const size_t bytes = encode(sample_of(0, kTokens)).size();
    const double bound = fastest_of([&] { return bare_loop(bytes, kCount); });
    bench.add_beside("sample_stream", {{"tokens", kTokens}, {"samples", kCount}, {"credits", 256}},
                     "libzmq", bound, static_cast<double>(bytes) * kCount / 1e6, "MB/s",
                     fastest_of([&] { return sample_stream(kTokens, kCount, 256); }));
  }
  {
    constexpr int32_t kTokens = 16;
    constexpr uint32_t kCount = 200000;
    const size_t bytes = encode(sample_of(0, kTokens)).size();
    const double bound = fastest_of([&] { return bare_loop(bytes, kCount); });
    bench.add_beside("small_samples", {{"tokens", kTokens}, {"samples", kCount}, {"credits", 4096}},
                     "libzmq", bound, kCount, "1/s",
                     fastest_of([&] { return sample_stream(kTokens, kCount, 4096); }));
  }
  {
    constexpr size_t kMegabytes = 250, kChunks = 1000;
    const double bound =
        fastest_of([&] { return bare_loop(kMegabytes * 1000000 / kChunks, kChunks); });
    bench.add_beside("version", {{"megabytes", int64_t{kMegabytes}}, {"tensors", 50}}, "libzmq",
                     bound, kMegabytes, "MB/s", version_stream(kMegabytes));
  }
}

}  // namespace retort
