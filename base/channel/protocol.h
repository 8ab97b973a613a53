#pragma once
// What the two ends of a remote channel say to each other: the greeting, and the messages of a
// session's stream (link.h). Readers take any bytes and give nullopt for what is none.
#include "base/record/sample.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace retort {

enum class WorkerSays : uint8_t {
  kSample = 1,         // an encoded Sample
  kTaskLimit = 2,      // u64: so many assignments may be sent in this session, all in all
  kClosed = 3,         // no more samples
  kGoodbye = 4,        // no more anything
  kVersionWanted = 5,  // u32: number; answered when there is one
  kChunkWanted = 6,    // ChunkRange
};
enum class LearnerSays : uint8_t {
  kAcknowledged = 1,  // SampleIds
  kAssignment = 2,    // an encoded Assignment
  kTaskState = 3,     // u8: 1 when the sender of tasks is closed and nothing waits
  kClosed = 4,        // the receiver of samples wants no more
  kSendAgain = 5,     // all that is not acknowledged
  kVersionTable = 6,  // an encoded Version
  kVersionGone = 7,   // ChunkRange: the number asked for is older than what is kept
  kChunkRange = 8,    // where the next kChunk belongs
  kChunk = 9,         // bytes of tensors
};

// What a worker says of itself; what both sides must have in common comes first.
struct Hello {
  uint32_t protocol = 0;
  std::string build;
  std::string config_digest;
  std::string run_token;
  std::string name;       // for a reader
  uint64_t instance = 0;  // of this worker's process
  bool operator==(const Hello&) const = default;
};
struct Welcome {
  uint64_t instance = 0;  // of the learner's process
  uint64_t credits = 0;
  bool operator==(const Welcome&) const = default;
};
// Bytes of a Version: tensor after tensor in the order of its table.
struct ChunkRange {
  uint32_t number = 0;
  uint64_t offset = 0;
  uint64_t length = 0;
  bool operator==(const ChunkRange&) const = default;
};

std::vector<uint8_t> write_hello(const Hello& hello);
std::optional<Hello> read_hello(std::span<const uint8_t> bytes);
std::vector<uint8_t> write_welcome(const Welcome& welcome);
std::optional<Welcome> read_welcome(std::span<const uint8_t> bytes);
std::vector<uint8_t> write_refusal(const std::string& text);
std::optional<std::string> read_refusal(std::span<const uint8_t> bytes);
std::vector<uint8_t> write_ids(std::span<const SampleId> ids);
std::optional<std::vector<SampleId>> read_ids(std::span<const uint8_t> bytes);
std::vector<uint8_t> write_range(const ChunkRange& range);
std::optional<ChunkRange> read_range(std::span<const uint8_t> bytes);
// u8, u32 and u64 alone.
template <class Number>
std::vector<uint8_t> write_number(Number value);
template <class Number>
std::optional<Number> read_number(std::span<const uint8_t> bytes);

// Which of what both sides must have in common differs, as a sentence with both values (never the
// token), or "".
std::string difference(const Hello& worker, const Hello& learner);

// 64 bits of the system's random numbers, never 0: names of processes and sessions.
uint64_t random_name();

}  // namespace retort
