#pragma once
// The finite task set that an evaluation SPEC names.
#include "base/record/task.h"
#include "tasks/spec.h"
#include "tasks/task_options.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace retort {

// The joined sources take turns, and within a source its levels; a source that has reached its
// count, or a file or store that has ended, leaves the turn. A function of SPEC, options and what
// is read.
//
// Problems are distinct over all sources without :repeat; one that was met before is drawn again. A
// level is exhausted, and leaves its source's turn, when 64 × (1 + d) draws in a row were all met
// before, d being the number of distinct problems that this level has produced so far. (Of n
// problems with one left, the chance to stop too early is below exp(-32): no problem of a level is
// drawn less than half as often as their mean.) UserError when all levels of a source are exhausted
// before its count; it says how many distinct problems there are. `drawn` hears after each task how
// many there are by now.
std::vector<Task> evaluation_tasks(const TaskSpec& spec, const TaskOptions& options,
                                   const std::function<void(int64_t drawn)>& drawn = {});

}  // namespace retort
