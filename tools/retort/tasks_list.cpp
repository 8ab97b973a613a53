// retort tasks list, retort tasks show: what is in a store.
#include "base/error.h"
#include "base/json.h"
#include "tasks/row_text.h"
#include "tools/retort/tasks.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <charconv>
#include <ctime>
#include <map>
#include <optional>
#include <tuple>

namespace retort {
namespace {

std::string split_text(const TaskRow& row) {
  return row.has_split ? std::string(split_name(row.task.split)) : "";
}

std::string or_null(const std::optional<int64_t>& number) {
  return number ? std::to_string(*number) : "null";
}

std::string text_or_null(const std::string& text) {
  return text.empty() ? "null" : json_quote(text);
}

// The members that list and show have in common.
std::string head_json(const StoredTask& stored) {
  const TaskRow& row = stored.row;
  return fmt::format(R"("id":{},"revision":{},"source":{},"family":{},"level":{},"split":{})",
                     stored.id, stored.revision, json_quote(row.source),
                     text_or_null(row.task.family), or_null(row.level),
                     text_or_null(split_text(row)));
}

std::string prompt_json(const Task& task) {
  return task.messages.empty() ? json_quote(task.prompt) : messages_json(task.messages);
}

// The first `width` characters on one line.
std::string shortened(const Task& task, size_t width) {
  const std::string& text = task.messages.empty() ? task.prompt : task.messages.back().content;
  std::string line;
  size_t characters = 0;
  for (const char c : text) {
    const bool begins = (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    if (begins && ++characters > width) return line + "…";
    line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return line;
}

struct KindCount {
  int64_t tasks = 0, revisions = 0;
};
using Kind = std::tuple<std::string, std::string, std::optional<int64_t>, std::string>;

void print_kinds(const std::map<Kind, KindCount>& kinds, bool json) {
  if (!json)
    fmt::print("{:24} {:12} {:>6} {:8} {:>8} {:>10}\n", "source", "family", "level", "split",
               "tasks", "revisions");
  for (const auto& [kind, count] : kinds) {
    const auto& [source, family, level, split] = kind;
    if (json)
      fmt::print(
          "{{\"source\":{},\"family\":{},\"level\":{},\"split\":{},\"tasks\":{},\"revisions\":{}}}"
          "\n",
          json_quote(source), text_or_null(family), or_null(level), text_or_null(split),
          count.tasks, count.revisions);
    else
      fmt::print("{:24} {:12} {:>6} {:8} {:>8} {:>10}\n", source, family,
                 level ? std::to_string(*level) : "", split, count.tasks, count.revisions);
  }
}

std::string time_text(double seconds) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

void print_task(const StoredTask& stored, const std::vector<TaskStore::Origin>& origins) {
  const TaskRow& row = stored.row;
  fmt::print("task {}, revision {} of {}, {} row\n", stored.id, stored.revision, origins.size(),
             shape_name(row.shape));
  fmt::print("source    {}\n", row.source);
  if (!row.task.family.empty())
    fmt::print("family    {}, level {}, seed {}\n", row.task.family, row.task.level, row.task.seed);
  else if (row.level)
    fmt::print("level     {}\n", *row.level);
  if (row.has_split) fmt::print("split     {}\n", split_text(row));
  for (const TaskStore::Origin& origin : origins)
    fmt::print("revision  {}: {}, line {}, {}\n", origin.revision, origin.origin, origin.line,
               time_text(origin.at));
  if (row.task.messages.empty()) fmt::print("prompt\n{}\n", row.task.prompt);
  for (const Message& message : row.task.messages)
    fmt::print("{}\n{}\n", message.role, message.content);
  fmt::print("answer\n{}\n", row.task.answer);
  fmt::print("row\n{}\n", stored.text);
}

void print_task_json(const StoredTask& stored, const std::vector<TaskStore::Origin>& origins) {
  std::string revisions;
  for (const TaskStore::Origin& origin : origins)
    revisions += fmt::format(R"({}{{"revision":{},"origin":{},"line":{},"at":{:.3f}}})",
                             revisions.empty() ? "" : ",", origin.revision,
                             json_quote(origin.origin), origin.line, origin.at);
  const TaskRow& row = stored.row;
  std::string seed = "null";
  if (!row.task.family.empty()) seed = std::to_string(row.task.seed);
  fmt::print(
      "{{{},\"seed\":{},\"shape\":{},\"uid\":\"{:016x}\",\"prompt\":{},\"answer\":{},\"row\":{},"
      "\"revisions\":[{}]}}\n",
      head_json(stored), seed, json_quote(shape_name(row.shape)), row.task.uid,
      prompt_json(row.task), row.task.answer,
      stored.text.substr(0, stored.text.find_last_of('}') + 1), revisions);
}

int64_t task_number(const std::string& text) {
  int64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size())
    throw UserError("ID", "got '" + text + "'", "give the number of a task; see retort tasks list");
  return id;
}

}  // namespace

int run_tasks_list(const CommandArguments& arguments) {
  std::string db;
  TaskFilter filter;
  bool counts = false, json = false;
  int64_t limit = 0;
  Arguments parser("tasks list",
                   "The tasks of a store, one a line, in the order of their first import; or how "
                   "many there are by source, family, level and split.",
                   "retort tasks make chain_sum --level 1-3 --count 9 --seed 1 --db tasks.db && "
                   "retort tasks list --db tasks.db --level 2-3");
  parser.option("--db", db, "the store", true);
  filter.declare(parser);
  parser.flag("--counts", counts, "tasks and revisions by source, family, level and split");
  parser.option("--limit", limit, "no more tasks than this; 0 lists all");
  parser.flag("--json", json, "one JSON object a line");
  if (!parser.parse(arguments)) return 0;
  if (limit < 0)
    throw UserError("--limit", fmt::format("got {}", limit), "set it to 0 (all) or more");
  const std::string where = filter.where();
  TaskStore store = TaskStore::open(db);
  int64_t listed = 0, all = 0;
  std::map<Kind, KindCount> kinds;
  std::string lines;  // printed once the condition has held or not for every task
  store.each(where, kWherePlace, [&](const StoredTask& stored) {
    const TaskRow& row = stored.row;
    ++all;
    if (counts) {
      KindCount& kind = kinds[{row.source, row.task.family, row.level, split_text(row)}];
      ++kind.tasks;
      kind.revisions += stored.revision;
      return;
    }
    if (limit > 0 && listed == limit) return;
    ++listed;
    lines +=
        json ? fmt::format("{{{},\"uid\":\"{:016x}\",\"prompt\":{}}}\n", head_json(stored),
                           row.task.uid, prompt_json(row.task))
             : fmt::format("{:>6} {:>3} {:20} {:12} {:>5} {:8} {}\n", stored.id, stored.revision,
                           row.source, row.task.family, row.level ? std::to_string(*row.level) : "",
                           split_text(row), shortened(row.task, 40));
  });
  if (counts) {
    print_kinds(kinds, json);
    return 0;
  }
  if (!json)
    fmt::print("{:>6} {:>3} {:20} {:12} {:>5} {:8} {}\n", "id", "rev", "source", "family", "level",
               "split", "prompt");
  fmt::print("{}", lines);
  if (listed < all) fmt::print(stderr, "{} of {} tasks; --limit 0 lists all\n", listed, all);
  return 0;
}

int run_tasks_show(const CommandArguments& arguments) {
  std::string id, db;
  int64_t revision = 0;
  bool json = false;
  Arguments parser("tasks show",
                   "One task: where it came from, its revisions, prompt, gold and row.",
                   "retort tasks make chain_sum --level 1 --count 9 --seed 1 --db tasks.db && "
                   "retort tasks show 1 --db tasks.db");
  parser.positional("ID", id, "number of the task");
  parser.option("--db", db, "the store", true);
  parser.option("--revision", revision, "a revision; 0 is the last");
  parser.flag("--json", json, "one JSON object");
  if (!parser.parse(arguments)) return 0;
  const int64_t number = task_number(id);
  if (revision < 0)
    throw UserError("--revision", fmt::format("got {}", revision), "set it to 0 (last) or more");
  TaskStore store = TaskStore::open(db);
  const StoredTask stored =
      store.get(number, revision > 0 ? std::optional(revision) : std::nullopt, "ID");
  const std::vector<TaskStore::Origin> origins = store.revisions(number);
  if (json)
    print_task_json(stored, origins);
  else
    print_task(stored, origins);
  return 0;
}

}  // namespace retort
