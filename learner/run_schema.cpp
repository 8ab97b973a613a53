#include "learner/run_schema.h"

#include <string_view>

namespace retort {
namespace {

// `version` and `decision` refer to no step: a version is older than the first step, a decision
// outlives what is computed again. No CHECKs: a list of more than two values costs each insertion a
// temporary table.
constexpr std::string_view kTables = R"sql(
CREATE TABLE run (
  id          INTEGER PRIMARY KEY CHECK (id = 1),
  program     TEXT NOT NULL,
  config_toml TEXT NOT NULL,
  seed        INTEGER NOT NULL,
  numerics    TEXT NOT NULL,
  host        TEXT NOT NULL,
  started_at  REAL NOT NULL
) STRICT;

CREATE TABLE step (
  step        INTEGER PRIMARY KEY,
  started_at  REAL NOT NULL,
  finished_at REAL
) STRICT;

CREATE TABLE task (
  step     INTEGER NOT NULL REFERENCES step,
  task     INTEGER NOT NULL,
  uid      TEXT NOT NULL,
  family   TEXT NOT NULL,
  level    INTEGER NOT NULL,
  seed     INTEGER NOT NULL,
  split    TEXT NOT NULL,
  prompt   TEXT,
  messages TEXT,
  answer   TEXT NOT NULL,
  rewards  TEXT,
  PRIMARY KEY (step, task)
) STRICT;

CREATE TABLE sample (
  id             INTEGER PRIMARY KEY,
  step           INTEGER NOT NULL,
  task           INTEGER NOT NULL,
  slot           INTEGER NOT NULL,
  branch         INTEGER NOT NULL,
  stop           TEXT NOT NULL,
  prompt_tokens  INTEGER NOT NULL,
  tokens         INTEGER NOT NULL,
  sampled_tokens INTEGER NOT NULL,
  version_min    INTEGER NOT NULL,
  version_max    INTEGER NOT NULL,
  logprob_sum    REAL,
  logprob_min    REAL,
  entropy_sum    REAL,
  started_s      REAL NOT NULL,
  finished_s     REAL NOT NULL,
  text           TEXT,
  UNIQUE (step, task, slot, branch),
  FOREIGN KEY (step, task) REFERENCES task
) STRICT;

CREATE TABLE token (
  sample     INTEGER PRIMARY KEY REFERENCES sample,
  prompt_ids BLOB NOT NULL,
  ids        BLOB NOT NULL,
  logprobs   BLOB NOT NULL,
  entropies  BLOB,
  versions   BLOB,
  loss_mask  BLOB,
  kept_ids   BLOB,
  kept_begin BLOB
) STRICT;

CREATE TABLE verdict (
  sample    INTEGER PRIMARY KEY REFERENCES sample,
  outcome   TEXT NOT NULL,
  score     REAL,
  isolation TEXT NOT NULL,
  ms        REAL NOT NULL
) STRICT;

CREATE TABLE part (
  sample  INTEGER NOT NULL REFERENCES sample,
  part    INTEGER NOT NULL,
  name    TEXT NOT NULL,
  weight  REAL NOT NULL,
  outcome TEXT NOT NULL,
  score   REAL,
  detail  TEXT NOT NULL,
  PRIMARY KEY (sample, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric (
  step     INTEGER NOT NULL REFERENCES step,
  position INTEGER NOT NULL,
  name     TEXT NOT NULL,
  value    ANY,
  PRIMARY KEY (step, position)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX metric_by_name ON metric (name, step);

CREATE TABLE event (
  id   INTEGER PRIMARY KEY,
  step INTEGER NOT NULL REFERENCES step,
  at   REAL NOT NULL,
  kind TEXT NOT NULL,
  text TEXT NOT NULL
) STRICT;
CREATE INDEX event_by_step ON event (step);

CREATE TABLE version (
  number   INTEGER PRIMARY KEY,
  digest   TEXT NOT NULL,
  numerics TEXT NOT NULL,
  tensors  TEXT
) STRICT;

CREATE TABLE decision (
  step        INTEGER NOT NULL,
  task        INTEGER NOT NULL,
  replaced_by INTEGER NOT NULL,
  reason      TEXT NOT NULL,
  at          REAL NOT NULL,
  PRIMARY KEY (step, task)
) STRICT;

CREATE VIEW scored_sample AS
SELECT s.id AS sample, s.step, s.task, s.slot, s.branch, t.uid, t.family, t.level, t.prompt, s.text,
       s.stop, s.tokens, v.outcome, v.score
FROM sample s JOIN task t USING (step, task) JOIN verdict v ON v.sample = s.id;
)sql";

// SQLite has no functions that read numbers from blobs. A byte's value is its place in the list of
// all bytes; the shifts below scale by powers of two, which is exact. So a view shows the numbers
// with every bit, in any program that opens the file.
std::string every_byte() {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string hex = "X'";
  for (const char high : kDigits)
    for (const char low : kDigits) hex += {high, low};
  return hex + "'";
}

// Word number `position` of a blob of little-endian 32-bit words, as a number from 0 to 2^32 - 1.
std::string word_sql(const std::string& blob) {
  std::string sum;
  for (int byte = 0; byte < 4; ++byte) {
    if (byte > 0) sum += " + ";
    sum += "((instr(" + every_byte() + ", substr(" + blob + ", 4 * p.key + " +
           std::to_string(byte + 1) + ", 1)) - 1) << " + std::to_string(8 * byte) + ")";
  }
  return "(" + sum + ")";
}

// The fp32 number with the bits `word`: sign * mantissa * 2^(exponent - 150). NULL for NaN.
std::string float_sql(const std::string& word) {
  const std::string exponent = "((" + word + " >> 23) & 255)";
  const std::string mantissa = "(" + word + " & 8388607)";
  const std::string shift = "(150 - max(" + exponent + ", 1))";  // -104 .. 149
  const auto power = [](const std::string& count, int from) {
    return "(1 << min(max(" + count + " - " + std::to_string(from) + ", 0), 62))";
  };
  const std::string down =
      " / " + power(shift, 0) + " / " + power(shift, 62) + " / " + power(shift, 124);
  const std::string up = " * " + power("-" + shift, 0) + " * " + power("-" + shift, 62);
  return "CASE WHEN " + word + " >= 2147483648 THEN -1.0 ELSE 1.0 END * CASE WHEN " + exponent +
         " < 255 THEN (" + mantissa + " + CASE WHEN " + exponent +
         " > 0 THEN 8388608.0 ELSE 0.0 END)" + down + up + " WHEN " + mantissa +
         " = 0 THEN 9e999 END";
}

// One row a completion token. json_each() of an array as long as the completion counts positions.
std::string token_view() {
  return "CREATE VIEW token_row AS\n"
         "SELECT sample, step, task, slot, position, id, " +
         float_sql("logprob_word") + " AS logprob, " + float_sql("entropy_word") +
         " AS entropy, coalesce(version, version_min) AS version FROM (\n"
         "SELECT s.id AS sample, s.step, s.task, s.slot, s.version_min, p.key AS position, " +
         word_sql("t.ids") + " AS id, " + word_sql("t.logprobs") + " AS logprob_word, " +
         word_sql("t.entropies") + " AS entropy_word, " + word_sql("t.versions") +
         " AS version\n"
         "FROM sample s JOIN token t ON t.sample = s.id JOIN json_each('[' || "
         "substr(replace(hex(zeroblob(s.tokens)), '00', '0,'), 1, 2 * s.tokens - 1) || ']') p);\n";
}

}  // namespace

std::string run_schema_sql() { return std::string(kTables) + token_view(); }

}  // namespace retort
