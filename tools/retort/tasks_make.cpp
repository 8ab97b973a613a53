// retort tasks make: procedural tasks, into a store or a file.
#include "base/error.h"
#include "base/json.h"
#include "tasks/evaluation_set.h"
#include "tools/retort/progress.h"
#include "tools/retort/rows.h"
#include "tools/retort/tasks.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <limits>

namespace retort {
namespace {

constexpr int64_t kMaxCount = 1'000'000;

void print_families(bool as_json) {
  for (const FamilyRow& row : family_rows())
    if (as_json)
      fmt::print("{}\n", nlohmann::ordered_json({{"family", row.name},
                                                 {"levels", {row.low_level, row.high_level}},
                                                 {"help", row.help}})
                             .dump());
    else
      fmt::print("{:12} levels {}-{}: {}\n", row.name, row.low_level, row.high_level, row.help);
}

// Rows as an import of the file that `--out` writes would read them.
std::vector<ImportRow> import_rows(const std::vector<std::string>& lines) {
  std::vector<ImportRow> rows;
  for (const std::string& line : lines) {
    ImportRow row;
    row.line = static_cast<int64_t>(rows.size()) + 1;
    row.row = read_task_row(nlohmann::ordered_json::parse(line), line,
                            "row " + std::to_string(row.line), {});
    row.row.source = procedural_source(row.row.task.family);
    row.text = line;
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

int run_tasks_make(const CommandArguments& arguments) {
  std::string family, level, db, out;
  int64_t count = 0, seed = 0;
  bool held_out = false, list = false, json = false;
  Arguments parser("tasks make",
                   "Procedural tasks of a family, all distinct, of the training side unless "
                   "--held-out: rows in TRL's shape with family, level, seed and split, judged by "
                   "the family's own verifier (the reward `task`).",
                   "retort tasks make chain_sum --level 1-3 --count 64 --seed 1 --db tasks.db");
  parser.positional("FAMILY", family, "row of the families table", false);
  parser.option("--level", level, "a level or a range whose levels take turns, as 4 or 1-6");
  parser.option("--count", count, "how many");
  parser.option("--seed", seed, "decides which; the same tasks again for the same seed");
  parser.option("--db", db, "the store they go to; made when it is not there");
  parser.option("--out", out, "the file they go to instead; - is standard output");
  parser.flag("--held-out", held_out, "of the side that is never trained on");
  parser.flag("--list", list, "the families and their levels");
  parser.flag("--json", json, "the counts as a JSON object; with --list an object a family");
  if (!parser.parse(arguments)) return 0;
  if (list) return print_families(json), 0;
  if (family.empty())
    throw UserError("FAMILY", "is missing", "give one; see retort tasks make --list");
  const FamilyRow& row = find_family(family, "FAMILY");
  if (level.empty())
    throw UserError("--level", "is missing",
                    fmt::format("give one of {}-{}", row.low_level, row.high_level));
  if (count < 1 || count > kMaxCount)
    throw UserError("--count", fmt::format("got {}", count),
                    fmt::format("give a number from 1 to {}", kMaxCount));
  if (seed < 0 || seed > std::numeric_limits<uint32_t>::max())
    throw UserError("--seed", fmt::format("got {}", seed), "give a number from 0 to 4294967295");
  if (db.empty() == out.empty())
    throw UserError(db.empty() ? "tasks make" : "--out",
                    db.empty() ? "has no place to write to" : "does not go with --db",
                    "give one of --db and --out");

  FamilySource source;
  source.text = family + ", level " + level;
  source.family = family;
  source.levels = parse_levels(level, row, "--level");
  source.side = held_out ? Split::kHeldOut : Split::kTrain;
  source.count = static_cast<uint64_t>(count);
  source.seed = static_cast<uint32_t>(seed);
  source.repeat_fix = "";
  std::vector<std::string> lines;
  {
    Progress progress("tasks", count, parser.quiet());
    for (const Task& task : evaluation_tasks({"--count", {source}}, {},
                                             [&](int64_t drawn) { progress.update(drawn); }))
      lines.push_back(procedural_row(task));
  }
  if (!db.empty()) {
    const std::string origin = fmt::format("make {} --level {} --count {} --seed {}{}", family,
                                           level, count, seed, held_out ? " --held-out" : "");
    print_counts(TaskStore::import(db, import_rows(lines), origin), json);
    return 0;
  }
  RowWriter writer(out);
  for (const std::string& line : lines) writer.write(line);
  writer.close();
  return 0;
}

}  // namespace retort
