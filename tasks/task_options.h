#pragma once
// The settings of [tasks] that say what a row or a drawn problem becomes.
#include "base/record/task.h"

#include <string>

namespace retort {

struct TaskOptions {
  std::string prompt_key = "prompt";  // key of a row's prompt: a text or a list of messages
  std::string answer_key = "answer";  // key of a row's gold answer: any JSON value
  std::string system_prompt;          // "": none
  // The settings that name the two keys, for messages.
  std::string prompt_setting = "tasks.prompt_key";
  std::string answer_setting = "tasks.answer_key";
};

// Puts the system prompt before the task's prompt: as a first message of role "system" (a chat that
// begins with one of its own keeps that one), or as text directly before a text prompt. Renews the
// uid.
void apply_system_prompt(const std::string& system_prompt, Task& task);

}  // namespace retort
