#pragma once
// TensorBoard event files: metrics as scalars in RUN/events.out.tfevents.START.retort, one event a
// step, each metric under its own name. A view like metrics.jsonl, no record: a resume writes it
// anew.
//
// The file is a TFRecord file: length (8 bytes), masked CRC-32C of those bytes, an Event protocol
// buffer, masked CRC-32C of it; all little-endian. The first Event says "brain.Event:2"
// (tensorflow/core/util/event.proto, framework/summary.proto, lib/io/record_writer.h).
//
// An event's time is START (seconds since 1970 when the file was begun) + time_s. So it never runs
// backwards, whatever the machine's clock does, and a resumed run goes on where it stopped.
#include "base/metric.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace retort {

// CRC-32C (Castagnoli, RFC 3720 B.4), and as TFRecord stores it.
uint32_t crc32c(std::string_view bytes);
uint32_t masked_crc32c(std::string_view bytes);

// One record around `data`.
std::string event_record(std::string_view data);

// Collects the records of a run's event file, and puts them in its place.
class EventFile {
 public:
  // The file that is there, or the name for a new one.
  explicit EventFile(std::string run_dir);

  // The step's event. Numbers that are null or not finite have none.
  void add(const MetricRow& row);
  // The file holds what was added, and nothing else; old or new after a crash. UserError when it
  // cannot be written.
  void replace();
  // What was added goes behind what the file holds. UserError when it cannot be written.
  void append();

  const std::string& path() const { return path_; }

 private:
  std::string run_dir_, path_;
  double start_s_ = 0;
  std::string records_;
};

}  // namespace retort
