#pragma once
// One end of a wire: messages of bytes to and from peers, without waiting. A wire may lose, double,
// reorder or damage what it carries and may break and come back; base/channel/link.h mends that.
// Wires: zeromq.h, file_wire.h, memory_wire.h, and faulty_wire.h, which breaks another one on
// purpose.
//
// A learner's end has many peers, a worker's end has one: the learner, whose name is "".
#include "base/wait.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace retort {

// Bytes with whoever keeps them alive; copies share them.
struct SharedBytes {
  std::shared_ptr<const void> owner;
  std::span<const uint8_t> bytes;

  static SharedBytes of(std::vector<uint8_t> bytes);
  bool empty() const { return bytes.empty(); }
};

// A message is a small head and, for large contents, a body that no wire copies without need.
struct WireMessage {
  std::vector<uint8_t> head;
  SharedBytes body;
};

struct WireArrival {
  std::string peer;  // where an answer goes; a peer that connects again may come by another name
  std::string from;  // the peer for a reader: an address, a file
  SharedBytes head;
  SharedBytes body;
};

class Wire {
 public:
  virtual ~Wire() = default;

  // Hands the message to the wire. False: there is no such peer or no room now; the message is
  // gone. The thread that receives.
  virtual bool send(const std::string& peer, const WireMessage& message) = 0;
  // The next message that is here. One thread.
  virtual std::optional<WireArrival> receive() = 0;
  // Rests until receive() has something, wake() or the deadline. The thread that receives.
  virtual void rest(Deadline deadline) = 0;
  // Ends a present or the next rest(). Any thread.
  virtual void wake() = 0;

  // Gives the connection up and makes it anew; what is on the way is lost. The thread that
  // receives.
  virtual void reset() = 0;

  // Peers whose connection was closed since the last call; what they said before may still come.
  // A wire without connections knows of none. The thread that receives.
  virtual std::vector<std::string> departed() { return {}; }

  // For a reader: "tcp://127.0.0.1:5555".
  virtual std::string name() const = 0;
  // Why nothing comes from the other side, as far as is known, or "". Any thread.
  virtual std::string trouble() const { return ""; }
  // How long an answer takes at least, in seconds: what is not acknowledged by then may be lost.
  virtual double resend_after_s() const { return 0.25; }
};

}  // namespace retort
