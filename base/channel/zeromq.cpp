#include "base/channel/zeromq.h"

#include "base/channel/zeromq_accept.h"
#include "base/channel/zeromq_socket.h"
#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "base/wait_zeromq.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace retort {
namespace {

constexpr std::string_view kIpc = "ipc://";
constexpr const char* kForms = "write tcp://HOST:PORT or ipc:///PATH";
constexpr int kReceiveQueue = 4096;  // messages of one peer that wait to be read
constexpr int64_t kLargestMessage = (int64_t{1} << 30) + (int64_t{1} << 20);  // a record, a head
constexpr size_t kMostLogged = 100;  // lines about strangers
constexpr int kMostLoggedOfOne = 3;  // of one address
constexpr int kHandshakeMs = 10000;  // then a connection that says nothing is closed
constexpr int kBacklog = 1024;       // connections not accepted yet: a crowd delays nobody
constexpr int kReconnectMs = 50, kLongestReconnectMs = 1000;

std::span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

void set_common(ZeromqSocket& socket, const std::string& endpoint) {
  socket.set(ZMQ_SNDHWM, 0);  // links bound what is on the way
  socket.set(ZMQ_RCVHWM, kReceiveQueue);
  socket.set(ZMQ_MAXMSGSIZE, kLargestMessage);
  socket.set(ZMQ_TCP_KEEPALIVE, 1);
  if (endpoint.find('[') != std::string::npos) socket.set(ZMQ_IPV6, 1);
}

// Whether a process listens at ipc://PATH: ZeroMQ would take the path over without a word.
bool is_in_use(const std::string& endpoint) {
  sockaddr_un address{};
  if (!endpoint.starts_with(kIpc)) return false;
  const std::string path = endpoint.substr(kIpc.size());
  if (path.size() >= sizeof address.sun_path) return false;
  address.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), address.sun_path);
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool answered = probe >= 0 && ::connect(probe, reinterpret_cast<const sockaddr*>(&address),
                                                sizeof address) == 0;
  if (probe >= 0) ::close(probe);
  return answered;
}

class RouterWire final : public Wire {
 public:
  explicit RouterWire(const ZeromqLearnerOptions& options)
      : socket_(context_, ZMQ_ROUTER),
        monitor_(context_, socket_),
        gate_(context_, options.keys ? std::optional(options.worker_keys) : std::nullopt) {
    set_common(socket_, options.endpoint);
    socket_.set(ZMQ_ROUTER_MANDATORY, 1);
    socket_.set(ZMQ_HANDSHAKE_IVL, kHandshakeMs);
    socket_.set(ZMQ_BACKLOG, kBacklog);
    socket_.set(ZMQ_ZAP_DOMAIN, std::string("retort"));
    if (options.keys) {
      socket_.set(ZMQ_CURVE_SERVER, 1);
      socket_.set(ZMQ_CURVE_SECRETKEY, options.keys->secret_key);
    }
    const bool in_use = is_in_use(options.endpoint);
    int reason = in_use ? EADDRINUSE : 0;
    if (!in_use) accepted_.register_listener([&] { return listen(options.endpoint, &reason); });
    if (reason != 0) {
      throw UserError(one_line(options.endpoint),
                      reason == EADDRINUSE ? "is in use"
                                           : std::string("cannot be had: ") + zmq_strerror(reason),
                      reason == EADDRINUSE ? "end the process that listens there, or give another"
                                           : "give an address of this machine, or a path");
    }
    char endpoint[1024];
    size_t size = sizeof endpoint;
    RT_ZMQ(zmq_getsockopt(socket_.handle(), ZMQ_LAST_ENDPOINT, endpoint, &size));
    name_ = endpoint;
  }

  bool send(const std::string& peer, const WireMessage& message) override {
    return socket_.send({bytes_of(peer), message.head}, message.body);
  }
  std::optional<WireArrival> receive() override {
    look_at_connections();
    WireArrival arrival;
    ZeromqSocket::Sender sender;
    std::vector<SharedBytes> frames = socket_.receive(&sender);
    if (frames.empty()) return std::nullopt;
    arrival.from = std::move(sender.address);
    arrival.peer.assign(reinterpret_cast<const char*>(frames[0].bytes.data()),
                        frames[0].bytes.size());
    if (sender.descriptor >= 0 && peers_[sender.descriptor] != arrival.peer) {
      look_at_connections();  // the end of who had this descriptor before has been said by now
      peers_[sender.descriptor] = arrival.peer;
    }
    // A number of frames that no worker sends stays without a head: it is no packet.
    if (frames.size() == 2 || frames.size() == 3) arrival.head = std::move(frames[1]);
    if (frames.size() == 3) arrival.body = std::move(frames[2]);
    return arrival;
  }
  void rest(Deadline deadline) override {
    zmq_pollitem_t items[] = {{socket_.handle(), 0, ZMQ_POLLIN, 0},
                              {nullptr, wake_.descriptor(), ZMQ_POLLIN, 0},
                              {monitor_.handle(), 0, ZMQ_POLLIN, 0},
                              {gate_.handle(), 0, ZMQ_POLLIN, 0}};
    rest_zmq_poll(items, deadline);
    wake_.lower();
  }
  void wake() override { wake_.raise(); }
  void reset() override {}  // peers come back by themselves
  std::vector<std::string> departed() override { return std::exchange(departed_, {}); }
  std::string name() const override { return name_; }

