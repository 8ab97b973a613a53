#include "tests/fuzz/fuzz_targets.h"

#include "base/channel/packet.h"
#include "base/channel/protocol.h"
#include "base/record/codec.h"

#include <algorithm>
#include <optional>

namespace retort::tests {
namespace {

using Bytes = std::vector<uint8_t>;

// The first byte picks the record; accepted records are compared as bytes, since NaN != NaN.
template <class Record>
std::string record_problem(std::optional<Record> (*decode)(std::span<const uint8_t>, std::string*),
                           std::span<const uint8_t> bytes) {
  std::string error;
  const std::optional<Record> record = decode(bytes, &error);
  if (!record) {
    if (error.empty()) return "refused without a reason";
    return error.find('\n') == std::string::npos ? "" : "a reason of two lines";
  }
  const Bytes written = encode(*record);
  if (written.size() > bytes.size()) return "accepted bytes grow when they are written again";
  const std::optional<Record> again = decode(written, &error);
  if (!again) return "what was written is refused: " + error;
  return encode(*again) == written ? "" : "encoding is not canonical";
}

std::string any_record_problem(std::span<const uint8_t> bytes) {
  if (bytes.empty()) return "";
  const auto rest = bytes.subspan(1);
  switch (bytes[0] % 5) {
    case 0:
      return record_problem<Task>(decode_task, rest);
    case 1:
      return record_problem<Sample>(decode_sample, rest);
    case 2:
      return record_problem<Verdict>(decode_verdict, rest);
    case 3:
      return record_problem<Version>(decode_version, rest);
    default:
      return record_problem<Assignment>(decode_assignment, rest);
  }
}

std::vector<Bytes> record_seeds() {
  Task task;
  task.uid = 7;
  task.family = "chain_sum";
  task.prompt = "3+5-2=";
  task.messages = {{"system", "a"}, {"user", ""}};
  task.answer = "{\"target\":6}";
  task.rewards = {"task", "format"};
  Sample sample;
  sample.id = {1, 2, 3, 4};
  sample.tokens = {1, 51, 61, 54, 2};
  sample.prompt_length = 3;
  sample.loss_mask = {1, 0};
  sample.logprobs = {-0.5f, 0};
  sample.entropies = {0.5f, 0};
  sample.versions = {3, 4};
  sample.kept_ids = {54, 55, 2};
  sample.kept_begin = {0, 2, 3};
  Verdict verdict;
  verdict.id = {1, 0, 3, 0};
  verdict.parts = {{"task", 1, Outcome::kValue, 1, "x"}, {"format", 0.5, Outcome::kCrash, 0, ""}};
  const Version version{3, "0f4c", "cpu fp32", {{"a", "F32", {2, 3}}, {"b", "BF16", {}}}};
  Assignment assignment;
  assignment.step = 1;
  assignment.slots = 4;
  assignment.task = task;
  std::vector<Bytes> seeds = {encode(task), encode(sample), encode(verdict), encode(version),
                              encode(assignment)};
  for (uint8_t i = 0; i < seeds.size(); ++i) seeds[i].insert(seeds[i].begin(), i);
  return seeds;
}

// Messages of the channel: what is read is written as it was.
template <class Value>
std::string message_problem(std::span<const uint8_t> bytes, const std::optional<Value>& value,
                            Bytes (*write)(const Value&)) {
  if (!value) return "";
  const Bytes written = write(*value);
  return std::equal(written.begin(), written.end(), bytes.begin(), bytes.end())
             ? ""
             : "a message is written otherwise than it was read";
}

std::string any_message_problem(std::span<const uint8_t> bytes) {
  if (bytes.empty()) return "";
  const auto rest = bytes.subspan(1);
  switch (bytes[0] % 5) {
    case 0:
      return message_problem<Hello>(rest, read_hello(rest), write_hello);
    case 1:
      return message_problem<Welcome>(rest, read_welcome(rest), write_welcome);
    case 2:
      return message_problem<ChunkRange>(rest, read_range(rest), write_range);
    case 3: {
      const auto ids = read_ids(rest);
      return ids && write_ids(*ids).size() != rest.size() ? "ids grow or shrink" : "";
    }
    default:
      read_refusal(rest);
      return "";
  }
}

// A packet is its digest's: what is read came from write_packet. The bytes behind a good head are
// fuzzed too, as the messages of a stream.
std::string packet_problem(std::span<const uint8_t> bytes) {
  const auto packet = read_packet(bytes, {});
  if (packet) {
    const WireMessage again = write_packet(*packet, {});
    if (!std::equal(again.head.begin(), again.head.end(), bytes.begin(), bytes.end()))
      return "a packet is written otherwise than it was read";
  }
  size_t taken = 0;
  const auto content = bytes.subspan(std::min(bytes.size(), kPacketHeadBytes));
  const bool whole = read_messages(content, nullptr, {}, [&](uint8_t, const SharedBytes& body) {
    taken += 8 + body.bytes.size();
    return true;
  });
  if (taken > content.size()) return "messages are longer than what they are in";
  if (whole && taken != content.size()) return "bytes between messages are passed over";
  return any_message_problem(content);
}

std::vector<Bytes> packet_seeds() {
  Bytes content;
  append_message(content, 1, Bytes{1, 2, 3});
  append_message(content, 2, {});
  std::vector<Bytes> seeds = {
      write_packet({PacketKind::kStream, 77, 3, 2, content}, {}).head,
      write_packet(
          {PacketKind::kHello, 5, 0, 0, write_hello({1, "build", "digest", "token", "worker", 9})},
          {})
          .head};
  const std::vector<Bytes> messages = {write_hello({1, "build", "digest", "token", "worker", 9}),
                                       write_welcome({7, 64}), write_range({3, 4096, 512}),
                                       write_ids(std::vector<SampleId>{{1, 2, 3, 0}, {1, 2, 4, 0}}),
                                       write_refusal("the build differs")};
  for (uint8_t i = 0; i < messages.size(); ++i) {
    Bytes seed(kPacketHeadBytes, 0);
    seed.push_back(i);
    seed.insert(seed.end(), messages[i].begin(), messages[i].end());
    seeds.push_back(std::move(seed));
  }
  return seeds;
}

constexpr FuzzTarget kTargets[] = {
    {"packet", packet_problem, packet_seeds},
    {"record", any_record_problem, record_seeds},
};

}  // namespace

std::span<const FuzzTarget> fuzz_targets() { return kTargets; }

}  // namespace retort::tests
