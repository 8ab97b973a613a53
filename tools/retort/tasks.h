#pragma once
// What the subcommands of `retort tasks` share: the store they work on and which of its tasks.
#include "tasks/task_store.h"
#include "tools/retort/arguments.h"
#include "tools/retort/commands.h"

#include <string>

namespace retort {

int run_tasks_import(const CommandArguments& arguments);
int run_tasks_list(const CommandArguments& arguments);
int run_tasks_show(const CommandArguments& arguments);
int run_tasks_export(const CommandArguments& arguments);
int run_tasks_make(const CommandArguments& arguments);

// --source, --family, --level, --split and --where, joined by AND.
class TaskFilter {
 public:
  void declare(Arguments& parser);
  // A condition over current_task; "" for all. UserError for an unknown split and a level that is
  // no number.
  std::string where() const;

 private:
  std::string source_, family_, level_, split_, where_;
};

// Where the message about the condition points: "--where".
inline constexpr const char* kWherePlace = "--where";

// "64 rows: 60 new, 1 changed, 3 known already", or a JSON object.
void print_counts(const ImportCounts& counts, bool json);

}  // namespace retort
