#pragma once
// A reliable, ordered stream of messages in both directions over a wire that may lose, double,
// reorder and damage. Small messages share a packet; a large one is its packet's body and is not
// copied. A packet carries the session, its number, the number up to which its sender has received,
// and an XXH3-64 digest of all; what does not fit is dropped, what is not acknowledged in time is
// sent again, what comes twice is dropped, what comes early waits.
//
// Pure: no thread, no socket, no clock of its own. One thread.
#include "base/channel/wire.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace retort {

using LinkClock = std::chrono::steady_clock;
using LinkTime = LinkClock::time_point;

enum class PacketKind : uint8_t {
  kHello = 1,    // worker to learner: a greeting; outside of a session
  kWelcome = 2,  // learner to worker: the session
  kRefused = 3,  // learner to worker: why not
  kUnknown = 4,  // learner to worker: no such session, say hello
  kStream = 5,   // messages of a session
};

// A packet as it came. Spans point into the arrival.
struct Packet {
  PacketKind kind = PacketKind::kStream;
  uint64_t session = 0;
  uint64_t number = 0;    // of a stream's packets from 1; 0 when it holds no messages
  uint64_t received = 0;  // the sender has all packets up to this one
  std::span<const uint8_t> content;
};
// nullopt: not a packet, of another revision, cut or damaged.
std::optional<Packet> read_packet(std::span<const uint8_t> head, std::span<const uint8_t> body);
WireMessage write_packet(const Packet& packet, const SharedBytes& body);

struct LinkTiming {
  double resend_s = 0.25;  // the shortest time after which a packet is sent again
  double heartbeat_s = 1;
  double silence_s = 15;
};

class Link {
 public:
  Link(uint64_t session, const LinkTiming& timing, LinkTime now);

  uint64_t session() const { return session_; }

  // Queues a message; flush() sends it.
  void push(uint8_t kind, SharedBytes body);
  // Hands `send` what is due: new packets within the window, packets again, an acknowledgement, a
  // heartbeat.
  void flush(LinkTime now, const std::function<void(const WireMessage&)>& send);
  // A packet of this session. `deliver` gets each message once, in the order they were pushed;
  // false from it: the message is none of the protocol. False: the packet was malformed.
  bool receive(const Packet& packet, const WireArrival& arrival, LinkTime now,
               const std::function<bool(uint8_t kind, const SharedBytes& body)>& deliver);

  LinkTime next_due() const;        // when flush() has something to do
  bool silent(LinkTime now) const;  // no packet came for silence_s
  double silent_s(LinkTime now) const;
  bool all_received() const;  // the peer has everything that was pushed
  uint64_t resent() const { return resent_; }

 private:
  struct Outgoing {
    std::vector<uint8_t> content;  // the messages
    SharedBytes body;
    LinkTime sent;
    bool again = false;
  };
  struct Incoming {
    SharedBytes head;
    SharedBytes body;
    std::span<const uint8_t> content;
  };

  const uint64_t session_;
  const LinkTiming timing_;

  std::deque<Outgoing> outgoing_;  // packets from first_ on; the first sent_ of them were sent
  uint64_t first_ = 1;
  size_t sent_ = 0;
  double resend_s_;
  std::map<uint64_t, Incoming> early_;
  uint64_t received_ = 0;
  bool owes_ack_ = false;
  LinkTime last_sent_;
  LinkTime last_heard_;
  uint64_t resent_ = 0;
};

}  // namespace retort
