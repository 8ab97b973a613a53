#include "base/channel/zeromq_socket.h"

#include "base/check.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace retort {
namespace {

constexpr int kLingerMs = 100;  // for last words to leave when a socket is closed
constexpr const char* kMonitorAddress = "inproc://connections";
constexpr const char* kGateAddress = "inproc://zeromq.zap.01";

std::string text_of(const SharedBytes& frame) {
  return {reinterpret_cast<const char*>(frame.bytes.data()), frame.bytes.size()};
}
std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

void release(void* /*data*/, void* owner) { delete static_cast<SharedBytes*>(owner); }

struct Frame {
  Frame() { zmq_msg_init(&message); }
  ~Frame() { zmq_msg_close(&message); }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
  zmq_msg_t message;
};

}  // namespace

ZeromqContext::ZeromqContext() : handle_(zmq_ctx_new()) {
  RT_CHECK(handle_ != nullptr) << "libzmq: " << zmq_strerror(zmq_errno());
}
ZeromqContext::~ZeromqContext() {
  while (zmq_ctx_term(handle_) != 0 && zmq_errno() == EINTR) {
  }
}

ZeromqSocket::ZeromqSocket(const ZeromqContext& context, int type)
    : handle_(zmq_socket(context.handle(), type)) {
  RT_CHECK(handle_ != nullptr) << "libzmq: " << zmq_strerror(zmq_errno());
  set(ZMQ_LINGER, kLingerMs);
}
ZeromqSocket::~ZeromqSocket() { zmq_close(handle_); }

void ZeromqSocket::set(int option, int value) {
  RT_ZMQ(zmq_setsockopt(handle_, option, &value, sizeof value));
}
void ZeromqSocket::set(int option, int64_t value) {
  RT_ZMQ(zmq_setsockopt(handle_, option, &value, sizeof value));
}
void ZeromqSocket::set(int option, const std::string& value) {
  RT_ZMQ(zmq_setsockopt(handle_, option, value.data(), value.size()));
}

bool ZeromqSocket::send(const std::vector<std::span<const uint8_t>>& copied,
                        const SharedBytes& shared) {
  for (size_t i = 0; i < copied.size(); ++i) {
    const bool more = i + 1 < copied.size() || !shared.empty();
    const int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
    // libzmq takes or refuses a message with its first frame.
    if (zmq_send(handle_, copied[i].data(), copied[i].size(), flags) < 0) return false;
  }
  if (shared.empty()) return true;
  zmq_msg_t message;
  // libzmq only reads what it is given.
  RT_ZMQ(zmq_msg_init_data(&message, const_cast<uint8_t*>(shared.bytes.data()), shared.bytes.size(),
                           release, new SharedBytes(shared)));
  if (zmq_msg_send(&message, handle_, ZMQ_DONTWAIT) >= 0) return true;
  zmq_msg_close(&message);
  return false;
}

std::vector<SharedBytes> ZeromqSocket::receive(Sender* sender) {
  std::vector<SharedBytes> frames;
  while (true) {
    auto frame = std::make_shared<Frame>();
    if (zmq_msg_recv(&frame->message, handle_, ZMQ_DONTWAIT) < 0) return {};
    if (sender != nullptr && !frames.empty()) {  // the name of a peer carries none
      const char* known = zmq_msg_gets(&frame->message, "Peer-Address");
      sender->address = known != nullptr ? known : "";
      sender->descriptor = zmq_msg_get(&frame->message, ZMQ_SRCFD);
    }
    const auto* data = static_cast<const uint8_t*>(zmq_msg_data(&frame->message));
    const std::span<const uint8_t> bytes(data, zmq_msg_size(&frame->message));
    const bool more = zmq_msg_more(&frame->message) != 0;
    frames.push_back({std::move(frame), bytes});
    if (!more) return frames;
  }
}

WakeSignal::WakeSignal() : descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  RT_CHECK_GE(descriptor_, 0) << "eventfd: " << std::strerror(errno);
}
WakeSignal::~WakeSignal() { ::close(descriptor_); }
void WakeSignal::raise() {
  const uint64_t one = 1;
  // EAGAIN: the counter is at its end, so it is readable.
  if (::write(descriptor_, &one, sizeof one) < 0) RT_CHECK_EQ(errno, EAGAIN) << "eventfd";
}
void WakeSignal::lower() {
  uint64_t count = 0;
  if (::read(descriptor_, &count, sizeof count) < 0) RT_CHECK_EQ(errno, EAGAIN) << "eventfd";
}

ConnectionMonitor::ConnectionMonitor(const ZeromqContext& context, const ZeromqSocket& watched)
    : socket_(context, ZMQ_PAIR) {
  constexpr int kEvents = ZMQ_EVENT_LISTENING | ZMQ_EVENT_DISCONNECTED |
                          ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                          ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
  RT_ZMQ(zmq_socket_monitor(watched.handle(), kMonitorAddress, kEvents));
  RT_ZMQ(zmq_connect(socket_.handle(), kMonitorAddress));
}

std::optional<ConnectionNews> ConnectionMonitor::next() {
  using Kind = ConnectionNews::Kind;
  // u16 event, u32 value; then a frame with the endpoint.
  uint16_t event = 0;
  uint32_t value = 0;
  const auto frames = socket_.receive(nullptr);
  if (frames.empty() || frames[0].bytes.size() < sizeof event + sizeof value) return std::nullopt;
  std::memcpy(&event, frames[0].bytes.data(), sizeof event);
  std::memcpy(&value, frames[0].bytes.data() + sizeof event, sizeof value);
  switch (event) {
    case ZMQ_EVENT_LISTENING:
      return ConnectionNews{Kind::kListening, "", static_cast<int>(value)};
    case ZMQ_EVENT_DISCONNECTED:
      return ConnectionNews{Kind::kClosed, "", static_cast<int>(value)};
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      return ConnectionNews{Kind::kKeyRefused,
                            "the key was refused: it is not in the learner's list"};
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
      return ConnectionNews{
          Kind::kFailed,
          "the other side does not speak ZeroMQ's protocol, or has keys where this side has none"};
    default:
      return ConnectionNews{Kind::kFailed, "the connection broke within the handshake"};
  }
}

KeyGate::KeyGate(const ZeromqContext& context,
                 const std::optional<std::vector<std::string>>& public_keys)
    : socket_(context, ZMQ_REP), keys_(public_keys) {
  RT_ZMQ(zmq_bind(socket_.handle(), kGateAddress));
}

bool KeyGate::answer(std::string* refused) {
  refused->clear();
  const auto frames = socket_.receive(nullptr);
  if (frames.empty()) return false;
  // version, request, domain, address, identity, mechanism, key
  const std::string request = frames.size() > 1 ? text_of(frames[1]) : "";
  const std::string address = frames.size() > 3 ? text_of(frames[3]) : "";
  constexpr size_t kKeyBytes = 32;
  char key[41] = "";
  if (frames.size() == 7 && text_of(frames[5]) == "CURVE" && frames[6].bytes.size() == kKeyBytes)
    zmq_z85_encode(key, frames[6].bytes.data(), kKeyBytes);
  const bool known = !keys_ || std::find(keys_->begin(), keys_->end(), key) != keys_->end();
  if (!known) *refused = address + " with the key " + (key[0] != 0 ? key : "none");
  socket_.send({bytes_of("1.0"), bytes_of(request), bytes_of(known ? "200" : "400"),
                bytes_of(known ? "OK" : "unknown key"), bytes_of(""), bytes_of("")},
               {});
  return true;
}

}  // namespace retort
