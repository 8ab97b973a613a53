#include "policy/checkpoint/atomic_file.h"

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace retort {

namespace {

[[noreturn]] void fail(const std::string& path, const char* what) {
  throw UserError(path, std::string(what) + ": " + std::strerror(errno),
                  "check the folder's permissions and free space");
}

}  // namespace

AtomicFile::AtomicFile(const std::string& path) : path_(path), partial_path_(path + ".partial") {
  fd_ = open(partial_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) fail(path_, "cannot be written");
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(partial_path_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  RT_CHECK_GE(fd_, 0) << "write after commit of " << path_;
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      fail(path_, "cannot be written");
    }
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void AtomicFile::commit() {
  RT_CHECK_GE(fd_, 0) << "second commit of " << path_;
  if (fsync(fd_) != 0) fail(path_, "cannot be synced");
  close(fd_);
  fd_ = -1;
  rename_durably(partial_path_, path_);
}

}  // namespace retort
