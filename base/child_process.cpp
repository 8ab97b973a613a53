#include "base/child_process.h"

#include "base/check.h"
#include "base/spawn.h"
#include "base/wait_system.h"

#include <fcntl.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace retort {
namespace {

constexpr const char* kVariable = "RETORT_PARENT_PIPE";

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

// This process's environment with `variables` in place of its own of these names.
std::vector<std::string> environment(
    const std::vector<std::pair<std::string, std::string>>& variables) {
  std::vector<std::string> all;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string text = *one;
    bool replaced = false;
    for (const auto& [name, value] : variables) replaced |= text.starts_with(name + "=");
    if (!replaced) all.push_back(text);
  }
  for (const auto& [name, value] : variables) all.push_back(name + "=" + value);
  return all;
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& arguments,
                           const std::vector<std::pair<std::string, std::string>>& variables,
                           const std::string& output) {
  std::array<int, 2> ends{};
  RT_CHECK_EQ(::pipe2(ends.data(), O_CLOEXEC), 0) << std::strerror(errno);
  // The child's end has a number that a copy in the child keeps; no other child inherits ours.
  constexpr int kChildEnd = 3;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  // A copy onto the same number would keep the mark that closes it: by way of standard input.
  posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, kChildEnd);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (!output.empty()) {
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  }
  std::vector<std::string> argv = {"retort"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  std::vector<std::pair<std::string, std::string>> all = variables;
  all.emplace_back(kVariable, std::to_string(kChildEnd));
  std::vector<std::string> env = environment(all);
  const int error = spawn_in_own_group(&child_, "/proc/self/exe", actions, pointers(argv).data(),
                                       pointers(env).data());
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[0]);
  pipe_ = ends[1];
  if (error != 0) {
    ::close(pipe_);
    RT_CHECK_EQ(error, 0) << "a process cannot be started: " << std::strerror(error);
  }
}

ChildProcess::~ChildProcess() {
  if (pipe_ >= 0) ::close(pipe_);
  pipe_ = -1;
  if (!join(Deadline::after(kLeaveS))) kill();
}

std::optional<std::string> ChildProcess::ended() {
  if (!status_) {
    const WaitScope scope("whether a worker runs", "the worker", Deadline::after(0));
    status_ = wait_exit(child_, scope, Deadline::after(0));
  }
  if (!status_) return std::nullopt;
  if (WIFSIGNALED(*status_)) return "signal " + std::to_string(WTERMSIG(*status_));
  return "exit code " + std::to_string(WEXITSTATUS(*status_));
}

bool ChildProcess::join(Deadline deadline) {
  if (!status_) {
    const WaitScope scope("a worker to end", "process " + std::to_string(child_), deadline);
    status_ = wait_exit(child_, scope, deadline);
  }
  return status_ && WIFEXITED(*status_) && WEXITSTATUS(*status_) == 0;
}

void ChildProcess::kill() {
  if (status_) return;
  ::kill(-child_, SIGKILL);
  const WaitScope scope("a killed worker to be gone", "process " + std::to_string(child_),
                        Deadline::after(kLeaveS));
  status_ = wait_exit(child_, scope, Deadline::after(kLeaveS));
}

void watch_parent() {
  const char* text = std::getenv(kVariable);
  if (text == nullptr) return;
  const int descriptor = std::atoi(text);
  ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  ::unsetenv(kVariable);
  std::thread([descriptor] {
    // Nothing is ever written: ready means that the parent's end is closed.
    pollfd end{descriptor, POLLIN, 0};
    rest_poll({&end, 1});
    ::_exit(1);
  }).detach();
}

}  // namespace retort
