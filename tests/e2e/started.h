#pragma once
// The program under test while it runs: what a test does to it, sees of it, and how it ends.
#include "tests/e2e/program.h"

#include <sys/types.h>

#include <functional>
#include <string>

namespace retort::testing {

class Started {
 public:
  // `PREFIX RETORT arguments` in a shell that becomes it; `prefix` sets variables or is a program
  // that becomes its command: "env NAME=value", "ip netns exec NAME".
  explicit Started(const std::string& arguments, const std::string& prefix = "");
  ~Started();  // SIGKILL
  Started(const Started&) = delete;
  Started& operator=(const Started&) = delete;

  pid_t id() const { return process_; }
  void signal(int number) const;
  // Waits for its end. Code 124, after a SIGKILL, when it has not ended within `seconds`.
  ProgramResult end(double seconds = 300);
  bool running();
  // What it has printed on standard error so far.
  std::string said() const { return file_text(folder_.path("err")); }

 private:
  const TemporaryFolder folder_;
  pid_t process_ = -1;
  int status_ = 0;
  bool over_ = false;
};

// Whether it is so within `seconds`; looked at every 10 ms.
bool comes_true(double seconds, const std::function<bool()>& so);
// Lines of a file: metrics.jsonl has one more than steps that are done.
size_t lines_of(const std::string& path);

}  // namespace retort::testing
