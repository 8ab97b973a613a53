#include "tests/e2e/started.h"

#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace retort::testing {

Started::Started(const std::string& arguments, const std::string& prefix) {
  const std::string command = "exec " + prefix + " '" + std::getenv("RETORT_PROGRAM") + "' " +
                              arguments + " >'" + folder_.path("out") + "' 2>'" +
                              folder_.path("err") + "'";
  const char* const words[] = {"/bin/sh", "-c", command.c_str(), nullptr};
  if (::posix_spawn(&process_, words[0], nullptr, nullptr, const_cast<char**>(words), environ) != 0)
    throw std::runtime_error("no process");
}

Started::~Started() {
  if (!running()) return;
  signal(SIGKILL);
  signal(SIGCONT);
  ::waitpid(process_, &status_, 0);
}

void Started::signal(int number) const { ::kill(process_, number); }

bool Started::running() {
  if (!over_) over_ = ::waitpid(process_, &status_, WNOHANG) == process_;
  return !over_;
}

ProgramResult Started::end(double seconds) {
  const bool in_time = comes_true(seconds, [this] { return !running(); });
  if (!in_time) {
    signal(SIGKILL);
    ::waitpid(process_, &status_, 0);
    over_ = true;
  }
  ProgramResult result;
  result.code = WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  if (!in_time) result.code = 124;
  result.out = file_text(folder_.path("out"));
  result.err = said();
  return result;
}

bool comes_true(double seconds, const std::function<bool()>& so) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!so()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

size_t lines_of(const std::string& path) {
  const std::string text = file_text(path);
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace retort::testing
