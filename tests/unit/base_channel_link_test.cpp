// Links over a simulated wire and clock: everything arrives once and in order, whatever the wire
// does; nothing depends on real time.
#include "base/channel/link.h"
#include "base/philox.h"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>

namespace retort {
namespace {

constexpr LinkTiming kTiming = {0.02, 1, 15};

LinkClock::duration seconds(double count) {
  return std::chrono::duration_cast<LinkClock::duration>(std::chrono::duration<double>(count));
}

SharedBytes message_of(uint32_t number, size_t bytes) {
  std::vector<uint8_t> content(std::max<size_t>(bytes, 4), static_cast<uint8_t>(number));
  std::memcpy(content.data(), &number, sizeof number);
  return SharedBytes::of(std::move(content));
}

// One end and what it has been told.
struct End {
  explicit End(LinkTime now) : link(7, kTiming, now) {}
  Link link;
  std::vector<uint32_t> told;
  bool good = true;

  void take(const WireMessage& message, LinkTime now) {
    WireArrival arrival{"", "", SharedBytes::of(message.head), message.body};
    const auto packet = read_packet(arrival.head.bytes, arrival.body.bytes);
    if (!packet) return;
    good = good && link.receive(*packet, arrival, now, [&](uint8_t kind, const SharedBytes& body) {
      uint32_t number = 0;
      std::memcpy(&number, body.bytes.data(), sizeof number);
      told.push_back(number);
      return kind == 3;
    });
  }
};

// Sends `count` messages each way over wires that break `rate` of the packets in one of five ways.
// How many steps of 5 ms it took; 0: it did not end.
int exchange(uint32_t seed, double rate, uint32_t count, std::vector<End>& ends) {
  LinkTime now{};
  now += seconds(100);
  PhiloxStream draw({seed, Purpose::kFaultInjection, 0}, 0, 0, 0);
  ends.clear();
  ends.emplace_back(now);
  ends.emplace_back(now);
  std::deque<WireMessage> way[2], held[2];
  uint32_t pushed = 0;
  for (int step = 1; step < 100000; ++step) {
    for (int i = 0; i < 20 && pushed < count; ++i, ++pushed)
      for (End& end : ends)
        end.link.push(3, message_of(pushed, pushed % 50 == 0 ? 20000 : pushed % 90));
    for (size_t e = 0; e < 2; ++e)
      ends[e].link.flush(now, [&](const WireMessage& message) {
        WireMessage damaged = message;
        auto& target = way[e];
        if (!draw.coin(rate)) return target.push_back(message);
        switch (draw.range(0, 4)) {
          case 0:
            return;
          case 1:
            target.push_back(message);
            return target.push_back(message);
          case 2:
            return held[e].push_back(message);
          case 3:
            damaged.head.resize(static_cast<size_t>(draw.range(0, std::ssize(message.head) - 1)));
            return target.push_back(damaged);
          default:
            damaged.head[static_cast<size_t>(draw.range(0, std::ssize(message.head) - 1))] ^= 16;
            return target.push_back(damaged);
        }
      });
    now += seconds(0.005);
    for (size_t e = 0; e < 2; ++e) {
      for (; !way[e].empty(); way[e].pop_front()) ends[1 - e].take(way[e].front(), now);
      if (draw.coin(0.3)) way[e].swap(held[e]);  // what was held back comes late
    }
    const bool done = pushed == count && ends[0].told.size() == count &&
                      ends[1].told.size() == count && ends[0].link.all_received() &&
                      ends[1].link.all_received();
    if (done || !ends[0].good || !ends[1].good) return step;
  }
  return 0;
}

TEST(Link, EverythingArrivesOnceAndInOrder) {
  for (const double rate : {0.0, 0.05, 0.3, 0.6})
    for (uint32_t seed = 0; seed < 10; ++seed) {
      std::vector<End> ends;
      EXPECT_GT(exchange(seed, rate, 2000, ends), 0) << rate << " " << seed;
      for (const End& end : ends) {
        EXPECT_TRUE(end.good);
        ASSERT_EQ(end.told.size(), 2000u);
        for (uint32_t i = 0; i < 2000; ++i) ASSERT_EQ(end.told[i], i);
        if (rate == 0) {
          EXPECT_EQ(end.link.resent(), 0u);
        }
      }
    }
}

TEST(Link, TimeIsKept) {
  LinkTime now{};
  now += seconds(100);
  End a(now);
  int sent = 0;
  const auto count = [&](const WireMessage&) { ++sent; };
  a.link.flush(now, count);
  EXPECT_EQ(sent, 0);  // nothing to say
  a.link.flush(now + seconds(1.01), count);
  EXPECT_EQ(sent, 1);  // a heartbeat
  a.link.push(3, message_of(0, 4));
  a.link.flush(now + seconds(1.1), count);
  EXPECT_EQ(sent, 2);
  EXPECT_EQ(a.link.next_due(), now + seconds(1.1) + seconds(0.02));
  a.link.flush(now + seconds(1.11), count);
  EXPECT_EQ(sent, 2);
  a.link.flush(now + seconds(1.13), count);
  EXPECT_EQ(sent, 3);  // again, and the wait doubles up to eight times the shortest
  EXPECT_EQ(a.link.resent(), 1u);
  for (int i = 0; i < 300; ++i) a.link.flush(now + seconds(2 + 0.01 * i), count);
  EXPECT_GT(a.link.resent(), 15u);
  EXPECT_LT(a.link.resent(), 22u);
  EXPECT_FALSE(a.link.silent(now + seconds(14.9)));
  EXPECT_TRUE(a.link.silent(now + seconds(15.1)));
  // What this side slept through does not count.
  a.link.excuse(seconds(3600));
  EXPECT_FALSE(a.link.silent(now + seconds(3614.9)));
  EXPECT_TRUE(a.link.silent(now + seconds(3615.1)));
  EXPECT_FALSE(a.link.all_received());
}

TEST(Link, WhatIsNoneOfTheProtocolIsMalformed) {
  LinkTime now{};
  now += seconds(100);
  const auto takes = [&](const Packet& packet) {
    End end(now);
    end.take(write_packet(packet, {}), now);
    return end.good;
  };
  std::vector<uint8_t> good, bad;
  append_message(good, 3, std::vector<uint8_t>{1, 0, 0, 0});
  append_message(bad, 4, std::vector<uint8_t>{1, 0, 0, 0});
  EXPECT_TRUE(takes({PacketKind::kStream, 7, 1, 0, good}));
  EXPECT_FALSE(takes({PacketKind::kStream, 7, 1, 0, bad}));     // no such kind here
  EXPECT_FALSE(takes({PacketKind::kStream, 7, 1, 1, good}));    // acknowledges what was never sent
  EXPECT_FALSE(takes({PacketKind::kStream, 7, 0, 0, good}));    // messages without a number
  EXPECT_FALSE(takes({PacketKind::kStream, 7, 300, 0, good}));  // beyond the window
  good.pop_back();
  EXPECT_FALSE(takes({PacketKind::kStream, 7, 1, 0, good}));  // cut, with a good digest
}

}  // namespace
}  // namespace retort
