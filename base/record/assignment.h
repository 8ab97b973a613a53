#pragma once
// Assignment: which samples of which task a worker is to make, under which weights. Crosses from
// the learner to rollout.
#include "base/record/task.h"

#include <cstdint>

namespace retort {

// Example: {step 3, task_index 17, first_slot 0, slots 8, version 2, task {...}}: samples 3/17/0 to
// 3/17/7 of that task, with the weights of Version 2.
struct Assignment {
  uint32_t step = 0;        // training step, from 1
  uint32_t task_index = 0;  // in its step
  uint32_t first_slot = 0;
  uint32_t slots = 0;    // samples wanted: slots first_slot .. first_slot + slots - 1
  uint32_t version = 0;  // number of the Version to sample with
  Task task;
  bool operator==(const Assignment&) const = default;
};

}  // namespace retort
