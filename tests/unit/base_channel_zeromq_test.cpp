// The remote channel over ZeroMQ: conformance over TCP and IPC, keys, strangers.
#include "base/channel/zeromq.h"
#include "base/error.h"
#include "tests/conformance/remote_channel.h"
#include "tests/temporary_folder.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace retort::tests {
namespace {

class ZeromqPair final : public WirePair {
 public:
  explicit ZeromqPair(bool ipc)
      : endpoint_(ipc ? "ipc://" + folder_.path() + "/socket" : "tcp://127.0.0.1:*") {}
  std::unique_ptr<Wire> learner() override {
    auto wire = zeromq_learner_wire({endpoint_, std::nullopt, {}});
    endpoint_ = wire->name();
    return wire;
  }
  std::unique_ptr<Wire> worker() override {
    return zeromq_worker_wire({endpoint_, std::nullopt, ""});
  }

 private:
  TemporaryFolder folder_;
  std::string endpoint_;
};

ChannelMaker over_zeromq(bool ipc, const FaultRates& faults) {
  return [ipc, faults](size_t credits) {
    return remote_under_test(std::make_unique<ZeromqPair>(ipc), credits, {faults, true});
  };
}

constexpr FaultRates kNone, kFaults = {0.05, 0.05, 0.05, 0.05, 0.05};

RETORT_CHANNEL_CONFORMANCE(Tcp, over_zeromq(false, kNone));
RETORT_CHANNEL_CONFORMANCE(Ipc, over_zeromq(true, kNone));
RETORT_CHANNEL_CONFORMANCE(TcpWithFaults, over_zeromq(false, kFaults));
RETORT_CHANNEL_CONFORMANCE(IpcWithFaults, over_zeromq(true, kFaults));

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Zeromq, KnowsWhatIsLoopback) {
  for (const char* inside : {"tcp://127.0.0.1:5555", "tcp://127.1.2.3:*", "tcp://localhost:1",
                             "tcp://[::1]:5", "ipc:///tmp/x"})
    EXPECT_TRUE(is_loopback(inside)) << inside;
  for (const char* outside :
       {"tcp://*:5555", "tcp://0.0.0.0:5555", "tcp://10.0.0.1:1", "tcp://[::]:5", "tcp://eth0:7",
        "tcp://127.0.0.1.evil.org:7", "tcp://localhost.evil.org:7", "tcp://1270.0.0.1:7"})
    EXPECT_FALSE(is_loopback(outside)) << outside;
  for (const char* none : {"", "tcp://", "tcp://host", "tcp://:5", "tcp://host:", "tcp://host:1x",
                           "tcp://host:99999", "udp://host:5", "ipc://", "inproc://x"})
    EXPECT_THROW(is_loopback(none), UserError) << none;
}

TEST(Zeromq, NothingBeyondLoopbackWithoutKeys) {
  EXPECT_EQ(message_of([] {
              zeromq_learner_wire({"tcp://*:0", std::nullopt, {}});
            }),
            "tcp://*:0: is reached from other machines, and there are no keys of the learner; make "
            "keys with `retort keys FILE`, or use tcp://127.0.0.1:PORT");
  const CurveKeys keys = make_curve_keys();
  EXPECT_NE(message_of([&] {
              zeromq_learner_wire({"tcp://*:0", keys, {}});
            }).find("no public keys of workers"),
            std::string::npos);
  EXPECT_NE(message_of([] {
              zeromq_worker_wire({"tcp://10.0.0.1:5555", std::nullopt, ""});
            }).find("no keys of the worker"),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              zeromq_worker_wire({"tcp://10.0.0.1:5555", keys, ""});
            }).find("no public key of the learner"),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              zeromq_worker_wire({"tcp://10.0.0.1:5555", keys, "short"});
            }).find("is no CURVE key"),
            std::string::npos);
}

TEST(Zeromq, AnEndpointInUseIsTheUsersMistake) {
  const auto first = zeromq_learner_wire({"tcp://127.0.0.1:*", std::nullopt, {}});
  EXPECT_NE(message_of([&] {
              zeromq_learner_wire({first->name(), std::nullopt, {}});
            }).find("is in use"),
            std::string::npos);
  EXPECT_NE(message_of([] {
              zeromq_learner_wire({"ipc:///no/such/folder/x", std::nullopt, {}});
            }).find("cannot be had"),
            std::string::npos);
}

TEST(Zeromq, KnownKeysComeAndOthersAreRefused) {
  const CurveKeys of_learner = make_curve_keys(), known = make_curve_keys(),
                  unknown = make_curve_keys();
  // All addresses of this machine: what needs keys.
  auto wire = zeromq_learner_wire({"tcp://0.0.0.0:*", of_learner, {known.public_key}});
  const std::string endpoint = "tcp://127.0.0.1" + wire->name().substr(wire->name().rfind(':'));
  RemoteLearner learner(std::move(wire), test_learner_options());
  const auto receiver = learner.sample_receiver();
  {
    RemoteWorker stranger(zeromq_worker_wire({endpoint, unknown, of_learner.public_key}),
                          test_worker_options());
    const ConnectResult result = stranger.connect(Deadline::after(1));
    EXPECT_EQ(result.kind, ConnectKind::kTimeout);
    EXPECT_NE(result.text.find("the key was refused"), std::string::npos) << result.text;
  }
  {
    RemoteWorker bare(zeromq_worker_wire({endpoint, std::nullopt, ""}), test_worker_options());
    EXPECT_EQ(bare.connect(Deadline::after(0.5)).kind, ConnectKind::kTimeout);
  }
  {
    RemoteWorker misled(zeromq_worker_wire({endpoint, known, unknown.public_key}),
                        test_worker_options());
    EXPECT_EQ(misled.connect(Deadline::after(0.5)).kind, ConnectKind::kTimeout);
  }
  EXPECT_EQ(learner.counts().greeted, 0u);
  RemoteWorker worker(zeromq_worker_wire({endpoint, known, of_learner.public_key}),
                      test_worker_options());
  ASSERT_EQ(worker.connect(Deadline::after(10)).kind, ConnectKind::kConnected);
  Sample sample;
  sample.id = {1, 0, 0, 0};
  ASSERT_EQ(worker.sample_sender()->send(sample, Deadline::after(10)), SendResult::kSent);
  const SampleReceived received = receiver->receive(Deadline::after(10));
  ASSERT_EQ(received.kind, ReceiveKind::kReceived);
  EXPECT_EQ(*received.sample, sample);
}

