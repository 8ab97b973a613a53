#include "tools/retort/progress.h"

#include <fmt/format.h>

namespace retort {

Progress::Progress(std::string what, int64_t total, bool quiet)
    : what_(std::move(what)),
      total_(total),
      started_(std::chrono::steady_clock::now()),
      drawn_(started_),
      line_(quiet) {}

Progress::~Progress() {
  if (is_shown_) return;
  show(std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count());
}

void Progress::update(int64_t done) {
  constexpr std::chrono::milliseconds kBetween(100);
  const auto now = std::chrono::steady_clock::now();
  const double seconds = std::chrono::duration<double>(now - started_).count();
  if (seconds < 1.0) return;
  done_ = done;
  is_shown_ = now - drawn_ >= kBetween;
  if (!is_shown_) return;
  drawn_ = now;
  show(seconds);
}

void Progress::show(double seconds) {
  const double rate = static_cast<double>(done_) / seconds;
  if (total_ == 0) return line_.update(fmt::format("{} {}, {:.1f}/s", done_, what_, rate));
  const std::string left =
      done_ > 0 ? fmt::format(", {:.0f} s left", static_cast<double>(total_ - done_) / rate) : "";
  line_.update(fmt::format("{} of {} {}, {:.1f}/s{}", done_, total_, what_, rate, left));
}

}  // namespace retort
