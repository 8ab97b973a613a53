#include "learner/run_store.h"

#include "base/check.h"
#include "base/database_writer.h"
#include "base/error.h"
#include "base/sqlite.h"
#include "learner/run_lock.h"
#include "learner/run_reader.h"
#include "learner/run_rows.h"
#include "learner/run_schema.h"

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace retort {
namespace {

// Seconds since 1970.
double wall_clock_s() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

int64_t schema_number(Database& database) {
  return database.integer("PRAGMA user_version").value_or(0);
}

// Neither a schema nor a table: new, or what a crash within create() leaves.
bool is_blank(Database& database) {
  return schema_number(database) == 0 &&
         database.integer("SELECT count(*) FROM sqlite_schema").value_or(0) == 0;
}

void create_tables(Database& database, const RunInfo& info) {
  Transaction transaction(database);
  database.execute(run_schema_sql());
  database.prepare("INSERT INTO run VALUES (1, ?, ?, ?, ?, ?, ?)")
      .run(info.program, info.config_toml, info.seed, info.numerics, info.host, wall_clock_s());
  database.execute("PRAGMA user_version = " + std::to_string(kRunSchemaNumber));
  transaction.commit();
}

void check_pages(Database& database) {
  const std::string fault = database.text("PRAGMA quick_check(1)").value_or("no answer");
  if (fault != "ok")
    throw UserError(database.path(), "is damaged (" + fault + ")",
                    "put a copy that is whole in its place, or start a new run");
}

}  // namespace

struct RunStore::State {
  State(RunLock run_lock, Database write, Database read)
      : lock(std::move(run_lock)), rows(write), writer(std::move(write)), reader(std::move(read)) {}

  // Runs on the writer's thread, with the rows' statements.
  template <class Job>
  void submit(Job job) {
    writer.submit([this, job = std::move(job)] { job(rows); });
  }

  // In the order of construction. The connection that writes is the last to close: it takes the log
  // into the file.
  RunLock lock;
  RunRows rows;  // of the writer's thread
  DatabaseWriter writer;
  // Of the owner's thread.
  Database reader;
  int64_t next_sample = 1;
  bool has_tensors = false;              // a version with its table of tensors is recorded
  std::map<int64_t, int64_t> tasks_end;  // tasks recorded of each unfinished step

  void read_counters() {
    next_sample = reader.integer("SELECT max(id) FROM sample").value_or(0) + 1;
    has_tensors =
        reader.integer("SELECT count(*) FROM version WHERE tensors IS NOT NULL").value_or(0) > 0;
  }
};

RunStore::RunStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
RunStore::RunStore(RunStore&&) noexcept = default;
RunStore::~RunStore() = default;

std::string RunStore::path(const std::string& run_dir) { return run_dir + "/run.db"; }

bool RunStore::exists(const std::string& run_dir) {
  if (!std::filesystem::exists(path(run_dir))) return false;
  Database database = Database::open(path(run_dir), Database::Mode::kRead);
  return !is_blank(database);
}

RunStore RunStore::create(const std::string& run_dir, const RunInfo& info) {
  return create(run_dir, info, RunLock(run_dir));
}

RunStore RunStore::create(const std::string& run_dir, const RunInfo& info, RunLock lock) {
  Database database = Database::open(path(run_dir), Database::Mode::kCreate);
  if (!is_blank(database))
    throw UserError(run_dir, "holds a run already", "give another --run, or --resume");
  create_tables(database, info);
  Database reader = Database::open(path(run_dir), Database::Mode::kRead);
  return RunStore(std::make_unique<State>(std::move(lock), std::move(database), std::move(reader)));
}

RunStore RunStore::open(const std::string& run_dir) {
  if (!std::filesystem::exists(path(run_dir)))
    throw UserError(path(run_dir), "does not exist", "give the directory of a run");
  RunLock lock(run_dir);
  Database database = Database::open(path(run_dir), Database::Mode::kReadWrite);
  check_run_schema(database);
  check_pages(database);
  Database reader = Database::open(path(run_dir), Database::Mode::kRead);
  RunStore store(std::make_unique<State>(std::move(lock), std::move(database), std::move(reader)));
  store.state_->read_counters();
  return store;
}

void RunStore::record_version(const Version& version) {
  const bool with_tensors = !std::exchange(state_->has_tensors, true);
  state_->submit(
      [version, with_tensors](RunRows& rows) { rows.add_version(version, with_tensors); });
}

void RunStore::record_tasks(int64_t step, int64_t first_index, const std::vector<Task>& tasks) {
  state_->tasks_end[step] = first_index + static_cast<int64_t>(tasks.size());
  state_->submit([step, first_index, tasks, at = wall_clock_s()](RunRows& rows) {
    rows.add_step(step, at);
    for (size_t i = 0; i < tasks.size(); ++i)
      rows.add_task(step, first_index + static_cast<int64_t>(i), tasks[i]);
  });
}

void RunStore::record_groups(int64_t step, const std::vector<ScoredGroup>& groups,
                             const CompletionText& text) {
  const auto tasks_end = static_cast<uint32_t>(state_->tasks_end[step]);
  std::vector<std::string> texts;
  int64_t samples = 0;
  for (const ScoredGroup& group : groups) {
    RT_CHECK_EQ(group.samples.size(), group.verdicts.size()) << "a group of step " << step;
    for (size_t i = 0; i < group.samples.size(); ++i) {
      RT_CHECK_EQ(static_cast<int64_t>(group.samples[i].id.step), step) << "step of a sample";
      RT_CHECK_LT(group.samples[i].id.task, tasks_end) << "tasks recorded of step " << step;
      RT_CHECK(group.samples[i].id == group.verdicts[i].id) << "a verdict on another sample";
      if (text) texts.push_back(text(group.samples[i]));
    }
    samples += static_cast<int64_t>(group.samples.size());
  }
  const int64_t first = std::exchange(state_->next_sample, state_->next_sample + samples);
  state_->submit([first, groups, texts = std::move(texts)](RunRows& rows) {
    int64_t index = 0;
    for (const ScoredGroup& group : groups)
      for (size_t i = 0; i < group.samples.size(); ++i, ++index)
        rows.add_sample(first + index, group.samples[i], group.verdicts[i],
                        texts.empty() ? nullptr : &texts[static_cast<size_t>(index)]);
  });
}

void RunStore::record_metrics(int64_t step, const MetricRow& row) {
  state_->submit([step, row, at = wall_clock_s()](RunRows& rows) {
    rows.add_step(step, at);
    rows.add_metrics(step, row);
  });
}

void RunStore::record_event(int64_t step, const std::string& kind, const std::string& text) {
  state_->submit([step, kind, text, at = wall_clock_s()](RunRows& rows) {
    rows.add_step(step, at);
    rows.add_event(step, at, kind, text);
  });
}

void RunStore::record_decision(const Decision& decision) {
  state_->submit([decision, at = wall_clock_s()](RunRows& rows) {
    rows.add_decision(decision.step, decision.task, decision.replaced_by, decision.reason, at);
  });
}

void RunStore::finish_step(int64_t step) {
  state_->tasks_end.erase(step);
  state_->submit([step, at = wall_clock_s()](RunRows& rows) {
    rows.add_step(step, at);
    rows.finish_step(step, at);
  });
}

bool RunStore::flush(Deadline deadline) { return state_->writer.flush(deadline); }

void RunStore::truncate_after(int64_t step) {
  const int64_t last = last_step();
  if (last < step)
    throw UserError(state_->reader.path(),
                    "ends at step " + std::to_string(last) + ", the checkpoint is of step " +
                        std::to_string(step),
                    "put back the database that belongs to the checkpoint, or remove the later "
                    "checkpoints");
  state_->submit([step](RunRows& rows) { rows.delete_after(step); });
  flush(Deadline::never());
  state_->read_counters();
  state_->tasks_end.clear();
}

int64_t RunStore::last_step() {
  flush(Deadline::never());
  return state_->reader.integer("SELECT max(step) FROM step WHERE finished_at IS NOT NULL")
      .value_or(-1);
}

std::string RunStore::config_toml() {
  return state_->reader.text("SELECT config_toml FROM run").value_or("");
}

int64_t RunStore::last_decided_step() {
  flush(Deadline::never());
  return state_->reader.integer("SELECT max(step) FROM decision").value_or(-1);
}

std::vector<Decision> RunStore::decisions(int64_t step) {
  flush(Deadline::never());
  Statement statement = state_->reader.prepare(
      "SELECT task, replaced_by, reason FROM decision WHERE step = ? ORDER BY task");
  statement.bind(1, step);
  std::vector<Decision> decisions;
  while (statement.next())
    decisions.push_back({static_cast<uint32_t>(step), static_cast<uint32_t>(statement.integer(0)),
                         static_cast<uint32_t>(statement.integer(1)), statement.text(2)});
  return decisions;
}

}  // namespace retort
