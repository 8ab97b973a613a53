#pragma once
// How far a command with many like pieces of work is, as a live line: done, rate, seconds left.
// Work of less than a second has none.
#include "base/log.h"

#include <chrono>
#include <cstdint>
#include <string>

namespace retort {

class Progress {
 public:
  // `what` is done `total` times; 0: how often is not known.
  Progress(std::string what, int64_t total, bool quiet);
  void update(int64_t done);

 private:
  std::string what_;
  int64_t total_;
  std::chrono::steady_clock::time_point started_;
  LiveLine line_;
};

}  // namespace retort
