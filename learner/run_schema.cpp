#include "learner/run_schema.h"

#include <algorithm>
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

// SQLite has no functions that read numbers from blobs, so the schema brings its own: a byte's
// value is its place in the list of all bytes, and `float32` has the scale that goes with the nine
// upper bits of an fp32 number. Scaling by powers of two is exact: the view below shows every bit,
// in any program that opens the file.
constexpr std::string_view kFloatScales = R"sql(
CREATE TABLE float32 (
  upper  INTEGER PRIMARY KEY,
  scale  REAL NOT NULL,
  hidden REAL NOT NULL
) STRICT;
)sql";

// value = scale * (hidden + lower 23 bits). Exponent 0 has no hidden bit; 255 is infinity, or, with
// lower bits, no number.
std::string fill_float_scales() {
  constexpr int kHiddenBit = 1 << 23, kInfinite = 255;
  std::string rows;
  for (int upper = 0; upper < 512; ++upper) {
    const int exponent = upper & 255;
    std::string scale = "9e999";
    if (exponent < kInfinite) {
      // 2^(exponent - 150) by shifts of at most 62.
      int shift = std::max(exponent, 1) - 150;
      scale = "1.0";
      for (; shift < 0; shift += std::min(-shift, 62))
        scale += " / (1 << " + std::to_string(std::min(-shift, 62)) + ")";
      for (; shift > 0; shift -= std::min(shift, 62))
        scale += " * (1 << " + std::to_string(std::min(shift, 62)) + ")";
    }
    rows += (upper > 0 ? ", (" : "(") + std::to_string(upper) + ", " + (upper > 255 ? "-1" : "1") +
            " * " + scale + ", " + (exponent > 0 ? std::to_string(kHiddenBit) + ".0" : "0.0") + ")";
  }
  return "INSERT INTO float32 VALUES " + rows + ";\n";
}

// Byte `byte` of the little-endian word number p.key of a blob.
std::string byte_sql(const std::string& blob, int byte) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string every_byte;
  for (const char high : kDigits)
    for (const char low : kDigits) every_byte += {high, low};
  return "(instr(X'" + every_byte + "', substr(" + blob + ", 4 * p.key + " +
         std::to_string(byte + 1) + ", 1)) - 1)";
}

std::string word_sql(const std::string& blob) {
  return byte_sql(blob, 0) + " + (" + byte_sql(blob, 1) + " << 8) + (" + byte_sql(blob, 2) +
         " << 16) + (" + byte_sql(blob, 3) + " << 24)";
}
std::string upper_bits_sql(const std::string& blob) {
  return "(" + byte_sql(blob, 3) + " << 1) + (" + byte_sql(blob, 2) + " >> 7)";
}
std::string lower_bits_sql(const std::string& blob) {
  return "(" + byte_sql(blob, 0) + " + (" + byte_sql(blob, 1) + " << 8) + ((" + byte_sql(blob, 2) +
         " & 127) << 16))";
}
// `scale` is the row of float32 for the number's upper bits.
std::string float_sql(const std::string& blob, const std::string& scale) {
  const std::string lower = lower_bits_sql(blob);
  return "CASE WHEN " + scale + ".upper & 255 < 255 OR " + lower + " = 0 THEN " + scale +
         ".scale * (" + scale + ".hidden + " + lower + ") END";
}

// One row a completion token. json_each() of an array as long as the completion counts positions.
std::string token_view() {
  return "CREATE VIEW token_row AS\n"
         "SELECT s.id AS sample, s.step, s.task, s.slot, p.key AS position, " +
         word_sql("t.ids") + " AS id,\n" + float_sql("t.logprobs", "l") + " AS logprob,\n" +
         float_sql("t.entropies", "e") + " AS entropy,\ncoalesce(" + word_sql("t.versions") +
         ", s.version_min) AS version\n"
         "FROM sample s JOIN token t ON t.sample = s.id CROSS JOIN json_each('[' || "
         "substr(replace(hex(zeroblob(s.tokens)), '00', '0,'), 1, 2 * s.tokens - 1) || ']') p\n"
         "CROSS JOIN float32 l ON l.upper = " +
         upper_bits_sql("t.logprobs") +
         "\nLEFT JOIN float32 e ON e.upper = " + upper_bits_sql("t.entropies") + ";\n";
}

}  // namespace

std::string run_schema_sql() {
  return std::string(kTables) + std::string(kFloatScales) + fill_float_scales() + token_view();
}

}  // namespace retort
