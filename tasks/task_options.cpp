#include "tasks/task_options.h"

#include "tasks/task_uid.h"

namespace retort {

void apply_system_prompt(const std::string& system_prompt, Task& task) {
  if (system_prompt.empty()) return;
  if (task.messages.empty()) {
    task.prompt.insert(0, system_prompt);
  } else if (task.messages.front().role != "system") {
    task.messages.insert(task.messages.begin(), Message{"system", system_prompt});
  }
  task.uid = task_uid(task);
}

}  // namespace retort
