#include "base/wait_watch.h"

#include "base/log.h"

#include <fmt/format.h>

#include <cmath>

namespace retort {
namespace {

constexpr double kEndS = 30;  // far beyond what a look takes

}  // namespace

WaitWatch::WaitWatch(double often_s) : often_s_(often_s), thread_([this] { look(); }) {}

WaitWatch::~WaitWatch() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  over_changed_.notify_all();
  const Deadline deadline = Deadline::after(kEndS);
  thread_.join_or_abort(WaitScope("the end of the watch over waits", "its thread", deadline),
                        deadline);
}

void WaitWatch::look() {
  const double between_s = often_s_ / 10;
  auto last = Deadline::Clock::now();
  std::unique_lock lock(mutex_);
  while (!rest_until(over_changed_, lock, Deadline::after(between_s), [this] { return over_; })) {
    const auto now = Deadline::Clock::now();
    const double since_last = std::chrono::duration<double>(now - last).count();
    last = now;
    for (const WaitRow& wait : current_waits()) {
      // Said in the look that first sees it beyond another `often_s`.
      const double before = std::max(0.0, wait.waited_s - since_last);
      if (std::floor(wait.waited_s / often_s_) == std::floor(before / often_s_)) continue;
      log::info(fmt::format("waiting for {} since {:.0f} s, held by {}", wait.reason, wait.waited_s,
                            wait.holder));
    }
  }
}

}  // namespace retort
