#pragma once
// SPEC: which tasks to take, as a user writes it in tasks.train, tasks.eval and --tasks.
//
//   evaluation  family:level[-level]:count:seed[:train][:repeat]
//               a finite set, of the held-out side unless :train
//   training    family:level[-level]:train   drawn without end
//   both        store.db[:where]             a task store; `where` is a condition in SQL over the
//                                            columns of current_task (docs/tasks_db.md)
//               path of a JSON Lines file    recognised by a '.' or '/' in it
//
// Several joined by commas take turns.
#include "base/record/task.h"
#include "tasks/family.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace retort {

// Both ends included.
struct LevelRange {
  int low = 1;
  int high = 1;
  int size() const { return high - low + 1; }
  bool operator==(const LevelRange&) const = default;
};

struct FamilySource {
  std::string text;    // as the user wrote it, for messages
  std::string family;  // row of the families table
  LevelRange levels;
  Split side = Split::kHeldOut;
  uint64_t count = 0;   // tasks of an evaluation set; 0 in training: without end
  uint32_t seed = 0;    // of an evaluation set; 0 in training, which is keyed by run.seed
  bool repeat = false;  // an evaluation set may hold a prompt more than once
  // what else helps when there are too few distinct prompts; "" for nothing
  std::string repeat_fix = "add :repeat";
  bool operator==(const FamilySource&) const = default;
};

struct FileSource {
  std::string path;
  bool operator==(const FileSource&) const = default;
};

struct StoreSource {
  std::string path;
  std::string where;  // "": every task
  bool operator==(const StoreSource&) const = default;
};

using TaskSource = std::variant<FamilySource, FileSource, StoreSource>;

// Example: {"[tasks.train]", {FamilySource{"chain_sum:1-6:train", …}, FileSource{"rows.jsonl"}}}.
struct TaskSpec {
  std::string place;                // where the user wrote it: "[tasks.train]", "--tasks"
  std::vector<TaskSource> sources;  // at least one
};

// All throw UserError at `place`; none reads a file or a store.
TaskSpec parse_evaluation_spec(std::string_view text, const std::string& place);
TaskSpec parse_training_spec(std::string_view text, const std::string& place);

// "traces:FAMILY:LEVELS", several joined by commas: the training side, drawn without end.
bool is_trace_spec(std::string_view text);
TaskSpec parse_trace_spec(std::string_view text, const std::string& place);

// "4" or "1-6", within the family's levels.
LevelRange parse_levels(std::string_view text, const FamilyRow& family, const std::string& place);

}  // namespace retort
