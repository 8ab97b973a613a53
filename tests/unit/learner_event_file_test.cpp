#include "base/error.h"
#include "base/file.h"
#include "learner/event_file.h"
#include "learner/run_views.h"
#include "tests/synthetic_run.h"
#include "tests/temporary_folder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <stdexcept>

namespace retort {
namespace {

namespace fs = std::filesystem;
using namespace tests;

std::string bytes_of(std::initializer_list<int> values) {
  std::string bytes;
  for (const int value : values) bytes += static_cast<char>(value);
  return bytes;
}

// The check value of the catalogue of CRCs, and the examples of RFC 3720 B.4.
TEST(EventFile, Crc32cHasThePublishedCheckValues) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  std::string up, down;
  for (int i = 0; i < 32; ++i) up += static_cast<char>(i), down += static_cast<char>(31 - i);
  EXPECT_EQ(crc32c(up), 0x46DD794Eu);
  EXPECT_EQ(crc32c(down), 0x113FDB5Cu);
  const std::string scsi_read =
      bytes_of({0x01, 0xC0, 0, 0, 0, 0, 0,    0, 0,    0, 0, 0,    0, 0, 0, 0,
                0x14, 0,    0, 0, 0, 0, 0x04, 0, 0,    0, 0, 0x14, 0, 0, 0, 0x18,
                0x28, 0,    0, 0, 0, 0, 0,    0, 0x02, 0, 0, 0,    0, 0, 0, 0});
  EXPECT_EQ(crc32c(scsi_read), 0xD9963A56u);
}

// ---- a reader of its own: a second CRC, bit by bit from the most significant end, and a parser
// that goes by the wire format

uint32_t reflected(uint32_t value, int bits) {
  uint32_t result = 0;
  for (int bit = 0; bit < bits; ++bit) result |= ((value >> bit) & 1) << (bits - 1 - bit);
  return result;
}

uint32_t second_crc32c(std::string_view bytes) {
  uint32_t rest = 0xFFFFFFFF;
  for (const char byte : bytes) {
    rest ^= reflected(static_cast<uint8_t>(byte), 8) << 24;
    for (int bit = 0; bit < 8; ++bit)
      rest = (rest << 1) ^ ((rest & 0x80000000) != 0 ? 0x1EDC6F41 : 0);
  }
  return ~reflected(rest, 32);
}

template <class Word>
Word take(std::string_view& rest) {
  if (rest.size() < sizeof(Word)) throw std::runtime_error("cut");
  Word word;
  std::memcpy(&word, rest.data(), sizeof word);
  rest.remove_prefix(sizeof word);
  return word;
}

std::string_view take_bytes(std::string_view& rest, uint64_t size) {
  if (rest.size() < size) throw std::runtime_error("cut");
  const std::string_view bytes = rest.substr(0, size);
  rest.remove_prefix(size);
  return bytes;
}

uint64_t take_varint(std::string_view& rest) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = take<uint8_t>(rest);
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
}

void expect_crc(std::string_view& rest, std::string_view bytes) {
  const auto stored = take<uint32_t>(rest) - 0xA282EAD8u;
  if ((stored >> 17 | stored << 15) != second_crc32c(bytes)) throw std::runtime_error("bad CRC");
}

struct ReadEvent {
  double wall_time = 0;
  uint64_t step = 0;
  std::string file_version;
  std::map<std::string, float> scalars;
};

void read_value(std::string_view value, ReadEvent& event) {
  std::string tag;
  float number = NAN;
  while (!value.empty()) switch (take_varint(value)) {
      case 1 << 3 | 2:
        tag = take_bytes(value, take_varint(value));
        break;
      case 2 << 3 | 5:
        number = take<float>(value);
        break;
      default:
        throw std::runtime_error("a field of Summary.Value that is not known");
    }
  if (!event.scalars.emplace(tag, number).second) throw std::runtime_error("a tag twice");
}

ReadEvent read_event(std::string_view data) {
  ReadEvent event;
  while (!data.empty()) switch (take_varint(data)) {
      case 1 << 3 | 1:
        event.wall_time = take<double>(data);
        break;
      case 2 << 3 | 0:
        event.step = take_varint(data);
        break;
      case 3 << 3 | 2:
        event.file_version = take_bytes(data, take_varint(data));
        break;
      case 5 << 3 | 2: {
        std::string_view summary = take_bytes(data, take_varint(data));
        while (!summary.empty()) {
          if (take_varint(summary) != (1 << 3 | 2)) throw std::runtime_error("a field of Summary");
          read_value(take_bytes(summary, take_varint(summary)), event);
        }
        break;
      }
      default:
        throw std::runtime_error("a field of Event that is not known");
    }
  return event;
}

