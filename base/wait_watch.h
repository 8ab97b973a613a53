#pragma once
// Says every wait that goes on (base/wait.h): after ten seconds and every ten after, for what, and
// who holds it. One for a program, alive as long as its work.
#include "base/wait.h"

namespace retort {

class WaitWatch {
 public:
  // `often_s`: for tests.
  explicit WaitWatch(double often_s = 10);
  ~WaitWatch();
  WaitWatch(const WaitWatch&) = delete;
  WaitWatch& operator=(const WaitWatch&) = delete;

 private:
  void look();

  const double often_s_;
  std::mutex mutex_;
  std::condition_variable over_changed_;
  bool over_ = false;  // guarded by mutex_
  WaitedThread thread_;
};

}  // namespace retort
