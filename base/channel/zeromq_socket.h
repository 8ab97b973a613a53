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
  // The frames of a message that is here; empty: none is. `*address` of the peer when it is known.
  std::vector<SharedBytes> receive(std::string* address);

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

// What libzmq says of handshakes that failed.
class HandshakeMonitor {
 public:
  HandshakeMonitor(const ZeromqContext& context, const ZeromqSocket& watched);
  void* handle() const { return socket_.handle(); }
  // The next failure, in words; "" when there is none.
  std::string next();

 private:
  ZeromqSocket socket_;
};

// Decides which CURVE keys may come (the ZAP protocol, RFC 27): only those listed.
class KeyGate {
 public:
  KeyGate(const ZeromqContext& context, const std::vector<std::string>& public_keys);
  void* handle() const { return socket_.handle(); }
  // Answers one question that is here; the refused peer's address and key in words, "" otherwise.
  // False: there was none.
  bool answer(std::string* refused);

 private:
  ZeromqSocket socket_;
  std::vector<std::string> keys_;
};

}  // namespace retort