std::vector<ReadEvent> read_events(std::string_view file) {
  std::vector<ReadEvent> events;
  while (!file.empty()) {
    const std::string_view length = file.substr(0, 8);
    const auto size = take<uint64_t>(file);
    expect_crc(file, length);
    const std::string_view data = take_bytes(file, size);
    expect_crc(file, data);
    events.push_back(read_event(data));
  }
  return events;
}

std::string event_file_of(const std::string& run_dir) {
  std::string found;
  for (const std::string& name : list_folder(run_dir))
    if (name.find("tfevents") != std::string::npos) {
      EXPECT_EQ(found, "") << "more than one";
      found = run_dir + "/" + name;
    }
  return found;
}

MetricRow row_of(int64_t step, double time_s, double score) {
  MetricRow row;
  row.set("step", step);
  row.set("time_s", time_s);
  row.set("critic/score/mean", score);
  return row;
}

TEST(EventFile, ARecordIsFramedAsTfRecord) {
  const std::string data =
      "\x1A\x0D"
      "brain.Event:2";
  const std::string record = event_record(data);
  ASSERT_EQ(record.size(), 8 + 4 + data.size() + 4);
  EXPECT_EQ(record.substr(0, 8), bytes_of({15, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(record.substr(12, 15), data);
  EXPECT_EQ(read_events(record).at(0).file_version, "brain.Event:2");
  for (size_t byte = 0; byte < record.size(); ++byte) {
    std::string broken = record;
    broken[byte] = static_cast<char>(broken[byte] ^ 0x10);
    EXPECT_THROW(read_events(broken), std::runtime_error) << "byte " << byte;
  }
}

TEST(EventFile, EveryFiniteMetricIsAScalarUnderItsName) {
  const TemporaryFolder folder;
  EventFile file(folder.path());
  MetricRow row = row_of(300, 1.5, 0.25);
  row.set("groups/kept", int64_t{7});
  row.set_null("actor/pg_loss");
  row.set("actor/kl_loss", std::nan(""));
  row.set("actor/grad_norm", std::numeric_limits<double>::infinity());
  row.set("eval/all/pass@1", -1e-30);
  file.add(row);
  file.append();
  const std::vector<ReadEvent> events = read_events(read_file(event_file_of(folder.path())));
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].file_version, "brain.Event:2");
  EXPECT_TRUE(events[0].scalars.empty());
  EXPECT_GT(events[0].wall_time, 1.7e9);
  EXPECT_EQ(events[1].step, 300u);
  EXPECT_EQ(events[1].wall_time, events[0].wall_time + 1.5);
  const std::map<std::string, float> expected = {{"time_s", 1.5f},
                                                 {"critic/score/mean", 0.25f},
                                                 {"groups/kept", 7.0f},
                                                 {"eval/all/pass@1", -1e-30f}};
  EXPECT_EQ(events[1].scalars, expected);
}

TEST(EventFile, TheRewrittenFileHasTheAppendedBytes) {
  const TemporaryFolder folder;
  const SyntheticRun run;
  write_run(folder.path(), run);
  begin_metrics_view(folder.path());
  for (int64_t step = 0; step <= run.steps; ++step)
    append_metrics_view(folder.path(), run.metrics_of(step));
  const std::string path = event_file_of(folder.path());
  const std::string appended = read_file(path);
  ASSERT_EQ(read_events(appended).size(), static_cast<size_t>(run.steps) + 2);

  write_file_atomic(path, appended.substr(0, appended.size() - 7));  // a kill within a record
  EXPECT_THROW(read_events(read_file(path)), std::runtime_error);
  rewrite_views(folder.path(), run.steps);
  EXPECT_EQ(event_file_of(folder.path()), path);
  EXPECT_TRUE(read_file(path) == appended);
  EXPECT_FALSE(fs::exists(folder.path() + "/.events"));
}

TEST(EventFile, StepsAfterTheCheckpointGoAndComeOnce) {
  const TemporaryFolder folder;
  const SyntheticRun run;
  write_run(folder.path(), run);
  write_metrics_view(folder.path());
  const std::string whole = read_file(event_file_of(folder.path()));
  {
    RunStore store = RunStore::open(folder.path());
    store.truncate_after(2);
    rewrite_views(folder.path(), 2);
    EXPECT_EQ(read_events(read_file(event_file_of(folder.path()))).back().step, 2u);
    for (int64_t step = 3; step <= run.steps; ++step)
      append_metrics_view(folder.path(), run.metrics_of(step));
  }
  EXPECT_TRUE(read_file(event_file_of(folder.path())) == whole);
}

TEST(EventFile, WhatCannotBeWrittenIsTheUsersToRepair) {
  EventFile file("/proc/no-run");
  file.add(row_of(1, 0, 0));
  EXPECT_THROW(file.append(), UserError);
  EventFile other("/proc/no-run");
  EXPECT_THROW(other.replace(), UserError);
}

}  // namespace
}  // namespace retort
