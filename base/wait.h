#pragma once
// Waiting with a deadline, a reason and a holder. Every wait of the project goes through here, so
// that who is stuck, on what, and who could end it is known (`current_waits()`) and said
// (wait_watch.h).
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace retort {

// A moment of the steady clock. Copyable; the same deadline can bound several waits in a row.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  static Deadline after(double seconds);  // from now; 0 or less: already passed
  static Deadline at(Clock::time_point when) { return Deadline(when); }
  static Deadline never();  // for waits that a signal or a closing peer ends

  bool passed() const;
  double seconds_left() const;  // never negative; infinity for never()
  Clock::time_point when() const { return when_; }

 private:
  explicit Deadline(Clock::time_point when) : when_(when) {}
  Clock::time_point when_;
};

// Spans of that clock as seconds, and a moment so many seconds later.
inline double seconds(Deadline::Clock::duration span) {
  return std::chrono::duration<double>(span).count();
}
inline Deadline::Clock::time_point after(Deadline::Clock::time_point from, double span_s) {
  return from + std::chrono::duration_cast<Deadline::Clock::duration>(
                    std::chrono::duration<double>(span_s));
}

struct WaitRow {
  std::string reason;  // "a credit for sample 3/0/1/0"
  std::string holder;  // who can end the wait: "the learner"
  double waited_s = 0;
  double left_s = 0;
};

// All waits of the process, the longest first.
std::vector<WaitRow> current_waits();
// "waited 2.0 s for REASON, held by HOLDER", the text of a time-out.
std::string wait_text(const WaitRow& row);

// What a wait is for; listed in current_waits() as long as it lives.
class WaitScope {
 public:
  WaitScope(std::string reason, std::string holder, Deadline deadline);
  ~WaitScope();
  WaitScope(const WaitScope&) = delete;
  WaitScope& operator=(const WaitScope&) = delete;
  WaitRow row() const;

 private:
  std::string reason_;
  std::string holder_;
  Deadline deadline_;
  Deadline::Clock::time_point since_;
  friend std::vector<WaitRow> current_waits();
};

// The rest of a thread that serves others until there is work: it holds nobody up, so it is not
// listed. Otherwise as wait_until().
template <class Done>
bool rest_until(std::condition_variable& condition, std::unique_lock<std::mutex>& lock,
                Deadline deadline, const Done& done) {
  while (!done()) {
    if (deadline.passed()) return false;
    if (deadline.when() == Deadline::Clock::time_point::max())
      condition.wait(lock);
    else
      condition.wait_until(lock, deadline.when());
  }
  return true;
}

// Waits on `condition` until `done()` or the deadline; returns done(). `lock` holds the mutex that
// guards what done() reads. A deadline that has passed still looks once.
template <class Done>
bool wait_until(std::condition_variable& condition, std::unique_lock<std::mutex>& lock,
                const WaitScope& /*what for*/, Deadline deadline, const Done& done) {
  return rest_until(condition, lock, deadline, done);
}

// Until the moment has come, for what can only be looked for again and again.
void wait_a_moment(const WaitScope& what_for, Deadline moment);

// Until the number is another than `seen`: the rest of a pool of threads between two loops, and its
// caller's until the last thread has computed its part. Nothing outside the pool can hold it up.
template <class Number>
void rest_while(const std::atomic<Number>& number, Number seen) {
  number.wait(seen, std::memory_order_acquire);
}

// A thread whose end is waited for with a deadline. Without join() it goes on by itself, so what it
// uses must be its own.
class WaitedThread {
 public:
  explicit WaitedThread(std::function<void()> run);
  ~WaitedThread();
  WaitedThread(const WaitedThread&) = delete;
  WaitedThread& operator=(const WaitedThread&) = delete;

  // Whether it has ended by the deadline.
  bool join(const WaitScope& what_for, Deadline deadline);
  // For a thread that was told to end and that uses its owner's memory: when it has not ended by
  // the deadline, what was waited for goes to stderr and the process ends.
  void join_or_abort(const WaitScope& what_for, Deadline deadline);

 private:
  struct Shared {
    std::mutex mutex;
    std::condition_variable ended;
    bool is_over = false;  // guarded by mutex
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::thread thread_;
};

}  // namespace retort
