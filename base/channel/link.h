#pragma once
// A reliable, ordered stream of messages in both directions over a wire that may lose, double,
// reorder and damage. Small messages share a packet; a large one is its packet's body and is not
// copied. A packet carries its session, its number, and the number up to which its sender has
// received; packet.h checks its digest. What is not acknowledged in time is sent again, what comes
// twice is dropped, what comes early waits for what is missing.
//
// Pure: no thread, no socket, no clock of its own. One thread.
#include "base/channel/packet.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace retort {

using LinkClock = std::chrono::steady_clock;
using LinkTime = LinkClock::time_point;

struct LinkTiming {
  double resend_s = 0.25;  // the shortest time after which a packet is sent again
  double heartbeat_s = 1;  // at most this long without a packet to the peer
  double silence_s = 15;   // after this long without a packet from the peer it is lost
};

// A thread that rests until it is due and comes back so much later was not heard of by its own
// fault: kUnheardSeconds beyond the longest rest.
inline constexpr double kUnheardSeconds = 1;
// "this process did not run for 20 s (stopped, or its machine was)"
std::string stopped_text(double unheard_s);

class Link {
 public:
  // Packets in flight at most, and bytes in flight that end the window before.
  static constexpr size_t kWindowPackets = 256;
  static constexpr size_t kWindowBytes = size_t{64} << 20;

  Link(uint64_t session, const LinkTiming& timing, LinkTime now);

  uint64_t session() const { return session_; }

  // Queues a message; flush() sends it.
  void push(uint8_t kind, SharedBytes body);
  // Hands `send` what is due: packets again, new packets within the window, an acknowledgement, a
  // heartbeat.
  void flush(LinkTime now, const std::function<void(const WireMessage&)>& send);

  // `deliver` gets each message once, in the order they were pushed; it returns false for one that
  // is none of the protocol.
  using Deliver = std::function<bool(uint8_t kind, const SharedBytes& body)>;
  // A packet of this session that came as `arrival`. False: it, or a message in it, is malformed.
  bool receive(const Packet& packet, const WireArrival& arrival, LinkTime now,
               const Deliver& deliver);

  LinkTime next_due() const;   // when flush() may have something to do
  LinkTime silent_at() const;  // when silent() becomes true, unless a packet comes before
  bool silent(LinkTime now) const;
  double silent_s(LinkTime now) const;  // since the last packet
  // This side did not listen for so long: the peer's silence meanwhile does not count.
  void excuse(LinkClock::duration unheard) { last_heard_ += unheard; }
  bool all_received() const { return outgoing_.empty(); }  // the peer has all that was pushed
  uint64_t resent() const { return resent_; }

 private:
  struct Outgoing {
    std::vector<uint8_t> content;  // the messages
    SharedBytes body;
    LinkTime sent;
    size_t bytes() const { return content.size() + body.bytes.size(); }
  };
  struct Early {
    std::span<const uint8_t> content;
    SharedBytes head;  // keeps content alive
    SharedBytes body;
  };

  void send_packet(Outgoing& packet, uint64_t number, LinkTime now,
                   const std::function<void(const WireMessage&)>& send);
  bool window_is_open() const;
  bool take_acknowledgement(uint64_t received, LinkTime now);

  const uint64_t session_;
  const LinkTiming timing_;

  std::deque<Outgoing> outgoing_;  // packets number first_ and on; the first in_flight_ were sent
  uint64_t first_ = 1;
  size_t in_flight_ = 0;
  size_t bytes_in_flight_ = 0;
  double resend_s_;          // grows with the measured round trip, doubles when nothing helps
  double round_trip_s_ = 0;  // smoothed
  LinkTime waiting_since_;   // for an acknowledgement
  // Packets before this one waited for one that was sent again: their time is no round trip.
  uint64_t repaired_from_ = 0;
  uint64_t resent_ = 0;

  std::map<uint64_t, Early> early_;
  uint64_t received_ = 0;
  bool owes_acknowledgement_ = false;

  LinkTime last_sent_;
  LinkTime last_heard_;
};

}  // namespace retort
