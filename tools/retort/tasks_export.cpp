// retort tasks export: the rows of a store as JSON Lines.
#include "base/error.h"
#include "tasks/task_export.h"
#include "tools/retort/progress.h"
#include "tools/retort/rows.h"
#include "tools/retort/tasks.h"

#include <fmt/format.h>

#include <optional>

namespace retort {
namespace {

std::optional<RowShape> shape_of(const std::string& name) {
  if (name == "as-imported") return std::nullopt;
  for (const RowShape shape : {RowShape::kTrl, RowShape::kVerl})
    if (name == shape_name(shape)) return shape;
  throw UserError("--shape", "got '" + name + "'" + did_you_mean(name, {"trl", "verl"}),
                  "known: as-imported, trl, verl");
}

}  // namespace

int run_tasks_export(const CommandArguments& arguments) {
  std::string db, out = "-", shape_text = "as-imported";
  TaskFilter filter;
  Arguments parser(
      "tasks export",
      "The rows of a task store as JSON Lines, the last revision of each, in the order "
      "of their first import. As imported they are the bytes of the file.",
      "retort tasks make chain_sum --level 1 --count 9 --seed 1 --db tasks.db && "
      "retort tasks export --db tasks.db --shape verl --out rows.jsonl");
  parser.option("--db", db, "the store", true);
  parser.option("--out", out, "JSON Lines; - is standard output");
  parser.option("--shape", shape_text, "as-imported, trl or verl");
  filter.declare(parser);
  if (!parser.parse(arguments)) return 0;
  const std::optional<RowShape> shape = shape_of(shape_text);
  const std::string where = filter.where();
  TaskStore store = TaskStore::open(db);
  RowWriter writer(out);
  std::optional<Progress> progress(std::in_place, "rows", 0, parser.quiet());
  int64_t rows = 0;
  store.each(where, kWherePlace, [&](const StoredTask& stored) {
    writer.write(row_in_shape(stored, shape.value_or(stored.row.shape)));
    progress->update(++rows);
  });
  progress.reset();
  if (rows == 0)
    throw UserError("--db", "no task of '" + db + "' is asked for", "see retort tasks list");
  writer.close();
  if (out != "-" && !parser.quiet()) fmt::print(stderr, "{} rows in {}\n", rows, out);
  return 0;
}

}  // namespace retort
