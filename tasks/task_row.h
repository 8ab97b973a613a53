#pragma once
// A task as one JSON object, in the shapes that data sets have.
//   TRL   {"prompt": "2+2=" or [{"role", "content"}], "answer": 4, …}; the gold also under
//         `solution` or `ground_truth`; further columns are kept. A row without any of them is one
//         for rewards that need no gold: its answer is kNoGold
//   verl  {"data_source": "openai/gsm8k", "prompt": [{"role", "content"}], "ability": "math",
//         "reward_model": {"style": "rule", "ground_truth": "4"}, "extra_info": {"split", …}}
// A row is in verl's shape when `reward_model` is an object.
//
// A row that names a known `family` with `level` and `seed` (beside the prompt or in `extra_info`)
// is a procedural task, as `retort tasks make` writes them: its family's verifier judges it.
#include "base/record/task.h"
#include "tasks/task_options.h"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace retort {

enum class RowShape { kTrl, kVerl };
std::string_view shape_name(RowShape shape);  // "trl", "verl"

struct TaskRow {
  // Without system prompt. `split` is the family's, or what the row says; `answer` is the gold as
  // canonical JSON (tasks/row_text.h).
  Task task;
  bool has_split = false;  // the task's split is known; else it stands at kTrain
  RowShape shape = RowShape::kTrl;
  std::string source;            // `data_source`; "" when there is none
  std::optional<int64_t> level;  // `level` when it is an integer, of a family or not
  std::string prompt_key;        // member that the prompt was read from
  // member of the gold; "reward_model" in verl's shape; "" where the row has none
  std::string answer_key;
};

// `line` is the text of `row`. UserError at `place` (FILE:LINE) when the row is no task: a key of
// the options is missing or null, the prompt is neither text nor messages, a key stands twice, a
// family cannot read the task that is said to be its own. With the default answer key the gold may
// stand under any of the names above; any other key is taken at its word.
TaskRow read_task_row(const nlohmann::ordered_json& row, std::string_view line,
                      const std::string& place, const TaskOptions& options);

// The row of a procedural task in TRL's shape, with family, level, seed and split.
std::string procedural_row(const Task& task);
// The source of the rows of a family: "retort/FAMILY".
std::string procedural_source(const std::string& family);

// "train" or "held_out"
std::string_view split_name(Split split);

// A list of messages as the text of a JSON array of {"role", "content"}.
std::string messages_json(const std::vector<Message>& messages);

}  // namespace retort