 private:
  // The descriptor that listens, or -1 and `*reason`.
  int listen(const std::string& endpoint, int* reason) {
    if (zmq_bind(socket_.handle(), endpoint.c_str()) != 0) {
      *reason = zmq_errno();
      return -1;
    }
    const std::optional<ConnectionNews> news = monitor_.next();
    const bool told = news && news->kind == ConnectionNews::Kind::kListening;
    return told ? news->descriptor : -1;
  }

  void look_at_connections() {
    std::string refused;
    while (gate_.answer(&refused))
      if (!refused.empty())
        report(refused.substr(0, refused.find(' ')),
               "refused " + one_line(refused) + ": it is not in the list of keys");
    for (auto news = monitor_.next(); news; news = monitor_.next()) {
      if (news->kind == ConnectionNews::Kind::kFailed) failure_ = std::move(news->why);
      if (news->kind == ConnectionNews::Kind::kKeyRefused) failure_ = "";  // the gate has told it
      if (news->kind == ConnectionNews::Kind::kClosed) look_at_closed(news->descriptor);
    }
    for (auto crowd = accepted_.next_refused(); crowd; crowd = accepted_.next_refused())
      if (crowds_.size() < kMostLogged && crowds_.insert(crowd->address).second)
        report_connection(crowd->address, crowd->why);
  }

  void look_at_closed(int descriptor) {
    const std::string from = accepted_.closed(descriptor);
    const std::optional<std::string> failure = std::exchange(failure_, std::nullopt);
    const auto peer = peers_.find(descriptor);
    if (peer != peers_.end()) {
      departed_.push_back(std::move(peer->second));
      peers_.erase(peer);
    } else if (!failure) {
      // What libzmq drops without a word: a protocol older than its keys, say.
      report(from, "a connection from " + (from.empty() ? "somewhere" : from) +
                       " ended without a greeting");
    }
    if (failure && !failure->empty()) report_connection(from, *failure);
  }

  void report_connection(const std::string& from, const std::string& why) {
    report(from, "a connection" + (from.empty() ? "" : " from " + from) + " was refused: " + why);
  }

  // Each once: who is refused comes again and again. Who comes by ever new keys has few lines.
  void report(const std::string& from, const std::string& what) {
    if (reported_.size() > kMostLogged || reported_.contains(what)) return;
    if (lines_of_[from] >= kMostLoggedOfOne) return;
    if (reported_.size() == kMostLogged) {
      reported_.insert("");
      log::warn(name_ + ": more strangers were refused; they are not told one by one");
      return;
    }
    ++lines_of_[from];
    reported_.insert(what);
    log::warn(name_ + ": " + what);
  }

  AcceptedPeers accepted_;  // outlives the context
  ZeromqContext context_;
  WakeSignal wake_;
  ZeromqSocket socket_;
  ConnectionMonitor monitor_;
  KeyGate gate_;
  std::string name_;
  std::optional<std::string> failure_;   // of the connection that is closed next; "": told
  std::map<int, std::string> peers_;     // who spoke last over a descriptor
  std::vector<std::string> departed_;    // not handed out yet
  std::set<std::string> reported_;       // lines
  std::map<std::string, int> lines_of_;  // of each address
  std::set<std::string> crowds_;         // addresses that had too many connections
};

class DealerWire final : public Wire {
 public:
  explicit DealerWire(const ZeromqWorkerOptions& options) : options_(options) { open(); }

