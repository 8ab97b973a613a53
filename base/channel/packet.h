#pragma once
// What crosses a wire: packets. A head of 40 bytes (little-endian: u32 magic, u16 revision, u8
// kind, u8 zero, u64 digest, u64 session, u64 number, u64 received), content, and for a stream
// perhaps a body. The digest is XXH3-64 over everything behind it, seeded with what is before it: a
// packet that was cut or damaged is none.
#include "base/channel/wire.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace retort {

inline constexpr uint16_t kPacketRevision = 1;
inline constexpr size_t kPacketHeadBytes = 40;

enum class PacketKind : uint8_t {
  kHello = 1,    // worker to learner: a greeting; the session is a number of this hello
  kWelcome = 2,  // learner to worker: the hello's session begins
  kRefused = 3,  // learner to worker: why not
  kUnknown = 4,  // learner to worker: no such session, say hello
  kStream = 5,   // messages of a session
};

struct Packet {
  PacketKind kind = PacketKind::kStream;
  uint64_t session = 0;
  uint64_t number = 0;    // of a stream's packets, from 1; 0 when it holds no message
  uint64_t received = 0;  // the sender has all packets up to this one
  std::span<const uint8_t> content;
};

// nullopt: not a packet, of another revision, cut or damaged. `content` points into `head`.
std::optional<Packet> read_packet(std::span<const uint8_t> head, std::span<const uint8_t> body);
WireMessage write_packet(const Packet& packet, SharedBytes body);

// The messages of a stream's content, one after the other: u8 kind, u8 place (0 here, 1 the
// packet's body), u16 zero, u32 length, bytes.
void append_message(std::vector<uint8_t>& content, uint8_t kind, std::span<const uint8_t> bytes);
void append_body_message(std::vector<uint8_t>& content, uint8_t kind, size_t body_bytes);
// False: malformed, or `each` returned false. `owner` keeps `content` alive.
bool read_messages(std::span<const uint8_t> content, const std::shared_ptr<const void>& owner,
                   const SharedBytes& body,
                   const std::function<bool(uint8_t kind, const SharedBytes& bytes)>& each);

}  // namespace retort
