#pragma once
// Who connects where libzmq listens, and how many may.
//
// libzmq closes a stranger's connection without saying whose it was, and accepts until the process
// has no descriptor left. It accepts by the C library's accept4(); zeromq_accept.cpp defines that
// function for the whole program. For a descriptor registered here it
//   - keeps the address of each connection until libzmq has said that it is closed,
//   - closes a connection at once that would be one too many: of the process's descriptors the last
//     kKeptDescriptors are the program's own, there are kMostConnections at most, and one address
//     has half of what there is at most, so that it shuts nobody else out,
//   - says "aborted" for the errors of a dying connection at which libzmq ends the process.
// For every other descriptor it is the C library's. Any thread.
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace retort {

class AcceptedPeers {
 public:
  static constexpr int kKeptDescriptors = 64;
  static constexpr int kMostConnections = 4096;

  AcceptedPeers();
  ~AcceptedPeers();  // once its socket's context is gone
  AcceptedPeers(const AcceptedPeers&) = delete;
  AcceptedPeers& operator=(const AcceptedPeers&) = delete;

  // `listen` begins to listen and returns the descriptor that does, -1 when it cannot. Nothing is
  // accepted there before it is registered.
  void register_listener(const std::function<int()>& listen);

  // libzmq has said that it closes this descriptor: whose it was, "" when that is not known. To be
  // called once for each, in the order in which libzmq says it.
  std::string closed(int descriptor);
  // A connection that was one too many since the last call; of many, some.
  struct Refused {
    std::string address, why;  // "192.0.2.7", "it has 480 connections open"
  };
  std::optional<Refused> next_refused();

  struct Listener;

 private:
  const std::shared_ptr<Listener> listener_;
  int descriptor_ = -1;
};

}  // namespace retort
