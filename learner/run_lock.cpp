#include "learner/run_lock.h"

#include "base/error.h"
#include "base/wait.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace retort {
namespace {

constexpr double kPatienceS = 2, kLookS = 0.02;

}  // namespace

RunLock::RunLock(const std::string& run_dir) {
  descriptor_ = ::open(run_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor_ < 0)
    throw UserError(run_dir, std::string("cannot be read (") + std::strerror(errno) + ")",
                    "give the directory of a run");
  // A process that was killed a moment ago holds its lock until its memory is gone.
  const Deadline deadline = Deadline::after(kPatienceS);
  const WaitScope what("the lock of " + run_dir, "another process", deadline);
  while (true) {
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
    if (errno != EWOULDBLOCK) return;  // a file system without locks: SQLite's own must do
    if (deadline.passed()) break;
    wait_a_moment(what, Deadline::after(kLookS));
  }
  ::close(descriptor_);
  throw UserError(run_dir, "another process is writing this run",
                  "wait until it ends, or give another --run");
}

RunLock::~RunLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

RunLock::RunLock(RunLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

}  // namespace retort
