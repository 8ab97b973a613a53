// retort tasks: the task store. The table below is the list of its subcommands; each has a file of
// its own here.
#include "tools/retort/tasks.h"

#include "base/error.h"
#include "base/registry.h"

#include <fmt/format.h>

#include <charconv>
#include <vector>

namespace retort {
namespace {

using Subcommand = RegistryRow<int (*)(const CommandArguments&)>;

constexpr Subcommand kSubcommands[] = {
    {"import", "rows of a JSON Lines file into a store", run_tasks_import},
    {"list", "the tasks of a store, or how many there are of each kind", run_tasks_list},
    {"show", "one task with its revisions", run_tasks_show},
    {"export", "the rows of a store as JSON Lines, as they came or in another shape",
     run_tasks_export},
    {"make", "procedural tasks, into a store or a file", run_tasks_make},
};

void print_usage() {
  fmt::print(
      "Tasks in a SQLite store: rows as they came, in revisions that never change "
      "(docs/tasks_db.md).\n\nusage: retort tasks COMMAND [ARGUMENTS]\n\ncommands:\n");
  for (const Subcommand& command : kSubcommands)
    fmt::print("  {:10} {}\n", command.name, command.help);
  fmt::print(
      "\nretort tasks COMMAND --help shows a command's arguments and an example.\nExample:\n  "
      "retort tasks make chain_sum --level 1-3 --count 64 --seed 1 --db tasks.db\n");
}

// A text as SQL writes it.
std::string sql_text(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

int64_t level_number(const std::string& text, const std::string& whole) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw UserError("--level", "got '" + whole + "'", "write a level or a range, as 4 or 1-6");
  return value;
}

}  // namespace

void TaskFilter::declare(Arguments& parser) {
  parser.option("--source", source_, "only tasks of this source");
  parser.option("--family", family_, "only tasks of this family");
  parser.option("--level", level_, "only this level or range of levels, as 4 or 1-6");
  parser.option("--split", split_, "only this side: train or held_out");
  parser.option("--where", where_,
                "only tasks for which this SQL condition holds, as \"level <= 3 AND source LIKE "
                "'retort/%'\" (columns of current_task in docs/tasks_db.md)");
}

std::string TaskFilter::where() const {
  std::vector<std::string> conditions;
  if (!source_.empty()) conditions.push_back("source = " + sql_text(source_));
  if (!family_.empty()) conditions.push_back("family = " + sql_text(family_));
  if (!level_.empty()) {
    const size_t dash = level_.find('-', 1);
    const int64_t low = level_number(level_.substr(0, dash), level_);
    const int64_t high =
        dash == std::string::npos ? low : level_number(level_.substr(dash + 1), level_);
    conditions.push_back(fmt::format("level BETWEEN {} AND {}", low, high));
  }
  if (!split_.empty()) {
    if (split_ != "train" && split_ != "held_out")
      throw UserError("--split",
                      "got '" + split_ + "'" + did_you_mean(split_, {"train", "held_out"}),
                      "known: train, held_out");
    conditions.push_back("split = " + sql_text(split_));
  }
  if (!where_.empty()) conditions.push_back(conditions.empty() ? where_ : "(" + where_ + "\n)");
  return join(conditions, " AND ");
}

void print_counts(const ImportCounts& counts, bool json) {
  if (json)
    fmt::print(R"({{"rows":{},"new":{},"changed":{},"known":{}}})"
               "\n",
               counts.rows, counts.added, counts.changed, counts.known());
  else
    fmt::print("{} row{}: {} new, {} changed, {} known already\n", counts.rows,
               counts.rows == 1 ? "" : "s", counts.added, counts.changed, counts.known());
}

int run_tasks(const CommandArguments& arguments) {
  if (arguments.empty() || arguments[0] == "help" || arguments[0] == "--help" ||
      arguments[0] == "-h")
    return print_usage(), 0;
  const Subcommand& command = find_row(std::span<const Subcommand>(kSubcommands), arguments[0],
                                       "tasks " + arguments[0], "command");
  return command.make({arguments.begin() + 1, arguments.end()});
}

}  // namespace retort
