// Who connects to the learner's port: strangers are told by their address, none takes all
// connections, and a worker whose connection is closed is not waited for.
#include "base/channel/packet.h"
#include "base/channel/protocol.h"
#include "base/channel/zeromq.h"
#include "base/file.h"
#include "base/log.h"
#include "tests/conformance/remote_channel.h"
#include "tests/temporary_folder.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <thread>

namespace retort::tests {
namespace {

// A connection from an address of its own within loopback.
class Stranger {
 public:
  Stranger(const std::string& from, const std::string& endpoint)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const auto address = [](const std::string& host, int port) {
      sockaddr_in full{};
      full.sin_family = AF_INET;
      full.sin_port = htons(static_cast<uint16_t>(port));
      ::inet_pton(AF_INET, host.c_str(), &full.sin_addr);
      return full;
    };
    const sockaddr_in own = address(from, 0);
    const sockaddr_in there =
        address("127.0.0.1", std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
    EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&own), sizeof own), 0);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&there), sizeof there), 0);
  }
  ~Stranger() { ::close(socket_); }
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;

  void say(const std::string& bytes) const {
    ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  // Whether the other side closes within `seconds`.
  bool is_closed_within(time_t seconds) const {
    const timeval patience = {seconds, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    char bytes[256];
    ssize_t count = 0;
    while ((count = ::recv(socket_, bytes, sizeof bytes, 0)) > 0) {
    }
    return count == 0 || errno == ECONNRESET;
  }

 private:
  int socket_;
};

class LogOfTest {
 public:
  LogOfTest() { log::open_file(path()); }
  ~LogOfTest() { log::open_file(""); }
  LogOfTest(const LogOfTest&) = delete;
  LogOfTest& operator=(const LogOfTest&) = delete;
  std::string text() const { return read_file(path()); }
  size_t lines_with(const std::string& what) const {
    size_t count = 0;
    const std::string all = text();
    for (size_t at = all.find(what); at != std::string::npos; at = all.find(what, at + 1)) ++count;
    return count;
  }

 private:
  std::string path() const { return folder_.path() + "/log"; }
  const TemporaryFolder folder_;
};

bool comes_within(double seconds, const std::function<bool()>& so) {
  const Deadline deadline = Deadline::after(seconds);
  while (!so() && !deadline.passed()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return so();
}

LearnerOptions patient() { return {test_identity(), 4, {1, 600}}; }

// One after the other over the same few descriptors: none is taken for another one.
TEST(Accept, EachStrangerIsToldWithItsAddress) {
  const CurveKeys keys = make_curve_keys();
  const LogOfTest log;
  auto wire = zeromq_learner_wire({"tcp://127.0.0.1:*", keys, {make_curve_keys().public_key}});
  const std::string endpoint = wire->name();
  const RemoteLearner learner(std::move(wire), patient());
  constexpr int kStrangers = 60;
  const std::string without_keys("\xff\0\0\0\0\0\0\0\0\x7f\x03\0NULL", 16);
  for (int i = 1; i <= kStrangers; ++i) {
    const Stranger stranger(fmt::format("127.0.2.{}", i), endpoint);
    if (i % 3 == 0) stranger.say("GET / HTTP/1.1\r\n\r\n" + std::string(100, '.'));
    if (i % 3 == 1) stranger.say(without_keys + std::string(48, '\0'));
    EXPECT_TRUE(i % 3 == 2 || stranger.is_closed_within(10)) << i;
  }
  const char* const kTold[] = {" ended without a greeting",
                               " was refused: the other side does not speak ZeroMQ's protocol",
                               " was refused: the connection broke within the handshake"};
  EXPECT_TRUE(comes_within(10, [&] { return log.lines_with(" warning: ") >= kStrangers; }))
      << log.text();
  EXPECT_EQ(log.lines_with(" warning: "), size_t{kStrangers});
  for (int i = 1; i <= kStrangers; ++i)
    EXPECT_EQ(log.lines_with(fmt::format("a connection from 127.0.2.{}{}", i, kTold[i % 3])), 1u)
        << i;
}

// ZMTP 1 and 2: a name of the peer's own and a message. libzmq would let them in where no key is
// asked for, and may end the process on their name while a socket is closed.
TEST(Accept, OldProtocolsAreRefused) {
  const LogOfTest log;
  auto wire = zeromq_learner_wire({"tcp://127.0.0.1:*", std::nullopt, {}});
  const std::string endpoint = wire->name();
  const RemoteLearner learner(std::move(wire), patient());
  const std::string greetings[] = {std::string("\x01\x00\x06\x00hello", 9),
                                   std::string("\xff\0\0\0\0\0\0\0\1\x7f\1\5\0\0\0\5hello", 21)};
  for (int i = 0; i < 2; ++i) {
    const std::string from = fmt::format("127.0.5.{}", i + 1);
    const Stranger stranger(from, endpoint);
    stranger.say(greetings[i]);
    EXPECT_TRUE(stranger.is_closed_within(5)) << i;
    EXPECT_TRUE(comes_within(10, [&] { return log.lines_with(from) == 1; })) << log.text();
  }
  EXPECT_EQ(log.lines_with(" ended without a greeting"), 2u) << log.text();
}

TEST(Accept, TheLinesAreBounded) {
  const LogOfTest log;
  const auto wire = zeromq_learner_wire({"tcp://127.0.0.1:*", std::nullopt, {}});
  for (int i = 0; i < 150; ++i) Stranger(fmt::format("127.0.3.{}", i + 1), wire->name());
  const std::string last = "more strangers were refused; they are not told one by one";
  EXPECT_TRUE(comes_within(10, [&] {
    wire->receive();
    return log.lines_with(last) == 1;
  })) << log.text();
  EXPECT_EQ(log.lines_with("was refused: "), 100u);
}

// Keys are free: who comes with ever new ones has a few lines.
TEST(Accept, ManyKeysOfOneAddressAreAFewLines) {
  const LogOfTest log;
  const CurveKeys keys = make_curve_keys();
  auto wire = zeromq_learner_wire({"tcp://127.0.0.1:*", keys, {make_curve_keys().public_key}});
  const std::string endpoint = wire->name();
  const RemoteLearner learner(std::move(wire), patient());
  std::vector<std::unique_ptr<RemoteWorker>> strangers;
  for (int i = 0; i < 6; ++i) {
    strangers.push_back(std::make_unique<RemoteWorker>(
        zeromq_worker_wire({endpoint, make_curve_keys(), keys.public_key}), test_worker_options()));
    EXPECT_EQ(strangers.back()->connect(Deadline::after(0.3)).kind, ConnectKind::kTimeout);
  }
  EXPECT_EQ(log.lines_with("refused 127.0.0.1 with the key "), 3u) << log.text();
  EXPECT_EQ(log.lines_with("was refused: "), 0u) << log.text();
}

// The limit of open files for its lifetime.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t soft) {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    rlimit few = before_;
    few.rlim_cur = soft;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  rlimit before_{};
};

// Both ends of each connection are in this process.
TEST(Accept, TheLastDescriptorsAreTheProgramsOwn) {
  const LogOfTest log;
  auto wire = zeromq_learner_wire({"tcp://127.0.0.1:*", std::nullopt, {}});
  const std::string endpoint = wire->name();
  const RemoteLearner learner(std::move(wire), patient());
  std::vector<std::unique_ptr<Stranger>> silent;
  const FewDescriptors limit(64 + 120);
  EXPECT_TRUE(comes_within(10, [&] {
    if (silent.size() < 55)
      silent.push_back(
          std::make_unique<Stranger>(fmt::format("127.0.4.{}", 1 + silent.size()), endpoint));
    return log.lines_with(", and the limit of open files (ulimit -n) is near") > 0;
  })) << log.text();
  EXPECT_TRUE(silent.back()->is_closed_within(2));
  silent.clear();
  RemoteWorker worker(zeromq_worker_wire({endpoint, std::nullopt, ""}), test_worker_options());
  EXPECT_EQ(worker.connect(Deadline::after(10)).kind, ConnectKind::kConnected);
}

// A worker that is killed says no goodbye; its silence would be noticed after ten minutes.
TEST(Accept, AClosedConnectionIsALostWorker) {
  const TemporaryFolder folder;
  for (const std::string& endpoint :
       {std::string("tcp://127.0.0.1:*"), "ipc://" + folder.path() + "/socket"}) {
    auto wire = zeromq_learner_wire({endpoint, std::nullopt, {}});
    const std::string bound = wire->name();
    RemoteLearner learner(std::move(wire), patient());
    RemoteWorker stays(zeromq_worker_wire({bound, std::nullopt, ""}), test_worker_options());
    ASSERT_EQ(stays.connect(Deadline::after(10)).kind, ConnectKind::kConnected);
    auto dies = zeromq_worker_wire({bound, std::nullopt, ""});
    const Hello hello{kProtocolRevision,
                      test_identity().build,
                      test_identity().config_digest,
                      test_identity().run_token,
                      "dies",
                      7};
    ASSERT_TRUE(comes_within(10, [&] {  // until it is connected
      return dies->send("", write_packet({PacketKind::kHello, 5, 0, 0, write_hello(hello)}, {}));
    }));
    ASSERT_TRUE(comes_within(10, [&] { return learner.workers().size() == 2; }));
    stays.reconnect();  // its connection is closed too, and it comes back
    dies.reset();
    EXPECT_TRUE(comes_within(10, [&] { return learner.workers().size() == 1; })) << endpoint;
    ASSERT_EQ(learner.workers().size(), 1u);
    EXPECT_EQ(learner.workers()[0].name, "worker 1");
    std::this_thread::sleep_for(std::chrono::seconds(4));
    EXPECT_EQ(learner.workers().size(), 1u) << "who came back is not lost";
    EXPECT_EQ(learner.counts().lost, 1u);
  }
}

}  // namespace
}  // namespace retort::tests
