#include "tasks/task_schema.h"

#include "base/error.h"

#include <string_view>

namespace retort {
namespace {

constexpr std::string_view kSchema = R"sql(
CREATE TABLE import (
  id      INTEGER PRIMARY KEY,
  at      REAL NOT NULL,
  origin  TEXT NOT NULL,
  rows    INTEGER NOT NULL,
  added   INTEGER NOT NULL,
  changed INTEGER NOT NULL
) STRICT;

CREATE TABLE task (
  id  INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE revision (
  task       INTEGER NOT NULL REFERENCES task,
  revision   INTEGER NOT NULL,
  import     INTEGER NOT NULL REFERENCES import,
  line       INTEGER NOT NULL,
  digest     TEXT NOT NULL,
  uid        TEXT NOT NULL,
  source     TEXT NOT NULL,
  family     TEXT NOT NULL,
  level      INTEGER,
  seed       INTEGER,
  split      TEXT,
  prompt     TEXT,
  messages   TEXT,
  answer     TEXT NOT NULL,
  shape      TEXT NOT NULL,
  prompt_key TEXT NOT NULL,
  answer_key TEXT NOT NULL,
  row        TEXT NOT NULL,
  PRIMARY KEY (task, revision)
) STRICT;

CREATE TRIGGER revision_is_immutable BEFORE UPDATE ON revision
BEGIN SELECT RAISE(ABORT, 'a revision is never changed; import the row again'); END;

CREATE TRIGGER revision_stays BEFORE DELETE ON revision
BEGIN SELECT RAISE(ABORT, 'a revision is never deleted'); END;

CREATE TRIGGER task_is_immutable BEFORE UPDATE ON task
BEGIN SELECT RAISE(ABORT, 'a task keeps its number and key'); END;

CREATE VIEW current_task AS
SELECT task AS id, revision, source, family, level, seed, split, prompt, messages, answer, shape,
       row, uid, import, line
FROM revision r
WHERE revision = (SELECT max(revision) FROM revision WHERE task = r.task);
)sql";

// The statements that a database was made with, in the order of their names.
std::string statements_of(Database& database) {
  Statement statement = database.prepare(
      "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' "
      "ORDER BY name");
  std::string text;
  while (statement.next()) text += statement.text(0) + "\n" + statement.text(1) + "\n";
  return text;
}

int64_t pragma(Database& database, const std::string& name) {
  return database.integer("PRAGMA " + name).value_or(0);
}

}  // namespace

std::string task_schema_sql() { return std::string(kSchema); }

bool is_blank_database(Database& database) {
  return pragma(database, "user_version") == 0 &&
         database.integer("SELECT count(*) FROM sqlite_schema").value_or(0) == 0;
}

void make_task_schema(Database& database) {
  database.execute(task_schema_sql());
  database.execute("PRAGMA application_id = " + std::to_string(kTaskApplicationId));
  database.execute("PRAGMA user_version = " + std::to_string(kTaskSchemaNumber));
}

void check_task_schema(Database& database) {
  if (pragma(database, "application_id") != kTaskApplicationId)
    throw UserError(database.path(), "is a database, but no task store",
                    "name one that `retort tasks import` or `retort tasks make` has made");
  const int64_t number = pragma(database, "user_version");
  if (number != kTaskSchemaNumber)
    throw UserError(database.path(),
                    "has schema " + std::to_string(number) + ", this program reads schema " +
                        std::to_string(kTaskSchemaNumber),
                    number > kTaskSchemaNumber ? "use the newer program that made it"
                                               : "import its rows into a new store");
  static const std::string expected = [] {
    Database model = Database::open(":memory:", Database::Mode::kCreate);
    make_task_schema(model);
    return statements_of(model);
  }();
  if (statements_of(database) != expected)
    throw UserError(
        database.path(),
        "is damaged (its tables are not those of schema " + std::to_string(number) + ")",
        "put a copy that is whole in its place, or import the rows into a new store");
}

}  // namespace retort
