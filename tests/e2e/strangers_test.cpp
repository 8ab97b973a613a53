// Strangers at the learner's port, and workers at a stranger's: the run goes on with the bytes of
// the quiet one, memory and log stay small, and who is wrong is told in one line.
#include "base/channel/packet.h"
#include "base/channel/protocol.h"
#include "base/channel/remote.h"
#include "base/philox.h"
#include "tests/e2e/worker_faults.h"

#include <arpa/inet.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace retort {
namespace {

using testing::comes_true;
using testing::file_text;
using testing::ProgramResult;
using testing::run_retort;
using testing::Started;
namespace fs = std::filesystem;

constexpr uint64_t kGiB = uint64_t{1} << 30;

uint16_t port_of(const std::string& endpoint) {
  return static_cast<uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
}

sockaddr_in address_of(const std::string& host, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  return address;
}

// A connection from an address of its own within loopback, so that the log tells them apart.
class Stranger {
 public:
  Stranger(const std::string& from, uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const sockaddr_in own = address_of(from, 0), there = address_of("127.0.0.1", port);
    const timeval patience = {2, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    connected_ = ::bind(socket_, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0 &&
                 ::connect(socket_, reinterpret_cast<const sockaddr*>(&there), sizeof there) == 0;
  }
  ~Stranger() { ::close(socket_); }
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;

  bool connected() const { return connected_; }
  // False: the other side has closed.
  bool say(const std::string& bytes) const {
    return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  // ZMTP 3.0, mechanism NULL, as a DEALER; until the other side's READY is here, before which a
  // frame would be a breach of the handshake.
  bool shake_hands() const {
    std::string greeting("\xff\0\0\0\0\0\0\0\0\x7f\x03\0NULL", 16);
    greeting.resize(64, '\0');
    const std::string body =
        std::string("\x05READY\x0bSocket-Type", 18) + std::string("\0\0\0\x06", 4) + "DEALER";
    if (!say(greeting + '\x04' + static_cast<char>(body.size()) + body)) return false;
    const std::string head = hear(64 + 2);
    return head.size() == 66 && hear(static_cast<uint8_t>(head[65])).size() > 0;
  }
  // So many bytes, or what came of them within two seconds.
  std::string hear(size_t count) const {
    std::string bytes(count, '\0');
    const ssize_t got = ::recv(socket_, bytes.data(), count, MSG_WAITALL);
    bytes.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
    return bytes;
  }
  bool say_frame(const std::string& bytes, bool more = false) const {
    return say(long_head(bytes.size(), more) + bytes);
  }
  static std::string long_head(uint64_t size, bool more = false) {
    std::string head(1, more ? '\x03' : '\x02');
    for (int shift = 56; shift >= 0; shift -= 8) head += static_cast<char>(size >> shift);
    return head;
  }

 private:
  int socket_;
  bool connected_ = false;
};

std::string random_bytes(uint32_t draw, size_t count) {
  PhiloxStream stream({11, Purpose::kFaultInjection, 0}, draw, 0, 0);
  std::string bytes;
  while (bytes.size() < count) bytes += static_cast<char>(stream.range(0, 255));
  return bytes;
}

std::string hello_packet(const std::string& token) {
  const std::vector<uint8_t> hello =
      write_hello({kProtocolRevision, "retort", "0", token, "a stranger", 1});
  const WireMessage message = write_packet({PacketKind::kHello, 5, 0, 0, hello}, {});
  return {message.head.begin(), message.head.end()};
}

// One of everything.
void disturb(uint16_t port, std::vector<std::unique_ptr<Stranger>>& left_open) {
  for (uint32_t i = 0; i < 20; ++i) Stranger("127.0.1.1", port).say(random_bytes(i, 500));
  Stranger("127.0.1.2", port).say("GET / HTTP/1.1\r\nHost: learner\r\n\r\n");
  // Who closes with something unread takes back what it said: these stay.
  auto frames = std::make_unique<Stranger>("127.0.1.3", port);
  frames->shake_hands();
  for (uint32_t i = 0; i < 300 && frames->say_frame(random_bytes(i, i * i % 5000)); ++i) {
  }
  for (uint32_t i = 0; i < 100; ++i) frames->say_frame(random_bytes(i, 10), i % 10 != 9);
  left_open.push_back(std::move(frames));
  const Stranger beyond("127.0.1.4", port);
  beyond.shake_hands();
  beyond.say(Stranger::long_head(uint64_t{1} << 62));
  auto announces = std::make_unique<Stranger>("127.0.1.5", port);
  announces->shake_hands();
  announces->say(Stranger::long_head(kGiB) + random_bytes(1, 100));
  left_open.push_back(std::move(announces));
  const std::string hello = hello_packet("guessed");
  auto half = std::make_unique<Stranger>("127.0.1.6", port);
  half->shake_hands();
  half->say_frame(hello.substr(0, hello.size() / 2));
  half->say(Stranger::long_head(hello.size()) + hello.substr(0, hello.size() / 2));
  left_open.push_back(std::move(half));
  auto guesses = std::make_unique<Stranger>("127.0.1.7", port);
  guesses->shake_hands();
  for (int i = 0; i < 50; ++i) guesses->say_frame(hello);
  left_open.push_back(std::move(guesses));
}

int64_t memory_kb(int process, const std::string& what) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(what + ":")) return std::atoll(line.c_str() + what.size() + 1);
  return -1;
}

size_t lines_with(const std::string& text, const std::string& what) {
  std::istringstream lines(text);
  size_t count = 0;
  for (std::string line; std::getline(lines, line);)
    count += line.find(what) != std::string::npos ? 1 : 0;
  return count;
}

class Strangers : public testing::WorkerFaultsTest {};

TEST_F(Strangers, AtTheLearnersPortDisturbNobody) {
  const std::string run = path("disturbed");
  Started learner(learn(run, "tcp://127.0.0.1:*"));
  const std::string endpoint = endpoint_of(run, learner);
  const uint16_t port = port_of(endpoint);
  std::vector<std::unique_ptr<Stranger>> left_open;
  disturb(port, left_open);
  for (int i = 0; i < 200; ++i) left_open.push_back(std::make_unique<Stranger>("127.0.1.8", port));
  EXPECT_TRUE(std::all_of(left_open.begin(), left_open.end(),
                          [](const auto& stranger) { return stranger->connected(); }));
  const int64_t before_kb = memory_kb(learner.id(), "VmRSS");
  ASSERT_GT(before_kb, 0);

  // The same again and again, while two workers make the run.
  std::atomic<bool> over = false;
  std::atomic<int> rounds = 0;
  std::thread disturber([&] {
    for (; !over; ++rounds) {
      std::vector<std::unique_ptr<Stranger>> briefly;
      disturb(port, briefly);
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  });
  EXPECT_TRUE(comes_true(120, [&] { return rounds >= 10; }));
  EXPECT_TRUE(comes_true(120, [&] {  // the learner reads in its own time
    const std::string log = file_text(run + "/log.txt");
    return log.find("127.0.1.3 sent") != std::string::npos &&
           log.find("127.0.1.6 sent") != std::string::npos &&
           log.find("from 127.0.1.7") != std::string::npos;
  }));
  EXPECT_LT(memory_kb(learner.id(), "VmRSS") - before_kb, 32 << 10);
  Started first(rollout(run, endpoint)), second(rollout(run, endpoint));
  const ProgramResult result = learner.end();
  over = true;
  disturber.join();
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(first.end(60).code, 0) << first.said();
  EXPECT_EQ(second.end(60).code, 0) << second.said();
  expect_the_quiet_bytes(run);

  const std::string log = file_text(run + "/log.txt");
  for (const std::string from : {"127.0.1.3", "127.0.1.6"})
    EXPECT_EQ(lines_with(log, from + " sent bytes that are no message of a worker"), 1u) << log;
  EXPECT_EQ(lines_with(log, "refused a stranger from 127.0.1.7: "), 1u) << log;
  for (const std::string from : {"127.0.1.1", "127.0.1.2"})
    EXPECT_GE(lines_with(log, "a connection from " + from + " "), 1u) << log;
  EXPECT_LE(lines_with(log, " warning: "), 20u) << log;
}

// A thousand that say nothing, at a learner that may have 256 open files.
TEST_F(Strangers, AThousandTakeNeitherDescriptorsNorTheWorkersPlace) {
  const std::string run = path("crowd");
  Started learner(learn(run, "tcp://127.0.0.1:*", "--silence-s 60"), "prlimit --nofile=256:256");
  const std::string endpoint = endpoint_of(run, learner);
  std::vector<std::unique_ptr<Stranger>> silent;
  for (int i = 0; i < 1000 && learner.running(); ++i)
    silent.push_back(std::make_unique<Stranger>("127.0.1.9", port_of(endpoint)));
  const auto descriptors = [&] {
    return std::distance(fs::directory_iterator("/proc/" + std::to_string(learner.id()) + "/fd"),
                         fs::directory_iterator());
  };
  EXPECT_LE(descriptors(), 192);
  // Others come in at once, and make the run.
  Started first(rollout(run, endpoint, "--patience-s 5")), second(rollout(run, endpoint));
  const ProgramResult result = learner.end();
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(first.end(60).code, 0) << first.said();
  EXPECT_EQ(second.end(60).code, 0) << second.said();
  const std::string log = file_text(run + "/log.txt");
  EXPECT_EQ(lines_with(log, "a connection from 127.0.1.9 was refused: it has 96 connections open"),
            1u)
      << log;
  expect_the_quiet_bytes(run);
}

TEST_F(Strangers, APortInUseIsTold) {
  const std::string run = path("first");
  Started learner(learn(run, "tcp://127.0.0.1:*"));
  const std::string endpoint = endpoint_of(run, learner);
  const ProgramResult second = run_retort(learn(path("second"), endpoint));
  EXPECT_EQ(second.code, 2);
  EXPECT_EQ(second.err, "retort: " + endpoint +
                            ": is in use; end the process that listens there, or give another\n");
  EXPECT_FALSE(fs::exists(path("second")));
  learner.signal(SIGINT);
  EXPECT_EQ(learner.end(60).code, 130) << learner.said();
}

// A port where nobody listens, one whose owner speaks something else, one whose owner is silent.
TEST_F(Strangers, AWorkerAtAnothersPortIsTold) {
  fs::create_directory(path("nobody"));
  testing::write_text(path("nobody") + "/token", "a token\n");
  const int owner = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = address_of("127.0.0.1", 0);
  ASSERT_EQ(::bind(owner, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(owner, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string endpoint = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  const auto expect_told = [&](const std::string& why) {
    const ProgramResult worker = run_retort(rollout(path("nobody"), endpoint, "--patience-s 4"));
    EXPECT_EQ(worker.code, 2);
    EXPECT_EQ(worker.err, "retort: --connect " + endpoint +
                              ": no learner greeted this worker for 4 s: " + why +
                              "; see that `retort learn` listens there, then start this worker "
                              "again\n");
  };
  expect_told("nothing answers there");
  ASSERT_EQ(::listen(owner, 100), 0);
  expect_told("nothing answers there");
  std::thread speaker([&] {
    for (int peer = ::accept(owner, nullptr, nullptr); peer >= 0;
         peer = ::accept(owner, nullptr, nullptr)) {
      const std::string answer = "HTTP/1.1 400 Bad Request\r\n\r\n" + std::string(500, '.');
      ::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
      ::shutdown(peer, SHUT_RDWR);
      ::close(peer);
    }
  });
  expect_told("what comes from there is no learner's");
  ::shutdown(owner, SHUT_RDWR);
  speaker.join();
  ::close(owner);
}

}  // namespace
}  // namespace retort
