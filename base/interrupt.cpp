#include "base/interrupt.h"

#include <unistd.h>

#include <atomic>
#include <csignal>

namespace retort {
namespace {

constexpr int kInterruptedExitCode = 130;
std::atomic<bool> seen{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may touch no lock");

extern "C" void on_interrupt(int) {
  if (!seen.exchange(true)) return;
  constexpr char kLine[] =
      "retort: interrupted twice, ended at once; what was saved before stands, --resume goes on "
      "from there\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kLine, sizeof kLine - 1);
  ::_exit(kInterruptedExitCode);
}

}  // namespace

void watch_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return seen.load(); }

void clear_interrupt() { seen.store(false); }

}  // namespace retort
