#include "base/channel/zeromq_accept.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

namespace retort {

// Guarded by the registry's mutex.
struct AcceptedPeers::Listener {
  // Of each descriptor, the oldest connection first: a number is used again before libzmq's word of
  // the connection before it has been read.
  std::map<int, std::deque<std::string>> addresses;
  std::map<std::string, int> open;  // connections of each address
  int connections = 0;              // of all
  std::deque<Refused> refused;      // not told yet
};

namespace {

constexpr size_t kMostUntold = 16;

struct Registry {
  std::mutex mutex;
  std::map<int, std::shared_ptr<AcceptedPeers::Listener>> listeners;  // by descriptor
};
Registry& registry() {
  static auto* const all = new Registry;  // libzmq's threads may outlive static objects
  return *all;
}

// "192.0.2.7", "fe80::1", "process 17 of user 1000".
std::string address_of(int connection) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  if (::getpeername(connection, plain, &size) != 0) return "";
  if (address.ss_family == AF_UNIX) {
    ucred peer{};
    size = sizeof peer;
    if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return "";
    return fmt::format("process {} of user {}", peer.pid, peer.uid);
  }
  char host[NI_MAXHOST] = "";
  if (::getnameinfo(plain, size, host, sizeof host, nullptr, 0, NI_NUMERICHOST) != 0) return "";
  const std::string text = host;
  constexpr std::string_view kMapped = "::ffff:";  // IPv4 at a socket of IPv6
  return text.starts_with(kMapped) ? text.substr(kMapped.size()) : text;
}

// Descriptors that connections may have.
int64_t descriptors_for_connections() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return AcceptedPeers::kMostConnections;
  return std::max<int64_t>(static_cast<int64_t>(limit.rlim_cur) - AcceptedPeers::kKeptDescriptors,
                           1);
}

// Why the connection is one too many; "" when it is not.
std::string why_too_many(const AcceptedPeers::Listener& listener, int connection,
                         const std::string& address) {
  const int64_t most = descriptors_for_connections();
  const int64_t half =
      std::max<int64_t>(std::min<int64_t>(most, AcceptedPeers::kMostConnections) / 2, 1);
  const auto open = listener.open.find(address);
  if (open != listener.open.end() && open->second >= half)
    return fmt::format("it has {} connections open", open->second);
  // The kernel gives the lowest free number.
  if (connection >= most || listener.connections >= AcceptedPeers::kMostConnections)
    return fmt::format("there are {} connections, and the limit of open files (ulimit -n) is near",
                       listener.connections);
  return "";
}

// Whether the connection stays.
bool take(AcceptedPeers::Listener& listener, int connection) {
  std::string address = address_of(connection);
  const std::string why = why_too_many(listener, connection, address);
  if (!why.empty()) {
    if (listener.refused.size() < kMostUntold) listener.refused.push_back({address, why});
    return false;
  }
  ++listener.open[address];
  ++listener.connections;
  listener.addresses[connection].push_back(std::move(address));
  return true;
}

// Errors of a connection that died before it was accepted (accept(2)), among them those at which
// libzmq would end the process.
int error_for_libzmq(int error) {
  for (const int known : {EAGAIN, EINTR, EPROTO, ENOBUFS, ENOMEM, EMFILE, ENFILE})
    if (error == known) return error;
  return ECONNABORTED;
}

}  // namespace

AcceptedPeers::AcceptedPeers() : listener_(std::make_shared<Listener>()) {}

AcceptedPeers::~AcceptedPeers() {
  const std::lock_guard lock(registry().mutex);
  const auto found = registry().listeners.find(descriptor_);
  if (found != registry().listeners.end() && found->second == listener_)
    registry().listeners.erase(found);
}

void AcceptedPeers::register_listener(const std::function<int()>& listen) {
  const std::lock_guard lock(registry().mutex);  // accept4() waits for it
  descriptor_ = listen();
  if (descriptor_ >= 0) registry().listeners[descriptor_] = listener_;
}

std::string AcceptedPeers::closed(int descriptor) {
  const std::lock_guard lock(registry().mutex);
  const auto found = listener_->addresses.find(descriptor);
  if (found == listener_->addresses.end()) return "";
  std::string address = std::move(found->second.front());
  found->second.pop_front();
  if (found->second.empty()) listener_->addresses.erase(found);
  --listener_->connections;
  if (--listener_->open[address] == 0) listener_->open.erase(address);
  return address;
}

std::optional<AcceptedPeers::Refused> AcceptedPeers::next_refused() {
  const std::lock_guard lock(registry().mutex);
  if (listener_->refused.empty()) return std::nullopt;
  Refused refused = std::move(listener_->refused.front());
  listener_->refused.pop_front();
  return refused;
}

}  // namespace retort

// In place of the C library's: a program's own definition is the one that libraries call.
// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name)
extern "C" __attribute__((visibility("default"))) int accept4(int listening, sockaddr* address,
                                                              socklen_t* size, int flags) {
  const auto connection = static_cast<int>(::syscall(SYS_accept4, listening, address, size, flags));
  const int error = errno;
  const std::lock_guard lock(retort::registry().mutex);
  const auto found = retort::registry().listeners.find(listening);
  if (found == retort::registry().listeners.end()) {
    errno = error;
    return connection;
  }
  if (connection >= 0 && retort::take(*found->second, connection)) return connection;
  if (connection >= 0) ::close(connection);
  errno = connection >= 0 ? ECONNABORTED : retort::error_for_libzmq(error);
  return -1;
}
