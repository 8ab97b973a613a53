#pragma once
// Task: one prompt with what is needed to judge an answer to it. Crosses from tasks to rollout and
// rewards.
#include "base/record/message.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

// `answer` of a task without a gold answer: a reward that needs one refuses it.
inline constexpr std::string_view kNoGold = "null";

enum class Split : uint8_t { kTrain = 0, kHeldOut = 1 };

// Example: {uid 0x91.., family "chain_sum", level 4, seed 7, prompt "3+5-2=", messages {}, answer
// R"({"target":6})", rewards {"task"}, split kTrain}.
struct Task {
  uint64_t uid = 0;    // XXH3-64 of family, prompt and answer: equal problems have equal uids
  std::string family;  // row of the families table; "" for rows of a file or store
  int32_t level = 0;   // difficulty 1..10 of a family; 0 when it has none
  uint64_t seed = 0;   // what the generator was keyed with; 0 when not generated
  std::string prompt;  // text prompt; "" when `messages` is used
  // chat prompt, rendered with the model's template; empty when `prompt` is used
  std::vector<Message> messages;
  std::string answer;  // verifier specification, JSON text (a family's own, or the gold answer)
  // rewards this task asks for; empty: those of the configuration
  std::vector<std::string> rewards;
  Split split = Split::kTrain;
  // Data set of a row without a family: its data_source, else its file's name without the ending;
  // "" for procedural tasks.
  std::string source;
  bool operator==(const Task&) const = default;
};

}  // namespace retort
