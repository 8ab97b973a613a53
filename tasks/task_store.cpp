#include "tasks/task_store.h"

#include "base/check.h"
#include "base/error.h"
#include "tasks/row_text.h"
#include "tasks/task_schema.h"
#include "tasks/task_uid.h"

#include <nlohmann/json.hpp>
#include <xxhash.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <initializer_list>
#include <map>

namespace retort {
namespace {

constexpr std::string_view kColumns =
    "task, revision, source, family, level, seed, split, prompt, messages, answer, shape, "
    "prompt_key, answer_key, row, uid, digest";

std::string hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

// XXH3-128 of texts, each with its length before it, as 32 hex digits.
std::string digest(std::initializer_list<std::string_view> texts) {
  std::string bytes;
  for (const std::string_view text : texts) {
    bytes += std::to_string(text.size());
    bytes += ':';
    bytes += text;
  }
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return hex(hash.high64) + hex(hash.low64);
}

std::optional<std::string> messages_or_null(const Task& task) {
  if (task.messages.empty()) return std::nullopt;
  return messages_json(task.messages);
}

std::string content_digest(const ImportRow& row) {
  const Task& task = row.row.task;
  if (!task.family.empty()) return digest({task.family, hex(task.uid)});
  return digest({canonical_json(row.text), row.row.prompt_key, row.row.answer_key});
}

std::string prompt_key(const Task& task) {
  return "prompt:" + digest({task.family, task.prompt,
                             task.messages.empty() ? "" : messages_json(task.messages)});
}

double wall_clock_s() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void check_store(Database& database) {
  check_task_schema(database);
  database.check_integrity();
}

// Whether a file or a folder stands at `path`. UserError where none of them can: SQLite would take
// the two names without a file and forget what it was given.
bool stands(const std::string& path) {
  namespace fs = std::filesystem;
  const std::string fix = "name the file of a store, as tasks.db";
  if (path.empty() || path == ":memory:") throw UserError("'" + path + "'", "is no file", fix);
  std::error_code error;
  const fs::file_type type = fs::status(path, error).type();
  if (type == fs::file_type::none) throw UserError(path, error.message(), fix);
  if (type == fs::file_type::not_found) return false;
  if (type != fs::file_type::regular && type != fs::file_type::directory)
    throw UserError(path, "is a device, a pipe or a socket", fix);
  return true;
}

// Whether there is a store to add to; checked then, and an empty file counts as none. Only reading,
// so that a database that is no store stays as it is.
bool holds_store(const std::string& path) {
  namespace fs = std::filesystem;
  if (!stands(path)) {
    std::error_code missing;
    if (fs::file_size(path + "-wal", missing) > 0 && !missing)
      throw UserError(path + "-wal", "is the log of a database that is gone",
                      "put the database back beside it, or remove it");
    return false;
  }
  if (fs::is_regular_file(path) && fs::is_empty(path)) return false;
  Database database = Database::open(path, Database::Mode::kRead);
  constexpr uintmax_t kHeaderBytes = 100;  // SQLite takes a file of one byte for an empty one
  if (fs::is_regular_file(path) && fs::file_size(path) < kHeaderBytes)
    throw UserError(path, "is no database", "name a file that is not there yet, or a store");
  if (is_blank_database(database)) return false;
  check_store(database);
  return true;
}

// What a failed import left of a store that it wanted to make: a database without a table.
void remove_blank(const std::string& path) {
  if (!std::filesystem::exists(path)) return;
  {
    Database database = Database::open(path, Database::Mode::kRead);
    if (!is_blank_database(database)) return;  // another program's
  }
  for (const char* ending : {"", "-wal", "-shm"}) std::filesystem::remove(path + ending);
}

// The rows of one import, added within its transaction.
class Importer {
 public:
  Importer(Database& database, int64_t import)
      : import_(import),
        find_(database.prepare(
            "SELECT t.id, r.revision, r.digest, r.source FROM task t JOIN revision r ON "
            "r.task = t.id WHERE t.key = ? ORDER BY r.revision DESC LIMIT 1")),
        add_task_(database.prepare("INSERT INTO task (key) VALUES (?) RETURNING id")),
        add_revision_(
            database.prepare("INSERT INTO revision VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
                             "?, ?, ?, ?, ?)")) {}

