#include "tools/retort/long_wait.h"

#include "base/log.h"

#include <fmt/format.h>

#include <chrono>

namespace retort {
void LongWait::over() {
  looked_ = since_ = Clock::now();
  next_s_ = kSaidS;
}

double LongWait::goes_on(const std::function<std::string()>& what) {
  const Clock::time_point now = Clock::now();
  if (seconds(now - looked_) > kGapS) since_ += now - looked_;
  looked_ = now;
  const double waited = seconds(now - since_);
  if (waited < next_s_) return waited;
  next_s_ = waited + kSaidS;
  log::info(fmt::format("waiting for {} since {:.0f} s", what(), waited));
  return waited;
}

}  // namespace retort
