#include "base/database_writer.h"

#include "base/check.h"
#include "base/error.h"

#include <utility>

namespace retort {
namespace {

// A disk that takes no transaction for so long will take none.
constexpr double kStuckSeconds = 600;

}  // namespace

DatabaseWriter::DatabaseWriter(Database database, size_t queue_limit)
    : database_(std::move(database)), queue_limit_(queue_limit) {
  RT_CHECK_GE(queue_limit, size_t{1});
  thread_.emplace([this] { write_jobs(); });
}

DatabaseWriter::~DatabaseWriter() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  jobs_or_end_.notify_one();
  const Deadline deadline = Deadline::after(kStuckSeconds);
  const WaitScope scope("the last rows of " + database_.path(), "its writer thread", deadline);
  thread_->join_or_abort(scope, deadline);
}

void DatabaseWriter::check_failure() const {
  if (failure_) std::rethrow_exception(failure_);
}

void DatabaseWriter::submit(Job job) {
  {
    std::unique_lock lock(mutex_);
    if (queue_.size() >= queue_limit_) {
      const Deadline deadline = Deadline::after(kStuckSeconds);
      const WaitScope scope("room in the queue of " + database_.path(), "its writer thread",
                            deadline);
      if (!wait_until(progress_, lock, scope, deadline,
                      [&] { return failure_ || queue_.size() < queue_limit_; }))
        throw UserError(database_.path(), wait_text(scope.row()),
                        "see whether its disk answers, then go on with --resume");
    }
    check_failure();
    queue_.push_back(std::move(job));
    ++submitted_;
  }
  jobs_or_end_.notify_one();
}

bool DatabaseWriter::flush(Deadline deadline) {
  std::unique_lock lock(mutex_);
  const uint64_t wanted = submitted_;
  const WaitScope scope("rows on the disk of " + database_.path(), "its writer thread", deadline);
  const bool done = wait_until(progress_, lock, scope, deadline,
                               [&] { return failure_ || committed_ >= wanted; });
  check_failure();
  return done;
}

void DatabaseWriter::write_jobs() {
  std::unique_lock lock(mutex_);
  for (;;) {
    rest_until(jobs_or_end_, lock, Deadline::never(), [&] { return ending_ || !queue_.empty(); });
    if (queue_.empty()) return;
    std::deque<Job> batch = std::exchange(queue_, {});
    lock.unlock();
    progress_.notify_all();  // the queue has room
    std::exception_ptr failure;
    try {
      Transaction transaction(database_);
      for (Job& job : batch) {
        job();
        job = nullptr;  // its rows are in SQLite's hands
      }
      transaction.commit();
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    if (failure) {
      failure_ = failure;
      progress_.notify_all();
      return;
    }
    committed_ += batch.size();
    progress_.notify_all();
  }
}

}  // namespace retort
