#pragma once
// Written-out solutions for supervised fine-tuning, in two styles.
#include "base/record/task.h"
#include "tasks/curriculum.h"

#include <cstdint>
#include <string>

namespace retort {

// Example: {task with prompt "8+19=", "<think>8+19=27</think><answer>27</answer>", true}.
struct Trace {
  Task task;
  std::string completion;  // without the end of text, which is appended as an id
  bool worked = false;     // the work is written out; else a direct answer
};

// The trace at a cursor of a trace SPEC: the curriculum's task there, worked with probability
// `worked_share`, else direct. Style and guess are functions of seed and cursor. The curriculum has
// no system prompt: families read their problems back from their own prompts.
Trace trace_at(Curriculum& curriculum, uint64_t cursor, double worked_share);

}  // namespace retort
