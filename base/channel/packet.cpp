#include "base/channel/packet.h"

#include "base/record/bytes.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

namespace retort {
namespace {

constexpr uint32_t kMagic = 0x4b504552;  // "REPK" on the wire
constexpr size_t kDigestAt = 8;
constexpr size_t kDigestedFrom = 16;
constexpr uint8_t kHere = 0, kInBody = 1;

uint64_t digest(std::span<const uint8_t> head, std::span<const uint8_t> body) {
  uint64_t before = 0;
  std::memcpy(&before, head.data(), sizeof before);
  const auto behind = head.subspan(kDigestedFrom);
  const uint64_t of_head = XXH3_64bits_withSeed(behind.data(), behind.size(), before);
  return XXH3_64bits_withSeed(body.data(), body.size(), of_head ^ body.size());
}

void append(std::vector<uint8_t>& content, uint8_t kind, uint8_t place, size_t length) {
  const auto size = static_cast<uint32_t>(length);
  const uint8_t head[8] = {kind,
                           place,
                           0,
                           0,
                           static_cast<uint8_t>(size),
                           static_cast<uint8_t>(size >> 8),
                           static_cast<uint8_t>(size >> 16),
                           static_cast<uint8_t>(size >> 24)};
  content.insert(content.end(), std::begin(head), std::end(head));
}

}  // namespace

std::optional<Packet> read_packet(std::span<const uint8_t> head, std::span<const uint8_t> body) {
  if (head.size() < kPacketHeadBytes) return std::nullopt;
  record::Reader in(head);
  if (in.number<uint32_t>() != kMagic) return std::nullopt;
  if (in.number<uint16_t>() != kPacketRevision) return std::nullopt;
  const auto kind = in.number<uint8_t>();
  if (kind < static_cast<uint8_t>(PacketKind::kHello) ||
      kind > static_cast<uint8_t>(PacketKind::kStream) || in.number<uint8_t>() != 0)
    return std::nullopt;
  if (in.number<uint64_t>() != digest(head, body)) return std::nullopt;
  Packet packet;
  packet.kind = static_cast<PacketKind>(kind);
  packet.session = in.number<uint64_t>();
  packet.number = in.number<uint64_t>();
  packet.received = in.number<uint64_t>();
  packet.content = in.take(in.left());
  return packet;
}

WireMessage write_packet(const Packet& packet, SharedBytes body) {
  record::Writer writer;
  writer.number(kMagic);
  writer.number(kPacketRevision);
  writer.number(static_cast<uint8_t>(packet.kind));
  writer.number(uint8_t{0});
  writer.number(uint64_t{0});
  writer.number(packet.session);
  writer.number(packet.number);
  writer.number(packet.received);
  writer.bytes(packet.content);
  WireMessage message{writer.take(), std::move(body)};
  const uint64_t sum = digest(message.head, message.body.bytes);
  std::memcpy(message.head.data() + kDigestAt, &sum, sizeof sum);
  return message;
}

void append_message(std::vector<uint8_t>& content, uint8_t kind, std::span<const uint8_t> bytes) {
  append(content, kind, kHere, bytes.size());
  content.insert(content.end(), bytes.begin(), bytes.end());
}

void append_body_message(std::vector<uint8_t>& content, uint8_t kind, size_t body_bytes) {
  append(content, kind, kInBody, body_bytes);
}

bool read_messages(std::span<const uint8_t> content, const std::shared_ptr<const void>& owner,
                   const SharedBytes& body,
                   const std::function<bool(uint8_t kind, const SharedBytes& bytes)>& each) {
  record::Reader in(content);
  bool body_used = body.empty();
  while (!in.at_end()) {
    const auto kind = in.number<uint8_t>();
    const auto place = in.number<uint8_t>();
    const auto zero = in.number<uint16_t>();
    const auto length = in.number<uint32_t>();
    if (in.bad() || place > kInBody || zero != 0) return false;
    if (place == kInBody) {
      if (body_used || length != body.bytes.size()) return false;
      body_used = true;
      if (!each(kind, body)) return false;
      continue;
    }
    const auto bytes = in.take(length);
    if (in.bad() || !each(kind, {owner, bytes})) return false;
  }
  return body_used;
}

}  // namespace retort
