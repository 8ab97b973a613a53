// retort tasks import: rows of a JSON Lines file into a store.
#include "base/file.h"
#include "tools/retort/progress.h"
#include "tools/retort/rows.h"
#include "tools/retort/tasks.h"

#include <optional>

namespace retort {

int run_tasks_import(const CommandArguments& arguments) {
  std::string file, db;
  ImportOptions options;
  options.keys.prompt_setting = "--prompt-key";
  options.keys.answer_setting = "--answer-key";
  bool json = false;
  Arguments parser(
      "tasks import",
      "Rows of a JSON Lines file into a task store, all or none. Rows are TRL's ({\"prompt\": text "
      "or messages, \"answer\" | \"solution\" | \"ground_truth\": gold, …}) or verl's "
      "({\"data_source\", \"prompt\", \"ability\", \"reward_model\": {\"style\", "
      "\"ground_truth\"}, \"extra_info\"}). A task is known by its prompt: a row that changed is a "
      "new revision of it, the same content again is none.",
      "retort tasks make chain_sum --level 1 --count 9 --seed 1 --out rows.jsonl && retort tasks "
      "import rows.jsonl --db tasks.db");
  parser.positional("FILE", file, "JSON Lines; - is standard input");
  parser.option("--db", db, "the store; made when it is not there", true);
  parser.option("--source", options.source,
                "what rows without data_source are of; default the file's name without its ending");
  parser.option("--id", options.id_key,
                "member that names a task instead of its prompt, as id or extra_info.index");
  parser.option("--prompt-key", options.keys.prompt_key, "key of the prompt");
  parser.option("--answer-key", options.keys.answer_key,
                "key of the gold; the default looks for the names above");
  parser.flag("--json", json, "the counts as a JSON object");
  if (!parser.parse(arguments)) return 0;
  say_terminal_is_read(file, parser.quiet());
  std::optional<Progress> progress(std::in_place, "rows", 0, parser.quiet());
  int64_t read = 0;
  const auto rows = [&](const TaskStore::AddRow& add) {
    each_import_row(file, options, [&](const ImportRow& row) {
      add(row);
      progress->update(++read);
    });
  };
  const ImportCounts counts =
      TaskStore::import_each(db, rows, file == "-" ? "standard input" : file);
  progress.reset();
  print_counts(counts, json);
  return 0;
}

}  // namespace retort
