#pragma once
// A wait that goes on is said every ten seconds: for what, and who holds it.
#include "base/wait.h"

#include <chrono>
#include <functional>
#include <string>

namespace retort {

class LongWait {
 public:
  // What was waited for came, or is about to be asked for: the count of seconds begins anew.
  void over();
  // It has not come yet: "waiting for WHAT since 12 s" on standard error and in the log when it is
  // time again. Returns the seconds waited. To be called every second or so: a longer gap is one in
  // which nobody waited (scoring, a stopped process), and does not count.
  double goes_on(const std::function<std::string()>& what);

 private:
  static constexpr double kSaidS = 10;
  using Clock = Deadline::Clock;
  static constexpr double kGapS = 5;
  Clock::time_point since_ = Clock::now();
  Clock::time_point looked_ = since_;
  double next_s_ = kSaidS;
};

}  // namespace retort
