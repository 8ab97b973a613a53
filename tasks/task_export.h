#pragma once
// Rows of a task store written back.
#include "tasks/task_store.h"

#include <string>

namespace retort {

// The row in the shape asked for, one line without its line feed. In the shape it was imported in
// these are the bytes of the file. In the other one every column stays, in its order, its text
// untouched; what differs:
//   to verl  data_source, prompt (a text becomes a user's message), ability, reward_model and
//            extra_info come first, made of what there is: the source, the gold, split and number
//   to TRL   reward_model becomes `answer`, its further members reward_model_NAME
// UserError at "task ID" when a column of the row has the name of one that is made.
std::string row_in_shape(const StoredTask& stored, RowShape shape);

}  // namespace retort
