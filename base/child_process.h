#pragma once
// A child process that ends with this one: it holds the read end of a pipe whose other end only
// this process has, and leaves when that reports end of file, however this process ended. (A
// parent-death signal would follow the thread that started it.)
#include "base/wait.h"

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace retort {

class ChildProcess {
 public:
  // Starts this very program with `arguments`; the environment is this process's with `variables`
  // set besides, and RETORT_PARENT_PIPE for watch_parent(). Standard output and error go to
  // `output` (appended; empty: where this process's go), standard input is empty. Its own process
  // group: Ctrl-C in a terminal does not reach it. InternalError when it cannot be started.
  ChildProcess(const std::vector<std::string>& arguments,
               const std::vector<std::pair<std::string, std::string>>& variables,
               const std::string& output);
  // Ends it: end of file on its pipe, `kLeaveS` to leave, then SIGKILL.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  static constexpr double kLeaveS = 5;

  pid_t id() const { return child_; }
  // How it ended ("exit code 1", "signal 9"), nullopt while it runs.
  std::optional<std::string> ended();
  // True when it ended by itself with exit code 0 by the deadline.
  bool join(Deadline deadline);
  void kill();  // SIGKILL, and reaped

 private:
  pid_t child_ = -1;
  int pipe_ = -1;  // our end
  std::optional<int> status_;
};

// In a child: from now on the process ends at once (exit code 1) when its parent is gone. Nothing
// when it was not started by ChildProcess.
void watch_parent();

}  // namespace retort