  void add(const ImportRow& row) {
    ++counts_.rows;
    std::string key = row.id.empty() ? prompt_key(row.row.task) : "id:" + row.id;
    if (row.id.empty()) {
      // A procedural problem is the same however often it is made.
      const int64_t copy = row.row.task.family.empty() ? ++copies_[key] : 1;
      if (copy > 1) key += "#" + std::to_string(copy);
    }
    const std::string content = content_digest(row);
    int64_t id = 0, revision = 1;
    std::string source = row.row.source;
    find_.bind(1, key);
    if (find_.next()) {
      const bool same = find_.text(2) == content;
      id = find_.integer(0);
      revision = find_.integer(1) + 1;
      if (row.source_is_guessed) source = find_.text(3);
      find_.reset();
      if (same) return;
      ++counts_.changed;
    } else {
      add_task_.bind(1, key);
      RT_CHECK(add_task_.next());
      id = add_task_.integer(0);
      RT_CHECK(!add_task_.next());
      ++counts_.added;
    }
    insert(row, id, revision, source, content);
  }

  const ImportCounts& counts() const { return counts_; }

 private:
  void insert(const ImportRow& row, int64_t id, int64_t revision, const std::string& source,
              const std::string& content) {
    const Task& task = row.row.task;
    const bool generated = !task.family.empty();
    std::optional<std::string> prompt, split;
    if (task.messages.empty()) prompt = task.prompt;
    if (row.row.has_split) split = split_name(task.split);
    std::optional<int64_t> seed;
    if (generated) seed = static_cast<int64_t>(task.seed);
    const std::optional<std::string> messages = messages_or_null(task);
    const std::string uid = hex(task.uid);
    add_revision_.run(id, revision, import_, row.line, content, uid, source, task.family,
                      row.row.level, seed, split, prompt, messages, task.answer,
                      shape_name(row.row.shape), row.row.prompt_key, row.row.answer_key, row.text);
  }

