#pragma once
// The endless sequence of training tasks. The task at a cursor is a function of SPEC, seed and
// cursor alone, so the cursor is all that a checkpoint keeps.
#include "base/record/task.h"
#include "tasks/spec.h"
#include "tasks/task_options.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace retort {

// Not for use by several threads at once: an epoch's order is cached.
class Curriculum {
 public:
  // Reads the files and stores of the SPEC; UserError as read_task_file and read_task_store, and
  // when one holds tasks of the held-out side. The SPEC is one of parse_training_spec or
  // parse_trace_spec; `seed` is run.seed.
  Curriculum(TaskSpec spec, const TaskOptions& options, uint32_t seed);

  // The task at a cursor. The joined sources take turns; in a family the levels of its range take
  // turns (equal shares), each task drawn by its own stream, repeats
  // allowed. A file or a store is walked in epochs, each in an order of its own.
  Task at(uint64_t cursor);

  // The next `count` tasks; the cursor moves behind the last one. With `keep`, tasks it refuses are
  // passed over; UserError when it refuses 100,000 in a row.
  std::vector<Task> draw(size_t count, const std::function<bool(const Task&)>& keep = {});

  // Of all rows of files and stores, in order; 0 when there are none. Kept with a cursor, it shows
  // whether that still means the same tasks.
  uint64_t rows_digest() const;

  uint64_t cursor() const { return cursor_; }
  void seek(uint64_t cursor) { cursor_ = cursor; }
  uint32_t seed() const { return seed_; }

 private:
  // The rows of a file or store and the order of the epoch last asked for.
  struct RowSet {
    std::vector<Task> tasks;
    uint64_t epoch = UINT64_MAX;
    std::vector<uint32_t> order;
  };

  const TaskSpec spec_;
  const std::string system_prompt_;
  const uint32_t seed_;
  std::vector<RowSet> rows_;  // one a source; without rows for a family
  uint64_t cursor_ = 0;
};

}  // namespace retort
