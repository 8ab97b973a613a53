// The remote channel through a folder: conformance, and segments that were cut or damaged.
#include "base/channel/file_segments.h"
#include "base/channel/file_wire.h"
#include "base/error.h"
#include "base/file.h"
#include "tests/conformance/remote_channel.h"
#include "tests/temporary_folder.h"

#include <gtest/gtest.h>

namespace retort::tests {
namespace {

class FilePair final : public WirePair {
 public:
  std::unique_ptr<Wire> learner() override { return file_learner_wire(options()); }
  std::unique_ptr<Wire> worker() override { return file_worker_wire(options()); }

 private:
  FileWireOptions options() const { return {folder_.path() + "/channel", 2000}; }
  TemporaryFolder folder_;
};

ChannelMaker through_a_folder(const FaultRates& faults) {
  return [faults](size_t credits) {
    return remote_under_test(std::make_unique<FilePair>(), credits, {faults, true});
  };
}

constexpr FaultRates kNone, kFaults = {0.05, 0.05, 0.05, 0.05, 0.05};

RETORT_CHANNEL_CONFORMANCE(File, through_a_folder(kNone));
RETORT_CHANNEL_CONFORMANCE(FileWithFaults, through_a_folder(kFaults));

WireMessage message_of(uint8_t value, size_t bytes) {
  return {std::vector<uint8_t>(bytes, value),
          value % 2 == 0 ? SharedBytes() : SharedBytes::of(std::vector<uint8_t>(7, value))};
}

std::vector<int> values_in(SegmentReader& reader) {
  std::vector<int> values;
  while (const auto arrival = reader.next()) {
    EXPECT_EQ(arrival->body.bytes.size(), arrival->head.bytes[0] % 2 == 0 ? 0u : 7u);
    values.push_back(arrival->head.bytes[0]);
  }
  return values;
}

TEST(FileSegments, AreReadInOrderAndRemoved) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/way";
  SegmentReader reader(path);
  EXPECT_EQ(values_in(reader), std::vector<int>{});
  {
    SegmentWriter writer(path, 100);
    for (uint8_t value = 1; value <= 9; ++value) EXPECT_TRUE(writer.append(message_of(value, 40)));
  }
  EXPECT_EQ(list_folder(path).size(), 5u);
  EXPECT_EQ(values_in(reader), (std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(list_folder(path), std::vector<std::string>{"00000005.segment"});
  SegmentWriter later(path, 100);  // another process, after a crash
  EXPECT_TRUE(later.append(message_of(10, 40)));
  EXPECT_EQ(values_in(reader), std::vector<int>{10});
}

TEST(FileSegments, HalfARecordIsPassedOver) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/way";
  {
    SegmentWriter writer(path, 100000);
    for (uint8_t value = 1; value <= 3; ++value) EXPECT_TRUE(writer.append(message_of(value, 40)));
  }
  const std::string first = path + "/00000001.segment";
  const std::string bytes = read_file(first);
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    TemporaryFolder other;
    write_file_atomic(other.path() + "/00000001.segment", bytes.substr(0, cut));
    SegmentReader reader(other.path());
    const auto before = values_in(reader);
    EXPECT_EQ(before.size(), cut < 55 ? 0u : cut < 103 ? 1u : 2u) << cut;
    SegmentWriter writer(other.path(), 100000);
    EXPECT_TRUE(writer.append(message_of(9, 5)));
    EXPECT_EQ(values_in(reader), std::vector<int>{9}) << cut;
  }
  // A length that lies.
  TemporaryFolder other;
  write_file_atomic(other.path() + "/00000001.segment", std::string(40, '\xff'));
  SegmentReader reader(other.path());
  EXPECT_EQ(values_in(reader), std::vector<int>{});
  SegmentWriter writer(other.path(), 100000);
  EXPECT_TRUE(writer.append(message_of(9, 5)));
  EXPECT_EQ(values_in(reader), std::vector<int>{9});
}

TEST(FileWire, AFolderThatCannotBeMadeIsTheUsersMistake) {
  const TemporaryFolder folder;
  write_file_atomic(folder.path() + "/file", "x");
  EXPECT_THROW(file_learner_wire({folder.path() + "/file"}), UserError);
  EXPECT_THROW(file_worker_wire({folder.path() + "/file"}), UserError);
}

}  // namespace
}  // namespace retort::tests