  const int64_t import_;
  Statement find_, add_task_, add_revision_;
  std::map<std::string, int64_t> copies_;  // rows of this import with one prompt
  ImportCounts counts_;
};

// None when the text is damaged.
std::vector<Message> messages_of(const std::string& text) {
  std::vector<Message> messages;
  try {
    for (const nlohmann::json& message : nlohmann::json::parse(text))
      messages.push_back(
          {message.at("role").get<std::string>(), message.at("content").get<std::string>()});
  } catch (const nlohmann::json::exception&) {
    messages.clear();
  }
  return messages;
}

// The row as the store's own text of it says, read as the import read it.
TaskRow read_again(const StoredTask& stored, const std::string& place) {
  TaskOptions options;
  options.prompt_key = stored.row.prompt_key;
  // In verl's shape, without a gold and in a family's rows the key was not named.
  if (stored.row.shape == RowShape::kTrl && !stored.row.answer_key.empty() &&
      stored.row.task.family.empty())
    options.answer_key = stored.row.answer_key;
  const auto row = nlohmann::ordered_json::parse(stored.text, nullptr, false);
  if (row.is_discarded()) throw UserError(place, "is no JSON", "mend it");
  return read_task_row(row, stored.text, place, options);
}

// What SQLite's own check cannot see: bytes within a text or a number. Each column that a task is
// made of is compared with the row's text, the text with its digest. UserError for what differs.
void check_content(const StoredTask& stored, const std::string& uid, const std::string& content,
                   const std::string& path) {
  const std::string name =
      "task " + std::to_string(stored.id) + ", revision " + std::to_string(stored.revision);
  const auto refuse = [&](const std::string& why) {
    throw UserError(path, "is damaged (" + name + ": " + why + ")",
                    "put a copy that is whole in its place, or import the rows into a new store");
  };
  std::optional<TaskRow> again;
  try {
    again = read_again(stored, "its row");
  } catch (const UserError& error) {
    refuse(error.what());
  }
  const TaskRow& row = stored.row;
  std::string source = again->source;
  if (source.empty() && !row.task.family.empty()) source = procedural_source(row.task.family);
  if (row.task != again->task || row.level != again->level || row.has_split != again->has_split ||
      row.shape != again->shape || (!source.empty() && row.source != source))
    refuse("its columns are not those of its row");
  if (hex(row.task.uid) != uid) refuse("it has another uid");
  if (content_digest({.row = row, .id = "", .text = stored.text}) != content)
    refuse("its row has another digest");
}

// The current row of a statement over kColumns, of the store at `path`.
StoredTask stored_task(const Statement& at, const std::string& path) {
  StoredTask stored;
  stored.id = at.integer(0);
  stored.revision = at.integer(1);
  TaskRow& row = stored.row;
  row.source = at.text(2);
  row.task.family = at.text(3);
  if (!at.is_null(4)) row.level = at.integer(4);
  if (!row.task.family.empty()) {
    row.task.level = static_cast<int32_t>(at.integer(4));
    row.task.seed = static_cast<uint64_t>(at.integer(5));
  }
  row.has_split = !at.is_null(6);
  if (at.text(6) == split_name(Split::kHeldOut)) row.task.split = Split::kHeldOut;
  row.task.prompt = at.text(7);
  if (!at.is_null(8)) row.task.messages = messages_of(at.text(8));
  row.task.answer = at.text(9);
  row.shape = at.text(10) == shape_name(RowShape::kVerl) ? RowShape::kVerl : RowShape::kTrl;
  row.prompt_key = at.text(11);
  row.answer_key = at.text(12);
  stored.text = at.text(13);
  row.task.uid = task_uid(row.task);
  check_content(stored, at.text(14), at.text(15), path);
  return stored;
}

// A condition may not end the query that it is put into.
void check_condition(std::string_view where, const std::string& place) {
  int64_t depth = 0;
  char quote = '\0';
  for (const char c : where) {
    if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '\'' || c == '"' || c == '`') {
      quote = c;
    } else if (c == '(') {
      ++depth;
    } else if (c == ')' && --depth < 0) {
      break;
    } else if (c == ';' || c == '\0') {
      throw UserError(place, "a condition has no ';'", "give one condition, as level <= 3");
    }
  }
  if (depth != 0 || quote != '\0')
    throw UserError(
        place, "a bracket or a quote of the condition '" + std::string(where) + "' has no partner",
        "close it");
}

}  // namespace

TaskStore TaskStore::open(const std::string& path) {
  if (!stands(path))
    throw UserError(path, "does not exist",
                    "make it with `retort tasks import` or `retort tasks make`");
  Database database = Database::open(path, Database::Mode::kRead);
  if (is_blank_database(database))
    throw UserError(path, "holds nothing yet",
                    "fill it with `retort tasks import` or `retort tasks make`");
  check_store(database);
  return TaskStore(std::move(database));
}

ImportCounts TaskStore::import(const std::string& path, const std::vector<ImportRow>& rows,
                               const std::string& origin) {
  return import_each(
      path,
      [&](const AddRow& add) {
        for (const ImportRow& row : rows) add(row);
      },
      origin);
}

ImportCounts TaskStore::import_each(const std::string& path,
                                    const std::function<void(const AddRow&)>& rows,
                                    const std::string& origin) {
  const bool is_new = !stands(path);
  try {
    return import_rows(path, rows, origin);
  } catch (...) {
    if (is_new) remove_blank(path);
    throw;
  }
}

