#pragma once
// One writer a run directory. The lock ends with the process, however that ends.
#include <string>

namespace retort {

class RunLock {
 public:
  // UserError when another process holds it, and still does two seconds later: one that was killed
  // keeps it until its memory is gone.
  explicit RunLock(const std::string& run_dir);
  ~RunLock();
  RunLock(RunLock&& other) noexcept;
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace retort
