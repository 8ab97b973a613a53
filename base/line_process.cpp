#include "base/line_process.h"

#include "base/check.h"
#include "base/error.h"
#include "base/spawn.h"
#include "base/wait_system.h"

#include <fcntl.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigtimedwait, kill
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace retort {
namespace {

constexpr size_t kKeptErrors = 2048;
constexpr double kLeaveS = 1.0;

struct Pipe {
  int read = -1, write = -1;
  Pipe() {
    std::array<int, 2> ends{};
    RT_CHECK_EQ(::pipe2(ends.data(), O_CLOEXEC), 0) << std::strerror(errno);
    read = ends[0];
    write = ends[1];
  }
};

void close_end(int& descriptor) {
  if (descriptor >= 0) ::close(descriptor);
  descriptor = -1;
}

void no_waiting(int descriptor) {
  ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK);
}

// write() to a pipe whose reader may be gone: EPIPE, and no signal.
ssize_t write_quietly(int descriptor, const char* bytes, size_t count) {
  sigset_t broken, before;
  sigemptyset(&broken);
  sigaddset(&broken, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken, &before);
  const ssize_t written = ::write(descriptor, bytes, count);
  const int error = errno;
  if (written < 0 && error == EPIPE) {
    const timespec now{};
    sigtimedwait(&broken, nullptr, &now);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return written;
}

}  // namespace

LineProcess::LineProcess(const std::string& path, const std::string& place) : path_(path) {
  if (::access(path.c_str(), X_OK) != 0)
    throw UserError(
        place, "'" + path + "' cannot be run (" + std::strerror(errno) + ")",
        errno == EACCES ? "make it executable: chmod +x " + path : "give the path of a program");
  Pipe in, out, err;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.read, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.write, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.write, STDERR_FILENO);
  std::array<char*, 2> argv = {path_.data(), nullptr};
  const int error = spawn_in_own_group(&child_, path_.c_str(), actions, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  for (int* theirs : {&in.read, &out.write, &err.write}) close_end(*theirs);
  in_ = in.write;
  out_ = out.read;
  err_ = err.read;
  if (error != 0) {
    for (int* ours : {&in_, &out_, &err_}) close_end(*ours);
    throw UserError(place, "'" + path + "' cannot be run (" + std::strerror(error) + ")",
                    "give a program, or a script whose first line names its interpreter");
  }
  for (const int ours : {in_, out_, err_}) no_waiting(ours);
  end_ = static_cast<int>(::syscall(SYS_pidfd_open, child_, 0));
}

LineProcess::~LineProcess() {
  finish(Deadline::after(kLeaveS));
  if (!reaped_) {
    ::kill(-child_, SIGKILL);
    const WaitScope scope("a killed program to be gone", path_, Deadline::after(kLeaveS));
    wait_exit(child_, scope, Deadline::after(kLeaveS));
  }
  for (int* ours : {&in_, &out_, &err_, &end_}) close_end(*ours);
}

void LineProcess::send(std::string_view line) {
  unsent_ += line;
  unsent_ += '\n';
}

LineProcess::Status LineProcess::next_line(std::string& line, Deadline deadline, size_t max_bytes) {
  const WaitScope scope("a line of a reward's program", path_, deadline);
  while (true) {
    const size_t end = pending_.find('\n', searched_);
    if ((end == std::string::npos ? pending_.size() : end) > max_bytes) return Status::kTooLong;
    if (end != std::string::npos) {
      line.assign(pending_, 0, end);
      pending_.erase(0, end + 1);
      searched_ = 0;
      return Status::kOk;
    }
    searched_ = pending_.size();
    if (closed_) return Status::kClosed;
    if (!exchange(scope, deadline)) return Status::kDeadline;
  }
}

bool LineProcess::exchange(const WaitScope& scope, Deadline deadline) {
  const bool writing = in_ >= 0 && sent_ < unsent_.size();
  std::array<pollfd, 4> watched = {pollfd{out_, POLLIN, 0}, pollfd{err_, POLLIN, 0},
                                   pollfd{writing ? in_ : -1, POLLOUT, 0}, pollfd{end_, POLLIN, 0}};
  if (deadline.passed() || wait_poll(watched, scope, deadline) == 0) return false;
  if (watched[1].revents != 0) read_errors();
  if (watched[2].revents != 0) write_some();
  if (watched[0].revents != 0)
    read_output();
  else if (watched[3].revents != 0)
    closed_ = true;  // it has ended, and what still holds its output says nothing
  return true;
}

void LineProcess::write_some() {
  const ssize_t count = write_quietly(in_, unsent_.data() + sent_, unsent_.size() - sent_);
  if (count > 0) sent_ += static_cast<size_t>(count);
  // It wants no more rows, but may still answer those it has.
  if (count < 0 && errno != EINTR && errno != EAGAIN) close_end(in_);
  if (sent_ == unsent_.size() || in_ < 0) {
    unsent_.clear();
    sent_ = 0;
  }
}

void LineProcess::read_errors() {
  std::array<char, 4096> bytes{};
  const ssize_t count = ::read(err_, bytes.data(), bytes.size());
  if (count > 0) errors_.append(bytes.data(), static_cast<size_t>(count));
  if (errors_.size() > kKeptErrors) errors_.erase(0, errors_.size() - kKeptErrors);
  if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) close_end(err_);
}

void LineProcess::read_output() {
  std::array<char, 1 << 16> bytes{};
  const ssize_t count = ::read(out_, bytes.data(), bytes.size());
  if (count > 0) pending_.append(bytes.data(), static_cast<size_t>(count));
  if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) closed_ = true;
}

bool LineProcess::finish(Deadline deadline) {
  close_end(in_);
  if (reaped_) return false;
  const WaitScope scope("a program to end with its input", path_, deadline);
  pollfd ended{end_, POLLIN, 0};
  if (end_ >= 0 && wait_poll({&ended, 1}, scope, deadline) == 0) return false;
  // Not yet reaped: the number of its group is still its own.
  if (end_ >= 0) ::kill(-child_, SIGKILL);
  const std::optional<int> status = wait_exit(child_, scope, deadline);
  reaped_ = status.has_value();
  return status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0;
}

std::string_view status_text(LineProcess::Status status) {
  switch (status) {
    case LineProcess::Status::kOk:
      return "answered";
    case LineProcess::Status::kDeadline:
      return "did not answer in time";
    case LineProcess::Status::kClosed:
      return "ended";
    case LineProcess::Status::kTooLong:
      return "answered with a line that is too long";
  }
  return "";
}

}  // namespace retort
