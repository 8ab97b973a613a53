#include "base/channel/link.h"

#include "base/wait.h"

#include <algorithm>
#include <utility>

namespace retort {
namespace {

constexpr size_t kSmallMessage = size_t{16} << 10;  // larger ones are a packet's body
constexpr size_t kFullPacket = size_t{64} << 10;    // no message is added beyond
constexpr size_t kResendBurst = 16;                 // packets sent again at a time
constexpr double kLongestResend = 8;                // times the shortest

LinkClock::duration duration(double seconds) {
  return std::chrono::duration_cast<LinkClock::duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

std::string stopped_text(double unheard_s) {
  return "this process did not run for " + std::to_string(static_cast<int64_t>(unheard_s)) +
         " s (stopped, or its machine was)";
}

Link::Link(uint64_t session, const LinkTiming& timing, LinkTime now)
    : session_(session),
      timing_(timing),
      resend_s_(timing.resend_s),
      waiting_since_(now),
      last_sent_(now),
      last_heard_(now) {}

void Link::push(uint8_t kind, SharedBytes body) {
  const bool joins = outgoing_.size() > in_flight_ && outgoing_.back().body.empty() &&
                     outgoing_.back().content.size() < kFullPacket;
  if (!joins) outgoing_.emplace_back();
  Outgoing& packet = outgoing_.back();
  if (body.bytes.size() <= kSmallMessage) {
    append_message(packet.content, kind, body.bytes);
  } else {
    append_body_message(packet.content, kind, body.bytes.size());
    packet.body = std::move(body);
  }
}

bool Link::window_is_open() const {
  return in_flight_ < outgoing_.size() && in_flight_ < kWindowPackets &&
         (in_flight_ == 0 || bytes_in_flight_ < kWindowBytes);
}

void Link::send_packet(Outgoing& packet, uint64_t number, LinkTime now,
                       const std::function<void(const WireMessage&)>& send) {
  packet.sent = now;
  last_sent_ = now;
  owes_acknowledgement_ = false;
  send(write_packet({PacketKind::kStream, session_, number, received_, packet.content},
                    packet.body));
}

void Link::flush(LinkTime now, const std::function<void(const WireMessage&)>& send) {
  if (in_flight_ > 0 && now - waiting_since_ >= duration(resend_s_)) {
    const size_t count = std::min(in_flight_, kResendBurst);
    for (size_t i = 0; i < count; ++i) {
      send_packet(outgoing_[i], first_ + i, now, send);
    }
    resent_ += count;
    waiting_since_ = now;
    repaired_from_ = first_ + in_flight_;
    resend_s_ = std::min(2 * resend_s_, kLongestResend * timing_.resend_s);
  }
  while (window_is_open()) {
    if (in_flight_ == 0) waiting_since_ = now;
    Outgoing& packet = outgoing_[in_flight_];
    send_packet(packet, first_ + in_flight_, now, send);
    bytes_in_flight_ += packet.bytes();
    ++in_flight_;
  }
  if (owes_acknowledgement_ || now - last_sent_ >= duration(timing_.heartbeat_s)) {
    Outgoing empty;
    send_packet(empty, 0, now, send);
  }
}

bool Link::take_acknowledgement(uint64_t received, LinkTime now) {
  if (received >= first_ + in_flight_) return false;  // of what was never sent
  bool moved = false;
  while (first_ <= received) {
    const Outgoing& packet = outgoing_.front();
    if (first_ >= repaired_from_) {
      const double trip = seconds(now - packet.sent);
      round_trip_s_ = round_trip_s_ == 0 ? trip : 0.875 * round_trip_s_ + 0.125 * trip;
    }
    bytes_in_flight_ -= packet.bytes();
    outgoing_.pop_front();
    --in_flight_;
    ++first_;
    moved = true;
  }
  if (moved) {
    waiting_since_ = now;
    resend_s_ = std::clamp(3 * round_trip_s_, timing_.resend_s, kLongestResend * timing_.resend_s);
  }
  return true;
}

bool Link::receive(const Packet& packet, const WireArrival& arrival, LinkTime now,
                   const Deliver& deliver) {
  last_heard_ = now;
  if (!take_acknowledgement(packet.received, now)) return false;
  if (packet.number == 0) return packet.content.empty();
  owes_acknowledgement_ = true;
  if (packet.number <= received_) return true;  // a copy
  if (packet.number > received_ + kWindowPackets) return false;
  early_.try_emplace(packet.number, Early{packet.content, arrival.head, arrival.body});
  for (auto next = early_.find(received_ + 1); next != early_.end();
       next = early_.find(received_ + 1)) {
    const Early ready = std::move(next->second);
    early_.erase(next);
    ++received_;
    if (!read_messages(ready.content, ready.head.owner, ready.body, deliver)) return false;
  }
  return true;
}

LinkTime Link::next_due() const {
  if (owes_acknowledgement_ || window_is_open()) return LinkTime::min();
  LinkTime due = last_sent_ + duration(timing_.heartbeat_s);
  if (in_flight_ > 0) due = std::min(due, waiting_since_ + duration(resend_s_));
  return due;
}

LinkTime Link::silent_at() const { return last_heard_ + duration(timing_.silence_s); }

bool Link::silent(LinkTime now) const { return now >= silent_at(); }

double Link::silent_s(LinkTime now) const { return seconds(now - last_heard_); }

}  // namespace retort
