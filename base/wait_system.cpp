#include "base/wait_system.h"

#include "base/check.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>

namespace retort {
namespace {

// Milliseconds for poll(): rounded up, so that the deadline has passed when it returns 0.
int milliseconds(Deadline deadline) {
  const double left = std::ceil(deadline.seconds_left() * 1e3);
  return static_cast<int>(std::clamp(left, 0.0, 3.6e6));
}

}  // namespace

int wait_poll(std::span<pollfd> descriptors, const WaitScope& /*what_for*/, Deadline deadline) {
  while (true) {
    const int ready = ::poll(descriptors.data(), descriptors.size(), milliseconds(deadline));
    if (ready > 0) return ready;
    if (ready < 0 && errno != EINTR) RT_CHECK_EQ(errno, 0) << "poll";
    if (deadline.passed()) return 0;
  }
}

void rest_poll(std::span<pollfd> descriptors) {
  while (::poll(descriptors.data(), descriptors.size(), -1) <= 0) {
  }
}

std::optional<int> wait_exit(pid_t child, const WaitScope& what_for, Deadline deadline) {
  const int descriptor = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  if (descriptor >= 0) {
    pollfd ended{descriptor, POLLIN, 0};
    wait_poll({&ended, 1}, what_for, deadline);
    ::close(descriptor);
  }
  int status = 0;
  pid_t reaped = 0;
  do reaped = ::waitpid(child, &status, WNOHANG);
  while (reaped < 0 && errno == EINTR);
  if (reaped == child) return status;
  return std::nullopt;
}

}  // namespace retort