ImportCounts TaskStore::import_rows(const std::string& path,
                                    const std::function<void(const AddRow&)>& rows,
                                    const std::string& origin) {
  Database database = Database::open(
      path, holds_store(path) ? Database::Mode::kReadWrite : Database::Mode::kCreate);
  Transaction transaction(database);
  if (is_blank_database(database))
    make_task_schema(database);
  else
    check_task_schema(database);  // another program may have made it since
  Statement add_import = database.prepare(
      "INSERT INTO import (at, origin, rows, added, changed) VALUES (?, ?, 0, 0, 0) RETURNING id");
  add_import.bind(1, wall_clock_s());
  add_import.bind(2, origin);
  RT_CHECK(add_import.next());
  const int64_t import = add_import.integer(0);
  RT_CHECK(!add_import.next());
  Importer importer(database, import);
  rows([&](const ImportRow& row) { importer.add(row); });
  const ImportCounts& counts = importer.counts();
  database.prepare("UPDATE import SET rows = ?, added = ?, changed = ? WHERE id = ?")
      .run(counts.rows, counts.added, counts.changed, import);
  transaction.commit();
  return counts;
}

void TaskStore::each(const std::string& where, const std::string& place,
                     const std::function<void(const StoredTask&)>& visit, double limit_s) {
  std::string sql = "SELECT " + std::string(kColumns) +
                    " FROM revision r WHERE revision = (SELECT max(revision) FROM revision WHERE "
                    "task = r.task)";
  if (where.find_first_not_of(" \t\r\n") != std::string::npos) {
    check_condition(where, place);
    sql += " AND task IN (SELECT id FROM current_task WHERE (\n" + where + "\n))";
  }
  Statement statement = database_.prepare_users(sql + " ORDER BY task", place, limit_s);
  while (statement.next()) visit(stored_task(statement, database_.path()));
}

StoredTask TaskStore::get(int64_t id, std::optional<int64_t> revision, const std::string& place) {
  Statement statement = database_.prepare(
      "SELECT " + std::string(kColumns) +
      " FROM revision WHERE task = ?1 AND (?2 IS NULL OR revision = ?2) ORDER BY revision DESC "
      "LIMIT 1");
  statement.bind(1, id);
  statement.bind(2, revision);
  if (!statement.next()) {
    const int64_t last = database_.integer("SELECT max(id) FROM task").value_or(0);
    throw UserError(
        place,
        "no task " + std::to_string(id) +
            (revision ? " with revision " + std::to_string(*revision) : "") + " in '" +
            database_.path() + "'",
        "tasks have the numbers 1 to " + std::to_string(last) + "; see retort tasks list");
  }
  return stored_task(statement, database_.path());
}

std::vector<TaskStore::Origin> TaskStore::revisions(int64_t id) {
  Statement statement = database_.prepare(
      "SELECT r.revision, r.line, i.origin, i.at FROM revision r JOIN import i ON i.id = r.import "
      "WHERE r.task = ? ORDER BY r.revision");
  statement.bind(1, id);
  std::vector<Origin> origins;
  while (statement.next())
    origins.push_back(
        {statement.integer(0), statement.integer(1), statement.text(2), statement.real(3)});
  return origins;
}

std::vector<Task> read_task_store(const std::string& path, const std::string& where,
                                  const std::string& place, const TaskOptions& options,
                                  Split side) {
  std::vector<Task> tasks;
  TaskStore::open(path).each(where, place, [&](const StoredTask& stored) {
    Task task = stored.row.task;
    if (!stored.row.has_split) task.split = side;
    if (task.family.empty()) task.source = stored.row.source;
    apply_system_prompt(options.system_prompt, task);
    tasks.push_back(std::move(task));
  });
  if (tasks.empty())
    throw UserError(place,
                    where.empty() ? "'" + path + "' holds no task"
                                  : "no task of '" + path + "' is one with " + where,
                    "see retort tasks list --db " + path);
  return tasks;
}

}  // namespace retort
