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
  // A line for its standard input; a line break is added. It goes out while next_line() waits.
  void send(std::string_view line);
  // Its next line, without the line break.
  Status next_line(std::string& line, Deadline deadline, size_t max_bytes);

  // Closes its standard input; true when it leaves by itself with exit code 0 before the deadline.
  // What it started and left in its group is killed.
  bool finish(Deadline deadline);

  // The end of what it wrote to standard error, 2 KiB at most; read while waiting above.
  const std::string& errors() const { return errors_; }

 private:
  // Waits until something can be done, and does it: writes what is unsent, reads its output and
  // standard error. False at the deadline.
  bool exchange(const WaitScope& scope, Deadline deadline);
  void write_some();
  void read_errors();
  void read_output();

  std::string path_;
  pid_t child_ = -1;
  int end_ = -1;                       // a descriptor that is readable once the program has ended
  int in_ = -1, out_ = -1, err_ = -1;  // our ends
  std::string unsent_;
  size_t sent_ = 0;      // bytes of unsent_ that have gone out
  std::string pending_;  // read, not yet given out
  size_t searched_ = 0;  // bytes of pending_ without a line break
  bool closed_ = false;  // nothing more will come
  std::string errors_;
  bool reaped_ = false;
};

std::string_view status_text(LineProcess::Status status);

}  // namespace retort
