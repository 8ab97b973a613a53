#pragma once
// The task store: a SQLite database of rows as they came (docs/tasks_db.md). A row is never
// changed: the same task with other content is a new revision, and the last revision is the task.
//
// What the same task is: `id_key` names the row's own id; without it a task is known by its prompt,
// the second row of a file with one prompt being another task than the first. The same content
// (canonical JSON, tasks/row_text.h) is no new revision; nor is a procedural problem met again,
// whatever the level or seed it was drawn with.
//
// Every opening checks the store's structure throughout: UserError at its path when it is missing,
// damaged, no task store, of another schema, or held by another program for longer than half a
// minute. A task that is read is compared with its row and its digests: UserError at the path, too.
#include "base/sqlite.h"
#include "tasks/task_options.h"
#include "tasks/task_row.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace retort {

struct ImportRow {
  TaskRow row;
  std::string id;    // of the row's own; "": known by its prompt
  std::string text;  // the line as it stands in the file
  int64_t line = 0;  // from 1
  // The row's source was not named by anyone: a task that was there keeps its own.
  bool source_is_guessed = false;
};

struct ImportCounts {
  int64_t rows = 0;
  int64_t added = 0;    // new tasks
  int64_t changed = 0;  // new revisions of tasks that were there
  int64_t known() const { return rows - added - changed; }
};

// A revision of a task.
struct StoredTask {
  int64_t id = 0;        // from 1, in the order of first import
  int64_t revision = 0;  // from 1
  TaskRow row;           // the task without system prompt; its split is the row's
  std::string text;      // the row as it came
};

class TaskStore {
 public:
  // For reading. A store that is written meanwhile is seen as it was when a query began.
  static TaskStore open(const std::string& path);

  // Adds the rows that `rows` hands to its argument, one after another, in one transaction, all or
  // none; makes the store when the file is missing or blank, and leaves none when that fails.
  // `origin` says where they come from: a file, or the command that made them.
  using AddRow = std::function<void(const ImportRow&)>;
  static ImportCounts import_each(const std::string& path,
                                  const std::function<void(const AddRow&)>& rows,
                                  const std::string& origin);
  static ImportCounts import(const std::string& path, const std::vector<ImportRow>& rows,
                             const std::string& origin);

  // The last revisions of the tasks that `where` holds for, by id; "": all. `where` is a condition
  // in SQL over the columns of the view `current_task`; UserError at `place` when SQLite does not
  // take it, or it has not found its tasks within `limit_s` seconds.
  void each(const std::string& where, const std::string& place,
            const std::function<void(const StoredTask&)>& visit, double limit_s = 60);

  // One revision; the last without a number. UserError at `place` when there is none.
  StoredTask get(int64_t id, std::optional<int64_t> revision, const std::string& place);

  struct Origin {
    int64_t revision = 0;
    int64_t line = 0;
    std::string origin;
    double at = 0;  // seconds since 1970
  };
  std::vector<Origin> revisions(int64_t id);  // by revision

 private:
  static ImportCounts import_rows(const std::string& path,
                                  const std::function<void(const AddRow&)>& rows,
                                  const std::string& origin);
  explicit TaskStore(Database database) : database_(std::move(database)) {}
  Database database_;
};

// The tasks of a store source for training or evaluation, by id, with the system prompt.
// Tasks whose row names no side are marked with `side`. UserError at `place` when there is none.
std::vector<Task> read_task_store(const std::string& path, const std::string& where,
                                  const std::string& place, const TaskOptions& options, Split side);

// Rows of JSON Lines for import; "-": standard input. `source` names the rows that have no
// `data_source`; without it the file's name does, without its ending. With `id_key` ("id", or
// "extra_info.index" for a member within) each row has an id of its own, an integer or a text.
// UserError at FILE:LINE, and for a file that is no JSON Lines.
struct ImportOptions {
  TaskOptions keys;
  std::string source;
  std::string id_key;
};
std::vector<ImportRow> read_import_rows(const std::string& file, const ImportOptions& options);
// The same, a row at a time, so that a file may be larger than memory.
void each_import_row(const std::string& file, const ImportOptions& options,
                     const TaskStore::AddRow& visit);

}  // namespace retort
