#include "base/check.h"
#include "base/philox.h"
#include "base/record/codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

namespace retort {
namespace {

using Bytes = std::vector<uint8_t>;

Task example_task() {
  Task task;
  task.uid = 0x9123456789abcdef;
  task.family = "chain_sum";
  task.level = 4;
  task.seed = 7;
  task.prompt = "3+5-2=";
  task.messages = {{"system", "é"}, {"user", ""}};
  task.answer = R"({"target":6})";
  task.rewards = {"task", "format"};
  task.split = Split::kHeldOut;
  task.source = "openai/gsm8k";
  return task;
}
Sample example_sample() {
  Sample sample;
  sample.id = {1, 2, 3, 4};
  sample.task_uid = 99;
  sample.tokens = {1, 51, 61, 54, 2};
  sample.prompt_length = 3;
  sample.loss_mask = {1, 0};
  sample.logprobs = {-0.7f, -0.01f};
  sample.entropies = {0.5f, std::numeric_limits<float>::denorm_min()};
  sample.versions = {3, 4};
  sample.kept_ids = {54, 55, 2};
  sample.kept_begin = {0, 2, 3};
  sample.stop = StopReason::kStopString;
  sample.started_s = 1.25;
  sample.finished_s = 2.5;
  return sample;
}
Verdict example_verdict() {
  Verdict verdict;
  verdict.id = {1, 0, 3, 0};
  verdict.outcome = Outcome::kTimeout;
  verdict.score = 0.1 + 0.2;
  verdict.parts = {{"task", 1.0, Outcome::kTimeout, 0, "2 s"},
                   {"format", -0.5, Outcome::kValue, 1, ""}};
  verdict.isolation = "namespaces";
  verdict.ms = 2000;
  return verdict;
}
Version example_version() {
  return {3,
          "0f4c0f4c0f4c0f4c0f4c0f4c0f4c0f4c",
          "cpu fp32 r1",
          {{"a", "F32", {2, 3}}, {"b", "BF16", {}}}};
}

Assignment example_assignment() {
  Assignment assignment;
  assignment.step = 3;
  assignment.task_index = 17;
  assignment.first_slot = 2;
  assignment.slots = 6;
  assignment.version = 2;
  assignment.task = example_task();
  return assignment;
}

// One record kind with its functions, so that each property is tested for all.
struct Kind {
  const char* name;
  Bytes bytes;
  std::function<bool(const Bytes&, std::string*)> decodes;
  std::function<Bytes(const Bytes&)> again;  // encode(decode(bytes))
};
template <class Record, class Decode>
Kind kind(const char* name, const Record& record, Decode decode) {
  return {
      name, encode(record),
      [decode](const Bytes& bytes, std::string* error) { return decode(bytes, error).has_value(); },
      [decode](const Bytes& bytes) { return encode(*decode(bytes, nullptr)); }};
}
std::vector<Kind> kinds() {
  return {kind("task", example_task(), decode_task),
          kind("sample", example_sample(), decode_sample),
          kind("verdict", example_verdict(), decode_verdict),
          kind("version", example_version(), decode_version),
          kind("assignment", example_assignment(), decode_assignment)};
}

TEST(Record, RoundTripKeepsEveryField) {
  std::string error;
  EXPECT_EQ(decode_task(encode(example_task()), &error), example_task()) << error;
  EXPECT_EQ(decode_sample(encode(example_sample()), &error), example_sample()) << error;
  EXPECT_EQ(decode_verdict(encode(example_verdict()), &error), example_verdict()) << error;
  EXPECT_EQ(decode_version(encode(example_version()), &error), example_version()) << error;
  EXPECT_EQ(decode_assignment(encode(example_assignment()), &error), example_assignment()) << error;
  EXPECT_EQ(decode_assignment(encode(Assignment{}), &error), Assignment{}) << error;
  EXPECT_EQ(decode_task(encode(Task{}), &error), Task{}) << error;
  EXPECT_EQ(decode_sample(encode(Sample{}), &error), Sample{}) << error;
  EXPECT_EQ(decode_verdict(encode(Verdict{}), &error), Verdict{}) << error;
  EXPECT_EQ(decode_version(encode(Version{}), &error), Version{}) << error;
}

TEST(Record, NumbersKeepTheirBits) {
  Verdict verdict;
  verdict.score = std::bit_cast<double>(uint64_t{0x7ff8000000000123});  // a nan with a payload
  verdict.ms = -0.0;
  const auto again = decode_verdict(encode(verdict), nullptr);
  ASSERT_TRUE(again);
  EXPECT_EQ(std::bit_cast<uint64_t>(again->score), 0x7ff8000000000123u);
  EXPECT_TRUE(std::signbit(again->ms));
}

TEST(Record, EncodingIsCanonical) {
  for (const Kind& kind : kinds()) EXPECT_EQ(kind.again(kind.bytes), kind.bytes) << kind.name;
}

// The layout is read by other processes and other versions: these bytes may not change.
TEST(Record, LayoutIsTheDocumentedOne) {
  const Bytes bytes = encode(Version{7, "d", "", {}});
  const Bytes expected = {'R', 'R', 'E', 'C', 4, 0, 1, 0,             // magic, kind, codec version
                          1,   0,   4,   0,   0, 0, 7, 0, 0, 0,       // field 1: u32
                          2,   0,   5,   0,   0, 0, 1, 0, 0, 0, 'd',  // field 2: text
                          3,   0,   4,   0,   0, 0, 0, 0, 0, 0,       // field 3: empty text
                          4,   0,   4,   0,   0, 0, 0, 0, 0, 0};      // field 4: no tensors
  EXPECT_EQ(bytes, expected);
}

TEST(Record, CutAtEveryByteIsRefused) {
  for (const Kind& kind : kinds())
    for (size_t length = 0; length < kind.bytes.size(); ++length) {
      std::string error;
      EXPECT_FALSE(kind.decodes(Bytes(kind.bytes.begin(), kind.bytes.begin() + length), &error))
          << kind.name << " cut at " << length;
      EXPECT_FALSE(error.empty());
      EXPECT_EQ(error.find('\n'), std::string::npos);
    }
}

TEST(Record, UnknownFieldIsSkipped) {
  for (const Kind& kind : kinds()) {
    Bytes bytes = kind.bytes;
    const Bytes extra = {200, 0, 3, 0, 0, 0, 'n', 'e', 'w', 201, 0, 0, 0, 0, 0};
    bytes.insert(bytes.end(), extra.begin(), extra.end());
    std::string error;
    ASSERT_TRUE(kind.decodes(bytes, &error)) << kind.name << ": " << error;
    EXPECT_EQ(kind.again(bytes), kind.bytes);
    // Order and length of unknown fields are checked as those of known ones.
    bytes.insert(bytes.end(), {201, 0, 0, 0, 0, 0});
    EXPECT_FALSE(kind.decodes(bytes, &error));
    bytes.resize(bytes.size() - 6);
    bytes.insert(bytes.end(), {202, 0, 1, 0, 0, 0});
    EXPECT_FALSE(kind.decodes(bytes, &error));
  }
}

TEST(Record, HeaderIsChecked) {
  std::string error;
  for (const Kind& kind : kinds()) {
    for (size_t at = 0; at < 8; ++at) {
      Bytes bytes = kind.bytes;
      bytes[at] ^= 0x40;
      EXPECT_FALSE(kind.decodes(bytes, &error)) << kind.name << " byte " << at;
    }
  }
  EXPECT_FALSE(decode_task(encode(example_sample()), &error));
  EXPECT_EQ(error, "record kind 2 where 1 was expected");
}

// Each length and count of a record in turn says the largest number; nothing may be allocated for
// it.
TEST(Record, LyingLengthsAreRefused) {
  for (const Kind& kind : kinds()) {
    for (size_t at = 8; at + 4 <= kind.bytes.size(); ++at) {
      for (const uint32_t lie : {0xffffffffu, 0x7fffffffu, 0x40000000u}) {
        Bytes bytes = kind.bytes;
        std::memcpy(bytes.data() + at, &lie, sizeof lie);
        std::string error;
        if (kind.decodes(bytes, &error)) {  // hit a plain number
          EXPECT_EQ(kind.again(bytes), bytes);
        }
      }
    }
  }
}

TEST(Record, DamagedBytesNeverCrash) {
  PhiloxStream stream({5, Purpose::kFaultInjection, 0}, 0, 0, 0);
  for (const Kind& kind : kinds()) {
    for (int i = 0; i < 20000; ++i) {
      Bytes bytes = kind.bytes;
      for (int64_t flips = stream.range(1, 4); flips > 0; --flips)
        bytes[static_cast<size_t>(stream.range(0, int64_t(bytes.size()) - 1))] =
            static_cast<uint8_t>(stream.range(0, 255));
      std::string error;
      // What is accepted is a record: it encodes to the bytes it came from, but for unknown fields.
      if (kind.decodes(bytes, &error)) {
        EXPECT_LE(kind.again(bytes).size(), bytes.size());
      }
    }
  }
}

TEST(Record, SampleWhoseLengthsDisagreeIsRefused) {
  const auto breaks = [](const std::function<void(Sample&)>& change) {
    Sample sample = example_sample();
    change(sample);
    EXPECT_THROW(encode(sample), InternalError);
  };
  breaks([](Sample& s) { s.loss_mask.pop_back(); });
  breaks([](Sample& s) { s.logprobs.push_back(0); });
  breaks([](Sample& s) { s.versions.clear(); });
  breaks([](Sample& s) { s.entropies.pop_back(); });
  breaks([](Sample& s) { s.prompt_length = 6; });
  breaks([](Sample& s) { s.prompt_length = -1; });
  breaks([](Sample& s) { s.kept_begin = {0, 3}; });
  breaks([](Sample& s) { s.kept_begin = {0, 2, 4}; });
  breaks([](Sample& s) { s.kept_begin = {0, 4, 3}; });
  breaks([](Sample& s) { s.kept_begin = {1, 2, 3}; });
  breaks([](Sample& s) { s.kept_begin.clear(); });
  Sample without_optional = example_sample();
  without_optional.entropies.clear();
  without_optional.kept_ids.clear();
  without_optional.kept_begin.clear();
  EXPECT_EQ(decode_sample(encode(without_optional), nullptr), without_optional);
}

TEST(Record, AssignmentBeyondTheLargestSlotIsRefused) {
  Assignment assignment = example_assignment();
  assignment.first_slot = UINT32_MAX;
  assignment.slots = 1;
  EXPECT_THROW(encode(assignment), InternalError);
  assignment.slots = 0;
  EXPECT_EQ(decode_assignment(encode(assignment), nullptr), assignment);
}

TEST(Record, SampleWithALyingPromptLengthIsRefused) {
  Bytes bytes = encode(example_sample());
  // Field 4 (prompt_length) is the only one of number 4 and length 4.
  const Bytes header = {4, 0, 4, 0, 0, 0};
  const auto at = std::search(bytes.begin(), bytes.end(), header.begin(), header.end());
  ASSERT_NE(at, bytes.end());
  *(at + 6) = 4;
  std::string error;
  EXPECT_FALSE(decode_sample(bytes, &error));
  EXPECT_EQ(error, "loss_mask has not one entry per completion token");
}

TEST(Record, VersionsOfASample) {
  EXPECT_EQ(example_sample().version_min(), 3u);
  EXPECT_EQ(example_sample().version_max(), 4u);
  EXPECT_EQ(Sample{}.version_min(), 0u);
  EXPECT_EQ(example_sample().completion_length(), 2);
}

TEST(Record, OutcomesHaveOneRowEachAndDivideByWhoseDoingTheyAre) {
  EXPECT_EQ(std::size(kOutcomes), 8u);
  for (uint8_t i = 0; i < 8; ++i) {
    const auto outcome = static_cast<Outcome>(i);
    EXPECT_EQ(kOutcomes[i].outcome, outcome);
    EXPECT_EQ(outcome_from_name(outcome_name(outcome)), outcome);
    EXPECT_EQ(is_policys_doing(outcome),
              outcome != Outcome::kVerifierError && outcome != Outcome::kInfraError);
  }
  EXPECT_EQ(outcome_name(Outcome::kOutputLimit), "output_limit");
  EXPECT_EQ(outcome_from_name("ok"), std::nullopt);
}

TEST(Record, SampleIdsAreOrderedByStepTaskSlotBranch) {
  const SampleId id{1, 2, 3, 4};
  EXPECT_LT(id, (SampleId{2, 0, 0, 0}));
  EXPECT_LT(id, (SampleId{1, 3, 0, 0}));
  EXPECT_LT(id, (SampleId{1, 2, 4, 0}));
  EXPECT_LT(id, (SampleId{1, 2, 3, 5}));
}

}  // namespace
}  // namespace retort
