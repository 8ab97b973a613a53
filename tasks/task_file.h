#pragma once
// Tasks from a JSON Lines file: one object a line, in TRL's or verl's shape (tasks/task_row.h).
//   {"prompt": "What is 2 + 2?", "answer": "4"}
//   {"prompt": [{"role": "user", "content": "What is 2 + 2?"}], "answer": 4}
#include "base/record/task.h"
#include "tasks/task_options.h"

#include <string>
#include <vector>

namespace retort {

// All rows in the order of the file, the system prompt applied; further keys and blank lines are
// skipped. `side` is what the tasks are marked with, those of a family apart, which know their own.
// UserError at `place` when the file cannot be read or has no row, at FILE:LINE when a row is no
// task.
std::vector<Task> read_task_file(const std::string& path, const std::string& place,
                                 const TaskOptions& options, Split side);

}  // namespace retort
