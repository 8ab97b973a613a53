#include "base/wait.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <utility>

namespace retort {
namespace {

// Seconds that the clock's counter can hold many times over.
constexpr double kLongestSeconds = 1e9;

struct Registry {
  std::mutex mutex;
  std::vector<const WaitScope*> waits;  // guarded by mutex; the longest first
};
// Never destroyed: objects with static storage wait in their destructors too.
Registry& registry() {
  static Registry* const instance = new Registry;
  return *instance;
}

}  // namespace

Deadline Deadline::after(double seconds_from_now) {
  if (seconds_from_now >= kLongestSeconds) return never();
  return Deadline(Clock::now() +
                  std::chrono::duration_cast<Clock::duration>(
                      std::chrono::duration<double>(std::max(0.0, seconds_from_now))));
}

Deadline Deadline::never() { return Deadline(Clock::time_point::max()); }

bool Deadline::passed() const { return Clock::now() >= when_; }

double Deadline::seconds_left() const {
  if (when_ == Clock::time_point::max()) return std::numeric_limits<double>::infinity();
  return std::max(0.0, seconds(when_ - Clock::now()));
}

WaitScope::WaitScope(std::string reason, std::string holder, Deadline deadline)
    : reason_(std::move(reason)),
      holder_(std::move(holder)),
      deadline_(deadline),
      since_(Deadline::Clock::now()) {
  const std::lock_guard lock(registry().mutex);
  registry().waits.push_back(this);
}

WaitScope::~WaitScope() {
  const std::lock_guard lock(registry().mutex);
  std::erase(registry().waits, this);
}

WaitRow WaitScope::row() const {
  return {reason_, holder_, seconds(Deadline::Clock::now() - since_), deadline_.seconds_left()};
}

std::vector<WaitRow> current_waits() {
  std::vector<WaitRow> rows;
  const std::lock_guard lock(registry().mutex);
  for (const WaitScope* wait : registry().waits) rows.push_back(wait->row());
  return rows;
}

std::string wait_text(const WaitRow& row) {
  char waited[32];
  std::snprintf(waited, sizeof waited, "%.1f", row.waited_s);
  return "waited " + std::string(waited) + " s for " + row.reason + ", held by " + row.holder;
}

void wait_a_moment(const WaitScope& /*what_for*/, Deadline moment) {
  std::this_thread::sleep_until(moment.when());
}

WaitedThread::WaitedThread(std::function<void()> run)
    : thread_([shared = shared_, run = std::move(run)] {
        run();
        const std::lock_guard lock(shared->mutex);
        shared->is_over = true;
        shared->ended.notify_all();
      }) {}

WaitedThread::~WaitedThread() {
  if (thread_.joinable()) thread_.detach();
}

bool WaitedThread::join(const WaitScope& what_for, Deadline deadline) {
  if (!thread_.joinable()) return true;
  std::unique_lock lock(shared_->mutex);
  if (!wait_until(shared_->ended, lock, what_for, deadline, [&] { return shared_->is_over; }))
    return false;
  lock.unlock();
  thread_.join();
  return true;
}

void WaitedThread::join_or_abort(const WaitScope& what_for, Deadline deadline) {
  if (join(what_for, deadline)) return;
  std::fprintf(stderr, "retort: %s\n", wait_text(what_for.row()).c_str());
  std::abort();
}

}  // namespace retort
