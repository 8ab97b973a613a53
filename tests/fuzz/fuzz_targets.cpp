#include "tests/fuzz/fuzz_targets.h"

#include "base/record/codec.h"

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

constexpr FuzzTarget kTargets[] = {
    {"record", any_record_problem, record_seeds},
};

}  // namespace

std::span<const FuzzTarget> fuzz_targets() { return kTargets; }

}  // namespace retort::tests