  bool send(const std::string& /*peer*/, const WireMessage& message) override {
    return socket_->send({message.head}, message.body);
  }
  std::optional<WireArrival> receive() override {
    for (auto news = monitor_->next(); news; news = monitor_->next()) {
      if (news->why.empty()) continue;
      const std::lock_guard lock(mutex_);
      trouble_ = std::move(news->why);
    }
    std::vector<SharedBytes> frames = socket_->receive(nullptr);
    if (frames.empty()) return std::nullopt;
    WireArrival arrival;
    arrival.from = options_.endpoint;
    if (frames.size() <= 2) arrival.head = std::move(frames[0]);
    if (frames.size() == 2) arrival.body = std::move(frames[1]);
    return arrival;
  }
  void rest(Deadline deadline) override {
    zmq_pollitem_t items[] = {{socket_->handle(), 0, ZMQ_POLLIN, 0},
                              {nullptr, wake_.descriptor(), ZMQ_POLLIN, 0},
                              {monitor_->handle(), 0, ZMQ_POLLIN, 0}};
    rest_zmq_poll(items, deadline);
    wake_.lower();
  }
  void wake() override { wake_.raise(); }
  void reset() override {
    monitor_.reset();
    socket_.reset();
    context_.reset();
    open();
  }
  std::string name() const override { return options_.endpoint; }
  std::string trouble() const override {
    const std::lock_guard lock(mutex_);
    return trouble_;
  }

 private:
  void open() {
    context_.emplace();
    socket_.emplace(*context_, ZMQ_DEALER);
    monitor_.emplace(*context_, *socket_);
    set_common(*socket_, options_.endpoint);
    socket_->set(ZMQ_IMMEDIATE, 1);  // nothing is queued for a learner that is not there
    socket_->set(ZMQ_RECONNECT_IVL, kReconnectMs);
    socket_->set(ZMQ_RECONNECT_IVL_MAX, kLongestReconnectMs);
    if (options_.keys) {
      socket_->set(ZMQ_CURVE_PUBLICKEY, options_.keys->public_key);
      socket_->set(ZMQ_CURVE_SECRETKEY, options_.keys->secret_key);
      socket_->set(ZMQ_CURVE_SERVERKEY, options_.learner_key);
    }
    if (zmq_connect(socket_->handle(), options_.endpoint.c_str()) != 0)
      throw UserError(one_line(options_.endpoint),
                      std::string("cannot be connected to: ") + zmq_strerror(zmq_errno()), kForms);
  }

  const ZeromqWorkerOptions options_;
  WakeSignal wake_;
  std::optional<ZeromqContext> context_;
  std::optional<ZeromqSocket> socket_;
  std::optional<ConnectionMonitor> monitor_;

  mutable std::mutex mutex_;
  std::string trouble_;  // guarded by mutex_
};

// HOST of tcp://HOST:PORT.
std::string tcp_host(const std::string& endpoint) {
  const std::string rest = endpoint.substr(6);
  const size_t colon = rest.rfind(':');
  if (colon == std::string::npos || colon == 0)
    throw UserError(one_line(endpoint), "is no endpoint", kForms);
  const std::string port = rest.substr(colon + 1);
  const bool number =
      !port.empty() && port.size() <= 5 &&
      std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
      std::stoi(port) <= 65535;
  if (port != "*" && !number)
    throw UserError(one_line(endpoint), "has no port", "end it with a number from 1 to 65535");
  return rest.substr(0, colon);
}

void need_keys(const std::string& endpoint, bool has_keys, const std::string& missing) {
  if (is_loopback(endpoint) || has_keys) return;
  throw UserError(one_line(endpoint), "is reached from other machines, and there are no " + missing,
                  "make keys with `retort keys FILE`, or use tcp://127.0.0.1:PORT");
}

void check_key(const std::string& endpoint, const std::string& key, const std::string& whose) {
  if (!is_curve_key(key))
    throw UserError(one_line(endpoint), whose + " is no CURVE key",
                    "give the 40 characters that `retort keys` printed");
}

}  // namespace

bool is_loopback(const std::string& endpoint) {
  if (endpoint.starts_with("ipc://") && endpoint.size() > 6) return true;
  if (!endpoint.starts_with("tcp://"))
    throw UserError(one_line(endpoint), "is no endpoint", kForms);
  const std::string host = tcp_host(endpoint);
  if (host == "localhost" || host == "[::1]") return true;
  in_addr address{};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

std::unique_ptr<Wire> zeromq_learner_wire(const ZeromqLearnerOptions& options) {
  need_keys(options.endpoint, options.keys && !options.worker_keys.empty(),
            options.keys ? "public keys of workers" : "keys of the learner");
  for (const std::string& key : options.worker_keys)
    check_key(options.endpoint, key, "a worker's public key");
  return std::make_unique<RouterWire>(options);
}

std::unique_ptr<Wire> zeromq_worker_wire(const ZeromqWorkerOptions& options) {
  need_keys(options.endpoint, options.keys && !options.learner_key.empty(),
            options.keys ? "public key of the learner" : "keys of the worker");
  if (options.keys) check_key(options.endpoint, options.learner_key, "the learner's public key");
  return std::make_unique<DealerWire>(options);
}

}  // namespace retort
