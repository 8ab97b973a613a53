#pragma once
// A ZeroMQ socket with its context, and the frames that cross it: the thin part under the wires of
// zeromq.h. One thread, except wake().
#include "base/channel/curve_keys.h"
#include "base/channel/wire.h"

#include <zmq.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

// A call of libzmq that cannot fail but by a bug of ours.
#define RT_ZMQ(call) RT_CHECK_GE((call), 0) << "libzmq: " << zmq_strerror(zmq_errno())

namespace retort {

// Threads and queues of libzmq; one thread moves the bytes.
class ZeromqContext {
 public:
  ZeromqContext();
  ~ZeromqContext();
  ZeromqContext(const ZeromqContext&) = delete;
  ZeromqContext& operator=(const ZeromqContext&) = delete;
  void* handle() const { return handle_; }

 private:
  void* handle_;
};

class ZeromqSocket {
 public:
  ZeromqSocket(const ZeromqContext& context, int type);
  ~ZeromqSocket();
  ZeromqSocket(const ZeromqSocket&) = delete;
  ZeromqSocket& operator=(const ZeromqSocket&) = delete;

  void* handle() const { return handle_; }
  void set(int option, int value);
  void set(int option, int64_t value);
  void set(int option, const std::string& value);

  // All frames or none. False: no room, or no such peer.
  bool send(const std::vector<std::span<const uint8_t>>& copied, const SharedBytes& shared);
  // The frames of a message that is here; empty: none is. `*sender` as far as it is known.
  struct Sender {
    std::string address;
    int descriptor = -1;  // of its connection
  };
  std::vector<SharedBytes> receive(Sender* sender);

 private:
  void* handle_;
};

// Ends the rest of another thread: readable after raise(), until lower().
class WakeSignal {
 public:
  WakeSignal();
  ~WakeSignal();
  WakeSignal(const WakeSignal&) = delete;
  WakeSignal& operator=(const WakeSignal&) = delete;
  void raise();  // any thread
  void lower();
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

// What libzmq says of the connections of a socket.
struct ConnectionNews {
  enum class Kind {
    kListening,   // at `descriptor`
    kFailed,      // a handshake; the next kClosed is of the same connection
    kKeyRefused,  // as kFailed: by a KeyGate
    kClosed,      // the connection at `descriptor`, which libzmq closes behind its word
  };
  Kind kind = Kind::kFailed;
  std::string why;  // of a failure, in words
  int descriptor = -1;
};
class ConnectionMonitor {
 public:
  ConnectionMonitor(const ZeromqContext& context, const ZeromqSocket& watched);
  void* handle() const { return socket_.handle(); }
  std::optional<ConnectionNews> next();

 private:
  ZeromqSocket socket_;
};

// Decides who may come (the ZAP protocol, RFC 27): only the CURVE keys listed; without a list
// (nullopt) everybody who speaks today's protocol. That there is a gate keeps ZMTP 1 and 2 out,
// which libzmq does not bear at every moment: one such peer while a socket is closed ends the
// process.
class KeyGate {
 public:
  KeyGate(const ZeromqContext& context, const std::optional<std::vector<std::string>>& public_keys);
  void* handle() const { return socket_.handle(); }
  // Answers one question that is here; the refused peer's address and key in words, "" otherwise.
  // False: there was none.
  bool answer(std::string* refused);

 private:
  ZeromqSocket socket_;
  const std::optional<std::vector<std::string>> keys_;
};

}  // namespace retort
