#pragma once
// A program of the user's that is spoken to in lines over its standard input and output.
#include "base/wait.h"

#include <sys/types.h>

#include <string>
#include <string_view>

namespace retort {

class LineProcess {
 public:
  // Starts PATH without arguments, in a process group of its own (Ctrl-C in a terminal does not
  // reach it). UserError at `place` when it is no program.
  LineProcess(const std::string& path, const std::string& place);
  // Ends it: end of file on its standard input, a second to leave, then SIGKILL to its group.
  ~LineProcess();
  LineProcess(const LineProcess&) = delete;
  LineProcess& operator=(const LineProcess&) = delete;

  enum class Status {
    kOk,
    kDeadline,  // not in time
    kClosed,    // it ended, or closed the pipe
    kTooLong,   // a line longer than allowed
  };
  // A line break is added.
  Status write_line(std::string_view line, Deadline deadline);
  // Without the line break.
  Status read_line(std::string& line, Deadline deadline, size_t max_bytes);

  // Closes its standard input; true when it leaves by itself with exit code 0 before the deadline.
  bool finish(Deadline deadline);

  // The end of what it wrote to standard error, 2 KiB at most; read while waiting above.
  const std::string& errors() const { return errors_; }

 private:
  // Waits until its output or, with `writing`, its input is ready, and keeps what it wrote to
  // standard error. False at the deadline.
  bool wait(bool writing, Deadline deadline);

  std::string path_;
  pid_t child_ = -1;
  int in_ = -1, out_ = -1, err_ = -1;  // our ends
  std::string pending_;                // read, not yet given out
  size_t searched_ = 0;                // bytes of pending_ without a line break
  std::string errors_;
  bool ended_ = false;  // reaped
};

std::string_view status_text(LineProcess::Status status);

}  // namespace retort
