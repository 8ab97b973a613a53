#include "learner/run_lock.h"

#include "base/error.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace retort {

RunLock::RunLock(const std::string& run_dir) {
  descriptor_ = ::open(run_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor_ < 0)
    throw UserError(run_dir, std::string("cannot be read (") + std::strerror(errno) + ")",
                    "give the directory of a run");
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  const int error = errno;
  if (error != EWOULDBLOCK) return;  // a file system without locks: SQLite's own must do
  ::close(descriptor_);
  throw UserError(run_dir, "another process is writing this run",
                  "wait until it ends, or give another --run");
}

RunLock::~RunLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

RunLock::RunLock(RunLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

}  // namespace retort
