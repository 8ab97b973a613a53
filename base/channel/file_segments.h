#pragma once
// One direction of a file wire: records in a folder of segment files. One process appends, another
// reads and removes. One thread each.
#include "base/channel/wire.h"

#include <cstdint>
#include <optional>
#include <string>

namespace retort {

// u32 length of the head, u32 length of the body, head, body.
class SegmentWriter {
 public:
  // Makes the folder. Begins behind the segments that are there.
  SegmentWriter(std::string folder, uint64_t segment_bytes);
  ~SegmentWriter();
  SegmentWriter(const SegmentWriter&) = delete;
  SegmentWriter& operator=(const SegmentWriter&) = delete;
  // False: the folder is gone or takes no more; the message is lost.
  bool append(const WireMessage& message);

 private:
  bool open_next();

  const std::string folder_;
  const uint64_t segment_bytes_;
  uint64_t number_ = 0;
  uint64_t size_ = 0;
  int descriptor_ = -1;
};

class SegmentReader {
 public:
  explicit SegmentReader(std::string folder);
  ~SegmentReader();
  SegmentReader(const SegmentReader&) = delete;
  SegmentReader& operator=(const SegmentReader&) = delete;
  // The next record that is whole; its `peer` and `from` are empty. What a writer left half written
  // is passed over once there is a later segment.
  std::optional<WireArrival> next();

 private:
  bool open_first();
  void remove_present();
  std::optional<std::vector<uint8_t>> read(uint64_t offset, uint64_t count) const;

  const std::string folder_;
  uint64_t number_ = 0;
  uint64_t offset_ = 0;
  int descriptor_ = -1;
};

}  // namespace retort
