#pragma once
// How far a command with many like pieces of work is, as a live line: done, rate, seconds left.
// Work of less than a second has none; a terminal is drawn ten times a second.
#include "base/log.h"

#include <chrono>
#include <cstdint>
#include <string>

namespace retort {

class Progress {
 public:
  // `what` is done `total` times; 0: how often is not known.
  Progress(std::string what, int64_t total, bool quiet);
  ~Progress();  // shows how far it came
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(int64_t done);

 private:
  void show(double seconds);

  std::string what_;
  int64_t total_;
  int64_t done_ = 0;
  bool is_shown_ = true;  // done_ is on the line, or there is nothing to tell
  std::chrono::steady_clock::time_point started_, drawn_;
  LiveLine line_;
};

}  // namespace retort
