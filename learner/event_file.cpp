#include "learner/event_file.h"

#include "base/file.h"

#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <optional>
#include <utility>

namespace retort {
namespace {

constexpr std::string_view kHead = "events.out.tfevents.", kTail = ".retort";

constexpr std::array<uint32_t, 256> make_crc_table() {
  constexpr uint32_t kReversedPolynomial = 0x82F63B78;
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit)
      rest = (rest >> 1) ^ ((rest & 1) != 0 ? kReversedPolynomial : 0);
    table[byte] = rest;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrcTable = make_crc_table();

template <class Word>
void put_little_endian(std::string& out, Word word) {
  for (size_t byte = 0; byte < sizeof word; ++byte)
    out += static_cast<char>((word >> (8 * byte)) & 0xFF);
}

// ---- the wire format of protocol buffers, as far as an Event needs it

enum Wire : uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7F) | 0x80);
  out += static_cast<char>(value);
}
void put_key(std::string& out, uint64_t field, Wire wire) { put_varint(out, field << 3 | wire); }
void put_double(std::string& out, uint64_t field, double value) {
  put_key(out, field, kFixed64);
  put_little_endian(out, std::bit_cast<uint64_t>(value));
}
void put_float(std::string& out, uint64_t field, float value) {
  put_key(out, field, kFixed32);
  put_little_endian(out, std::bit_cast<uint32_t>(value));
}
void put_bytes(std::string& out, uint64_t field, std::string_view bytes) {
  put_key(out, field, kBytes);
  put_varint(out, bytes.size());
  out += bytes;
}

// Event: wall_time = 1, step = 2, file_version = 3, summary = 5.
// Summary: value = 1. Summary.Value: tag = 1, simple_value = 2.
std::string first_event(double start_s) {
  std::string event;
  put_double(event, 1, start_s);
  put_bytes(event, 3, "brain.Event:2");
  return event;
}

std::string scalar(std::string_view tag, double number) {
  std::string value;
  put_bytes(value, 1, tag);
  put_float(value, 2, static_cast<float>(number));
  return value;
}

std::string step_event(const MetricRow& row, double start_s) {
  std::string summary;
  for (const MetricRow::Entry& entry : row.entries()) {
    const std::optional<double> number = row.get(entry.name);
    if (entry.name != "step" && number && std::isfinite(*number))
      put_bytes(summary, 1, scalar(entry.name, *number));
  }
  std::string event;
  put_double(event, 1, start_s + row.get("time_s").value_or(0));
  put_key(event, 2, kVarint);
  put_varint(event, static_cast<uint64_t>(row.get("step").value_or(0)));
  put_bytes(event, 5, summary);
  return event;
}

// START of "events.out.tfevents.START.retort".
std::optional<int64_t> start_of(std::string_view name) {
  if (!name.starts_with(kHead) || !name.ends_with(kTail)) return std::nullopt;
  const std::string_view digits =
      name.substr(kHead.size(), name.size() - kHead.size() - kTail.size());
  int64_t start = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), start);
  return error == std::errc() && end == digits.end() ? std::optional(start) : std::nullopt;
}

int64_t wall_clock_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t rest = 0xFFFFFFFF;
  for (const char byte : bytes)
    rest = (rest >> 8) ^ kCrcTable[(rest ^ static_cast<uint8_t>(byte)) & 0xFF];
  return ~rest;
}

uint32_t masked_crc32c(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xA282EAD8; }

std::string event_record(std::string_view data) {
  std::string record;
  put_little_endian(record, static_cast<uint64_t>(data.size()));
  put_little_endian(record, masked_crc32c(record));
  record += data;
  put_little_endian(record, masked_crc32c(data));
  return record;
}

EventFile::EventFile(std::string run_dir) : run_dir_(std::move(run_dir)) {
  std::optional<int64_t> start;
  if (std::filesystem::is_directory(run_dir_))
    for (const std::string& name : list_folder(run_dir_))
      if (!start) start = start_of(name);
  if (!start) start = wall_clock_s();
  start_s_ = static_cast<double>(*start);
  path_ = run_dir_ + "/" + std::string(kHead) + std::to_string(*start) + std::string(kTail);
}

void EventFile::add(const MetricRow& row) { records_ += event_record(step_event(row, start_s_)); }

void EventFile::replace() {
  // Beside under a name that TensorBoard does not take for an event file.
  const std::string beside = run_dir_ + "/.events";
  write_file_atomic(beside, event_record(first_event(start_s_)) + std::exchange(records_, ""));
  rename_durably(beside, path_);
}

void EventFile::append() {
  LineFile file(path_);
  if (file.size() == 0) file.append(event_record(first_event(start_s_)));
  file.append(std::exchange(records_, ""));
}

}  // namespace retort