// A key is not enough: the run token must be the run's.
TEST(Zeromq, TheTokenIsAskedForBehindTheKey) {
  const CurveKeys of_learner = make_curve_keys(), known = make_curve_keys();
  auto wire = zeromq_learner_wire({"tcp://127.0.0.1:*", of_learner, {known.public_key}});
  const std::string endpoint = wire->name();
  RemoteLearner learner(std::move(wire), test_learner_options());
  WorkerOptions options = test_worker_options();
  options.identity.run_token = "another";
  RemoteWorker worker(zeromq_worker_wire({endpoint, known, of_learner.public_key}), options);
  const ConnectResult result = worker.connect(Deadline::after(10));
  EXPECT_EQ(result.kind, ConnectKind::kRefused);
  EXPECT_EQ(result.text, "the run token differs");
}

// Bytes that are no ZeroMQ, into the learner's port, while a worker works.
TEST(Zeromq, StrangersOnThePortDisturbNobody) {
  auto wire = zeromq_learner_wire({"tcp://127.0.0.1:*", std::nullopt, {}});
  const std::string endpoint = wire->name();
  RemoteLearner learner(std::move(wire), test_learner_options());
  const auto receiver = learner.sample_receiver();
  RemoteWorker worker(zeromq_worker_wire({endpoint, std::nullopt, ""}), test_worker_options());
  const auto sender = worker.sample_sender();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port =
      htons(static_cast<uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  PhiloxStream draw({3, Purpose::kFaultInjection, 0}, 0, 0, 0);
  for (uint32_t i = 0; i < 20; ++i) {
    const int stranger = ::socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_EQ(::connect(stranger, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    std::string bytes = i % 2 == 0 ? "GET / HTTP/1.1\r\n\r\n" : "";
    while (bytes.size() < 500) bytes.push_back(static_cast<char>(draw.range(0, 255)));
    EXPECT_GT(::send(stranger, bytes.data(), bytes.size(), MSG_NOSIGNAL), 0);
    Sample sample;
    sample.id = {1, i, 0, 0};
    ASSERT_EQ(sender->send(sample, Deadline::after(10)), SendResult::kSent);
    const SampleReceived received = receiver->receive(Deadline::after(10));
    ASSERT_EQ(received.kind, ReceiveKind::kReceived);
    receiver->ack(received.sample->id);
    ::close(stranger);
  }
  EXPECT_EQ(sender->flush(Deadline::after(10)), SendResult::kSent);
  EXPECT_EQ(learner.counts().greeted, 1u);
}

TEST(CurveKeys, FilesAreTheOwnersAndChecked) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/keys";
  const CurveKeys keys = make_curve_keys();
  EXPECT_TRUE(is_curve_key(keys.public_key) && is_curve_key(keys.secret_key));
  EXPECT_NE(keys.public_key, make_curve_keys().public_key);
  write_curve_keys(path, keys);
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_EQ(read_curve_keys(path).public_key, keys.public_key);
  EXPECT_EQ(read_curve_keys(path).secret_key, keys.secret_key);
  EXPECT_EQ(read_public_keys(path), std::vector<std::string>{keys.public_key});
  EXPECT_NE(message_of([&] { write_curve_keys(path, keys); }).find("exists"), std::string::npos);
  EXPECT_EQ(read_curve_keys(path).secret_key, keys.secret_key);
  EXPECT_NE(message_of([&] {
              write_curve_keys(folder.path() + "/no/keys", keys);
            }).find("cannot be written"),
            std::string::npos);

  std::filesystem::permissions(path, std::filesystem::perms::group_read,
                               std::filesystem::perm_options::add);
  EXPECT_NE(message_of([&] { read_curve_keys(path); }).find("can be read by others"),
            std::string::npos);
  const std::string mixed = folder.path() + "/mixed";
  write_curve_keys(mixed, {make_curve_keys().public_key, keys.secret_key});
  EXPECT_NE(message_of([&] { read_curve_keys(mixed); }).find("do not belong together"),
            std::string::npos);
  const std::string listed = folder.path() + "/list";
  const std::string other = make_curve_keys().public_key;
  write_file_atomic(listed, "# workers\n" + keys.public_key + "\n\npublic " + other + "\n");
  EXPECT_EQ(read_public_keys(listed), (std::vector<std::string>{keys.public_key, other}));
  write_file_atomic(listed, "# workers\nhello\n");
  EXPECT_NE(message_of([&] { read_public_keys(listed); }).find("list:2: is no CURVE key"),
            std::string::npos);
  EXPECT_NE(message_of([&] { read_curve_keys(listed + "2"); }), "");
}

}  // namespace
}  // namespace retort::tests
