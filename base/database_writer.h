#pragma once
// DatabaseWriter: one thread that writes to a database, so that who has rows does not wait for the
// disk. Jobs run in the order they were submitted. Everything that waits when the thread is free
// goes into one transaction: a single job is committed at once, a backlog in few commits.
//
// A failure (disk full) rolls its transaction back and ends the writing: every later call throws
// it.
#include "base/sqlite.h"
#include "base/wait.h"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>

namespace retort {

class DatabaseWriter {
 public:
  // A job runs on the writer's thread within a transaction and owns what it writes.
  using Job = std::function<void()>;

  // `queue_limit` jobs wait at most; submit() then waits for room, so that a slow disk slows the
  // run instead of filling the memory.
  explicit DatabaseWriter(Database database, size_t queue_limit = 16);
  ~DatabaseWriter();  // writes what was submitted; a failure on the way is lost, flush() tells it
  DatabaseWriter(const DatabaseWriter&) = delete;
  DatabaseWriter& operator=(const DatabaseWriter&) = delete;

  void submit(Job job);
  // Waits until everything submitted before is committed and synced; false when the deadline
  // passes.
  bool flush(Deadline deadline);

 private:
  void write_jobs();
  void check_failure() const;  // mutex_ is held

  // Of the writer's thread.
  Database database_;
  // Constant.
  const size_t queue_limit_;

  std::mutex mutex_;
  std::condition_variable jobs_or_end_;
  std::condition_variable progress_;
  // Guarded by mutex_.
  std::deque<Job> queue_;
  uint64_t submitted_ = 0;
  uint64_t committed_ = 0;
  std::exception_ptr failure_;
  bool ending_ = false;

  std::optional<WaitedThread> thread_;  // last: starts when the rest is there
};

}  // namespace retort
