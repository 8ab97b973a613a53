#pragma once
// The identity of a problem.
#include "base/record/task.h"

#include <cstdint>

namespace retort {

// XXH3-64 of family, prompt, messages and answer, each length-prefixed (u64, little-endian) so that
// no two different problems hash the same bytes. Level, seed and side are not part of a problem.
uint64_t task_uid(const Task& task);

}  // namespace retort
