#include "tools/retort/progress.h"

#include <fmt/format.h>

namespace retort {

Progress::Progress(std::string what, int64_t total, bool quiet)
    : what_(std::move(what)),
      total_(total),
      started_(std::chrono::steady_clock::now()),
      line_(quiet) {}

void Progress::update(int64_t done) {
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  if (seconds < 1.0) return;
  const double rate = static_cast<double>(done) / seconds;
  if (total_ == 0) return line_.update(fmt::format("{} {}, {:.1f}/s", done, what_, rate));
  const std::string left =
      done > 0 ? fmt::format(", {:.0f} s left", static_cast<double>(total_ - done) / rate) : "";
  line_.update(fmt::format("{} of {} {}, {:.1f}/s{}", done, total_, what_, rate, left));
}

}  // namespace retort
