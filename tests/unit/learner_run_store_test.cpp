#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/philox.h"
#include "base/sqlite.h"
#include "learner/run_schema.h"
#include "learner/run_store.h"
#include "learner/run_views.h"
#include "tests/run_dump.h"
#include "tests/synthetic_run.h"
#include "tests/temporary_folder.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <time.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <thread>

namespace retort {
namespace {

namespace fs = std::filesystem;
using namespace tests;

Database read_run(const std::string& run_dir) {
  return Database::open(RunStore::path(run_dir), Database::Mode::kRead);
}

template <class Error, class Action>
std::string text_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

// ---- what goes in comes out

template <class Number>
std::vector<Number> numbers_of(const Statement& row, int column) {
  const Blob blob = row.blob(column);
  std::vector<Number> numbers(blob.size() / sizeof(Number));
  EXPECT_EQ(blob.size(), numbers.size() * sizeof(Number));
  if (!numbers.empty()) std::memcpy(numbers.data(), blob.data(), blob.size());
  return numbers;
}

// The record that the tables hold, with the absent columns filled in as docs/run_db.md says.
Sample read_sample(Database& database, const SampleId& id) {
  Statement row = database.prepare(
      "SELECT t.prompt_ids, t.ids, t.logprobs, t.entropies, t.versions, t.loss_mask, t.kept_ids, "
      "t.kept_begin, s.prompt_tokens, s.version_min, s.stop, s.started_s, s.finished_s, task.uid "
      "FROM sample s JOIN token t ON t.sample = s.id JOIN task USING (step, task) "
      "WHERE s.step = ? AND s.task = ? AND s.slot = ? AND s.branch = ?");
  row.bind(1, id.step);
  row.bind(2, id.task);
  row.bind(3, id.slot);
  row.bind(4, id.branch);
  Sample sample;
  EXPECT_TRUE(row.next());
  sample.id = id;
  sample.tokens = numbers_of<int32_t>(row, 0);
  const auto ids = numbers_of<int32_t>(row, 1);
  sample.tokens.insert(sample.tokens.end(), ids.begin(), ids.end());
  sample.logprobs = numbers_of<float>(row, 2);
  sample.entropies = numbers_of<float>(row, 3);
  const auto version = static_cast<uint32_t>(row.integer(9));
  sample.versions =
      row.is_null(4) ? std::vector<uint32_t>(ids.size(), version) : numbers_of<uint32_t>(row, 4);
  sample.loss_mask =
      row.is_null(5) ? std::vector<uint8_t>(ids.size(), 1) : numbers_of<uint8_t>(row, 5);
  sample.kept_ids = numbers_of<int32_t>(row, 6);
  sample.kept_begin = numbers_of<int32_t>(row, 7);
  sample.prompt_length = static_cast<int32_t>(row.integer(8));
  const std::string stop = row.text(10);
  sample.stop = stop == "eos"      ? StopReason::kEos
                : stop == "length" ? StopReason::kLength
                                   : StopReason::kStopString;
  sample.started_s = row.real(11);
  sample.finished_s = row.real(12);
  sample.task_uid = std::stoull(row.text(13), nullptr, 16);
  return sample;
}

Verdict read_verdict(Database& database, const SampleId& id) {
  Statement row = database.prepare(
      "SELECT v.sample, v.outcome, v.score, v.isolation, v.ms FROM sample s JOIN verdict v ON "
      "v.sample = s.id WHERE s.step = ? AND s.task = ? AND s.slot = ? AND s.branch = ?");
  row.bind(1, id.step);
  row.bind(2, id.task);
  row.bind(3, id.slot);
  row.bind(4, id.branch);
  EXPECT_TRUE(row.next());
  Verdict verdict;
  verdict.id = id;
  verdict.outcome = outcome_from_name(row.text(1)).value();
  verdict.score = row.real(2);  // 0 for NULL
  EXPECT_EQ(row.is_null(2), !is_policys_doing(verdict.outcome));
  verdict.isolation = row.text(3);
  verdict.ms = row.real(4);
  Statement part = database.prepare(
      "SELECT name, weight, outcome, score, detail FROM part WHERE sample = ? ORDER BY part");
  part.bind(1, row.integer(0));
  while (part.next())
    verdict.parts.push_back({part.text(0), part.real(1), outcome_from_name(part.text(2)).value(),
                             part.real(3), part.text(4)});
  return verdict;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

TEST(RunStore, EverySampleAndVerdictReadsBackBitForBit) {
  const TemporaryFolder folder;
  SyntheticRun run;
  write_run(folder.path(), run);
  Database database = read_run(folder.path());
  for (int64_t step = 1; step <= run.steps; ++step)
    for (const ScoredGroup& group : run.groups_of(step))
      for (size_t i = 0; i < group.samples.size(); ++i) {
        const Sample& sample = group.samples[i];
        const Sample read = read_sample(database, sample.id);
        EXPECT_EQ(read, sample);
        EXPECT_TRUE(same_bits(read.logprobs, sample.logprobs));
        EXPECT_TRUE(same_bits(read.entropies, sample.entropies));
        EXPECT_EQ(read_verdict(database, sample.id), group.verdicts[i]);
      }
  EXPECT_EQ(database.integer("SELECT count(*) FROM sample"),
            run.steps * run.tasks * run.group_size);
  EXPECT_NO_THROW(database.check_integrity());
}

TEST(RunStore, TasksVersionsAndTheRunReadBack) {
  const TemporaryFolder folder;
  SyntheticRun run;
  write_run(folder.path(), run);
  Database database = read_run(folder.path());
  const Task text = run.tasks_of(2)[1], chat = run.tasks_of(2)[4];
  Statement row = database.prepare(
      "SELECT printf('%016x', seed), uid, family, level, split, prompt, messages, answer, rewards "
      "FROM task WHERE step = 2 AND task IN (1, 4) ORDER BY task");
  ASSERT_TRUE(row.next());
  EXPECT_EQ(std::stoull(row.text(0), nullptr, 16), text.seed);
  EXPECT_EQ(std::stoull(row.text(1), nullptr, 16), text.uid);
  EXPECT_EQ(row.text(2), "countdown");
  EXPECT_EQ(row.integer(3), text.level);
  EXPECT_EQ(row.text(4), "train");
  EXPECT_EQ(row.text(5), text.prompt);
  EXPECT_TRUE(row.is_null(6));
  EXPECT_EQ(row.text(7), text.answer);
  EXPECT_TRUE(row.is_null(8));
  ASSERT_TRUE(row.next());
  EXPECT_TRUE(row.is_null(5));
  EXPECT_EQ(database.text("SELECT json_extract(messages, '$[1].content') FROM task WHERE step = 2 "
                          "AND task = 4"),
            chat.messages[1].content);
  EXPECT_EQ(row.text(8), R"(["task","format"])");

  EXPECT_EQ(database.integer("SELECT count(*) FROM version"), run.steps + 1);
  EXPECT_EQ(database.text("SELECT digest FROM version WHERE number = 3"), run.version(3).digest);
  EXPECT_EQ(database.text("SELECT json_extract(tensors, '$[0].shape') FROM version WHERE number = "
                          "0"),
            "[2,3]");
  EXPECT_EQ(database.integer("SELECT count(*) FROM version WHERE tensors IS NULL"), run.steps);
  EXPECT_EQ(database.text("SELECT config_toml FROM run"), run.info().config_toml);
  EXPECT_EQ(database.integer("SELECT seed FROM run"), 1);
}

TEST(RunStore, TheTokenViewShowsEveryBit) {
  const TemporaryFolder folder;
  RunStore store = RunStore::create(folder.path(), SyntheticRun().info());
  store.record_tasks(1, 0, {Task()});
  ScoredGroup group;
  group.samples.resize(1);
  group.verdicts.resize(1);
  Sample& sample = group.samples[0];
  sample.id = group.verdicts[0].id = {1, 0, 0, 0};
  const auto add = [&](uint32_t bits) {
    sample.tokens.push_back(static_cast<int32_t>(sample.tokens.size() * 65'537));
    sample.loss_mask.push_back(1);
    sample.logprobs.push_back(std::bit_cast<float>(bits));
    sample.entropies.push_back(std::bit_cast<float>(~bits));
    sample.versions.push_back(static_cast<uint32_t>(sample.versions.size() + 250));
  };
  for (uint32_t exponent = 0; exponent < 512; ++exponent) {  // of both signs
    for (const uint32_t mantissa : {0u, 1u, 0x7fffffu}) add(exponent << 23 | mantissa);
  }
  PhiloxStream draw({7, Purpose::kSynthesis, 0}, 0, 0, 0);
  for (int i = 0; i < 500; ++i) add(draw.next_u32());
  store.record_groups(1, {group});
  ASSERT_TRUE(store.flush(Deadline::after(60)));

  Database database = read_run(folder.path());
  Statement row = database.prepare(
      "SELECT position, id, logprob, entropy, version FROM token_row WHERE sample = 1");
  const auto expect_float = [&](int column, float value) {
    if (std::isnan(value)) {
      EXPECT_TRUE(row.is_null(column));
    } else {
      EXPECT_EQ(std::bit_cast<uint64_t>(row.real(column)),
                std::bit_cast<uint64_t>(static_cast<double>(value)))
          << value;
    }
  };
  for (size_t i = 0; i < sample.tokens.size(); ++i) {
    ASSERT_TRUE(row.next());
    EXPECT_EQ(row.integer(0), static_cast<int64_t>(i));
    EXPECT_EQ(row.integer(1), sample.tokens[i]);
    expect_float(2, sample.logprobs[i]);
    expect_float(3, sample.entropies[i]);
    EXPECT_EQ(row.integer(4), sample.versions[i]);
  }
  EXPECT_FALSE(row.next());
}

TEST(RunStore, TheTokenViewFillsInWhatIsAbsent) {
  const TemporaryFolder folder;
  const SyntheticRun run;
  write_run(folder.path(), run);
  Database database = read_run(folder.path());
  int64_t tokens = 0;
  for (int64_t step = 1; step <= run.steps; ++step)
    for (const ScoredGroup& group : run.groups_of(step))
      for (const Sample& sample : group.samples) tokens += sample.completion_length();
  EXPECT_EQ(database.integer("SELECT count(*) FROM token_row"), tokens);
  EXPECT_EQ(database.integer("SELECT count(*) FROM token_row WHERE version IS NULL"), 0);
  EXPECT_EQ(database.integer("SELECT count(*) FROM token_row WHERE task <> 4 AND version <> step - "
                             "1"),
            0);
  EXPECT_EQ(
      database.integer("SELECT count(*) FROM token_row WHERE (entropy IS NULL) <> (task = 5)"), 0);
}

TEST(RunStore, SumsAreOverTheSampledTokens) {
  const TemporaryFolder folder;
  SyntheticRun run;
  write_run(folder.path(), run);
  Database database = read_run(folder.path());
  const Sample sample = run.groups_of(2)[4].samples[1];  // with masked tokens
  double logprob = 0, entropy = 0, lowest = 0;
  int64_t sampled = 0;
  for (size_t i = 0; i < sample.logprobs.size(); ++i) {
    if (sample.loss_mask[i] == 0) continue;
    ++sampled;
    logprob += static_cast<double>(sample.logprobs[i]);
    entropy += static_cast<double>(sample.entropies[i]);
    lowest = std::min(lowest, static_cast<double>(sample.logprobs[i]));
  }
  ASSERT_LT(sampled, sample.completion_length());
  Statement row = database.prepare(
      "SELECT sampled_tokens, tokens, logprob_sum, logprob_min, entropy_sum FROM sample WHERE step "
      "= 2 AND task = 4 AND slot = 1");
  ASSERT_TRUE(row.next());
  EXPECT_EQ(row.integer(0), sampled);
  EXPECT_EQ(row.integer(1), sample.completion_length());
  EXPECT_EQ(row.real(2), logprob);
  EXPECT_EQ(row.real(3), lowest);
  EXPECT_EQ(row.real(4), entropy);
}

TEST(RunStore, TextsAreUtf8WithoutNul) {
  const TemporaryFolder folder;
  write_run(folder.path(), SyntheticRun());
  Database database = read_run(folder.path());
  Statement row =
      database.prepare("SELECT text, length(text), length(CAST(text AS BLOB)) FROM sample");
  int rows = 0;
  for (; row.next(); ++rows) {
    EXPECT_EQ(row.text(0).find('\0'), std::string::npos);
    EXPECT_LE(row.integer(1), row.integer(2));
  }
  EXPECT_EQ(rows, 120);

  const TemporaryFolder other;
  RunStore store = RunStore::create(other.path(), SyntheticRun().info());
  store.record_tasks(1, 0, {Task()});
  ScoredGroup group{{Sample()}, {Verdict()}};
  group.samples[0].id = group.verdicts[0].id = {1, 0, 0, 0};
  store.record_groups(1, {group}, [](const Sample&) { return std::string("a\0\xFF” ok", 9); });
  store.flush(Deadline::after(60));
  EXPECT_EQ(read_run(other.path()).text("SELECT text FROM sample"), "a\u2400\uFFFD” ok");
}

TEST(RunStore, RowsAreThereSoonWithoutAFlush) {
  const TemporaryFolder folder;
  const SyntheticRun run;
  RunStore store = RunStore::create(folder.path(), run.info());
  Database database = read_run(folder.path());
  store.record_tasks(1, 0, run.tasks_of(1));
  store.record_groups(1, run.groups_of(1));
  const Deadline deadline = Deadline::after(30);
  while (database.integer("SELECT count(*) FROM token") != 24 && !deadline.passed())
    std::this_thread::yield();
  EXPECT_EQ(database.integer("SELECT count(*) FROM token"), 24);
}

TEST(RunStore, AFaultOfOursIsToldByTheNextCall) {
  const TemporaryFolder folder;
  const SyntheticRun run;
  RunStore store = RunStore::create(folder.path(), run.info());
  EXPECT_THROW(store.record_groups(1, run.groups_of(1)), InternalError) << "without their tasks";
  store.record_tasks(1, 0, run.tasks_of(1));
  EXPECT_THROW(store.record_groups(1, run.groups_of(2)), InternalError) << "of another step";
  std::vector<ScoredGroup> groups = run.groups_of(1);
  groups[0].verdicts.pop_back();
  EXPECT_THROW(store.record_groups(1, groups), InternalError) << "without a verdict";
  groups = run.groups_of(1);
  std::swap(groups[0].verdicts[0], groups[0].verdicts[1]);
  EXPECT_THROW(store.record_groups(1, groups), InternalError) << "with another's verdict";
  store.record_metrics(1, run.metrics_of(1));
  EXPECT_TRUE(store.flush(Deadline::after(60)));
  store.record_metrics(1, run.metrics_of(1));  // a second line
  EXPECT_THROW(store.flush(Deadline::after(60)), InternalError);
  EXPECT_THROW(store.record_event(1, "a", "b"), InternalError);
}

// ---- resume

TEST(RunStore, TruncationLeavesTheShorterRunAndTheDecisions) {
  const TemporaryFolder folder;
  SyntheticRun run;
  const std::string whole = folder.make("whole"), shorter = folder.make("shorter");
  write_run(whole, run);
  run.steps = 5;
  {
    RunStore store = RunStore::create(shorter, run.info());
    record_start(store, run);
    for (int64_t step = 1; step <= 3; ++step) record_step(store, run, step);
  }
  const Decision early{2, 1, 6, "deadline of 1 s passed"}, late{5, 0, 6, "deadline of 1 s passed"};
  {
    RunStore store = RunStore::open(whole);
    EXPECT_EQ(store.last_step(), 5);
    EXPECT_EQ(store.config_toml(), run.info().config_toml);
    store.record_decision(late);
    store.record_decision(early);
    store.record_tasks(6, 0, run.tasks_of(6));  // a step that ended early
    store.truncate_after(3);
    EXPECT_EQ(store.last_step(), 3);
    EXPECT_EQ(store.decisions(5), std::vector<Decision>{late});
    EXPECT_EQ(store.decisions(2), std::vector<Decision>{early});
    EXPECT_TRUE(store.decisions(3).empty());
    EXPECT_EQ(store.last_decided_step(), 5);
    EXPECT_EQ(dump_run(whole, {"decision"}), dump_run(shorter, {"decision"}));
    // What is computed again gets the keys it had.
    for (int64_t step = 4; step <= 5; ++step) record_step(store, run, step);
  }
  const std::string other = folder.make("other");
  write_run(other, run);
  EXPECT_EQ(dump_run(whole, {"decision"}), dump_run(other, {"decision"}));
  EXPECT_NE(dump_run(whole), dump_run(other)) << "the dump sees a difference";
}

TEST(RunStore, TruncationToNothingBeginsAnew) {
  const TemporaryFolder folder;
  const SyntheticRun run;
  const std::string resumed = folder.make("resumed"), other = folder.make("other");
  write_run(resumed, run);
  write_run(other, run);
  {
    RunStore store = RunStore::open(resumed);
    store.truncate_after(-1);
    EXPECT_EQ(store.last_step(), -1);
    EXPECT_EQ(read_run(resumed).integer("SELECT count(*) FROM version"), 0);
    record_start(store, run);
    for (int64_t step = 1; step <= run.steps; ++step) record_step(store, run, step);
  }
  EXPECT_EQ(dump_run(resumed), dump_run(other));
}

TEST(RunStore, ACheckpointAfterTheDatabaseEndsIsRefused) {
  const TemporaryFolder folder;
  write_run(folder.path(), SyntheticRun());
  RunStore store = RunStore::open(folder.path());
  const std::string text = text_of<UserError>([&] { store.truncate_after(7); });
  EXPECT_NE(text.find("ends at step 5, the checkpoint is of step 7"), std::string::npos) << text;
}

// ---- opening

TEST(RunStore, OpeningNamesWhatIsWrong) {
  const TemporaryFolder folder;
  const SyntheticRun run;
  const auto failure = [](const std::string& dir) {
    return text_of<UserError>([&] { RunStore::open(dir); });
  };
  EXPECT_NE(failure(folder.path()).find("run.db: does not exist"), std::string::npos);
  EXPECT_FALSE(RunStore::exists(folder.path()));

  const std::string other = folder.make("other");
  write_run(other, run);
  EXPECT_TRUE(RunStore::exists(other));
  Database::open(RunStore::path(other), Database::Mode::kReadWrite)
      .execute("PRAGMA user_version = 7");
  const std::string text = failure(other);
  EXPECT_NE(
      text.find("has schema 7, this program reads schema " + std::to_string(kRunSchemaNumber)),
      std::string::npos)
      << text;

  const std::string foreign = folder.make("foreign");
  Database::open(RunStore::path(foreign), Database::Mode::kCreate)
      .execute("CREATE TABLE t (a INTEGER) STRICT");
  EXPECT_NE(failure(foreign).find("is not the database of a run"), std::string::npos);

  const std::string taken = folder.make("taken");
  write_run(taken, run);
  EXPECT_NE(
      text_of<UserError>([&] { RunStore::create(taken, run.info()); }).find("holds a run already"),
      std::string::npos);
  EXPECT_EQ(RunStore::open(taken).last_step(), run.steps) << "and is untouched";
}

TEST(RunStore, DamageIsFound) {
  const TemporaryFolder folder;
  write_run(folder.path(), SyntheticRun());
  const std::string path = RunStore::path(folder.path());
  const std::string whole = read_file(path);
  ASSERT_GT(whole.size(), size_t{20'000});
  int found = 0, tried = 0;
  const auto try_bytes = [&](const std::string& bytes) {
    write_file_atomic(path, bytes);
    ++tried;
    const std::string text = text_of<UserError>([&] { RunStore::open(folder.path()); });
    EXPECT_TRUE(text.starts_with(path + ": ") || text == "nothing was thrown") << text;
    found += text != "nothing was thrown" ? 1 : 0;
  };
  try_bytes(whole.substr(0, whole.size() / 2));
  try_bytes(whole.substr(0, 100));
  try_bytes("not a database, but a file of text that is long enough to be looked at");
  EXPECT_EQ(found, tried);
  // Noise at the head of each page. A page that holds no table yet may take it.
  constexpr size_t kPageBytes = 16'384;
  for (size_t page = 0; page < whole.size() / kPageBytes; ++page) {
    std::string bytes = whole;
    for (size_t i = 0; i < 64; ++i) bytes[page * kPageBytes + i] = static_cast<char>(i * 37 + 11);
    try_bytes(bytes);
  }
  EXPECT_GT(found, tried * 3 / 4) << "of " << tried;
  write_file_atomic(path, whole);
  EXPECT_EQ(RunStore::open(folder.path()).last_step(), 5);
}

TEST(RunStore, OneWriterAtATime) {
  const TemporaryFolder folder;
  write_run(folder.path(), SyntheticRun());
  {
    const RunStore store = RunStore::open(folder.path());
    EXPECT_NE(text_of<UserError>([&] {
                RunStore::open(folder.path());
              }).find("another process is writing this run"),
              std::string::npos);
  }
  EXPECT_EQ(RunStore::open(folder.path()).last_step(), 5);
}

TEST(RunStore, ACreationThatWasCutShortIsNoRun) {
  const TemporaryFolder folder;
  write_file_atomic(RunStore::path(folder.path()), "");
  EXPECT_FALSE(RunStore::exists(folder.path()));
  { Database::open(RunStore::path(folder.path()), Database::Mode::kCreate); }  // a header, no table
  EXPECT_FALSE(RunStore::exists(folder.path()));
  EXPECT_EQ(RunStore::create(folder.path(), SyntheticRun().info()).last_step(), -1);
  EXPECT_TRUE(RunStore::exists(folder.path()));
}

// ---- views

TEST(RunViews, MetricsHaveTheBytesOfTheAppendedLines) {
  const TemporaryFolder folder;
  const SyntheticRun run;
  write_run(folder.path(), run);
  std::string appended;
  for (int64_t step = 0; step <= run.steps; ++step) appended += run.metrics_of(step).json() + "\n";
  ASSERT_NE(appended.find("-0.0"), std::string::npos);
  ASSERT_NE(appended.find("null"), std::string::npos);
  ASSERT_NE(appended.find("\"response_length/mean\": 2.0"), std::string::npos);
  write_metrics_view(folder.path());
  EXPECT_EQ(read_file(folder.path() + "/metrics.jsonl"), appended);
}

TEST(RunViews, ResumeLeavesTheViewsOfTheStepsThatStay) {
  const TemporaryFolder folder;
  const SyntheticRun run;
  write_run(folder.path(), run);
  for (const int64_t step : {1, 3, 10}) write_samples_view(folder.path(), step);
  write_file_atomic(folder.path() + "/samples/notes.md", "a user's own");
  write_file_atomic(folder.path() + "/metrics.jsonl", "half a li");
  RunStore store = RunStore::open(folder.path());
  store.truncate_after(2);
  rewrite_views(folder.path(), 2);
  EXPECT_EQ(list_folder(folder.path() + "/samples"),
            (std::vector<std::string>{"notes.md", "step_1.md"}));
  std::string appended;
  for (int64_t step = 0; step <= 2; ++step) appended += run.metrics_of(step).json() + "\n";
  EXPECT_EQ(read_file(folder.path() + "/metrics.jsonl"), appended);
}

TEST(RunViews, SamplesShowPromptScoreAndText) {
  const TemporaryFolder folder;
  RunStore store = RunStore::create(folder.path(), SyntheticRun().info());
  Task task;
  task.family = "chain_sum";
  task.level = 4;
  task.prompt = "3+5-2=";
  task.answer = R"({"target":6})";
  store.record_tasks(1, 0, {task});
  ScoredGroup group{{Sample(), Sample()}, {Verdict(), Verdict()}};
  group.samples[0].id = group.verdicts[0].id = {1, 0, 0, 0};
  group.samples[1].id = group.verdicts[1].id = {1, 0, 1, 0};
  group.verdicts[0].score = 1;
  group.verdicts[1].outcome = Outcome::kVerifierError;
  group.samples[1].stop = StopReason::kLength;
  store.record_groups(1, {group}, [](const Sample& sample) {
    return std::string(sample.id.slot == 0 ? "6" : "a ``` fence\n");
  });
  store.flush(Deadline::after(60));
  write_samples_view(folder.path(), 1);
  EXPECT_EQ(read_file(folder.path() + "/samples/step_1.md"), R"(# Samples of step 1

## task 0: chain_sum, level 4

```text
3+5-2=
```

Answer: `{"target":6}`

### slot 0: score 1, value, 0 tokens, ended by eos

```text
6
```

### slot 1: no score, verifier_error, 0 tokens, ended by length

````text
a ``` fence
````

)");
}

// ---- speed

double cpu_seconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Prints what a sample costs the loop's thread and the writer's. No assertion: a machine may be
// busy.
TEST(RunStore, SamplesASecond) {
  const TemporaryFolder folder;
  SyntheticRun run;
  run.tasks = 64;
  run.group_size = 16;
  run.tokens = 60;
  constexpr int64_t kSteps = 10;
  std::vector<std::vector<ScoredGroup>> groups;
  for (int64_t step = 1; step <= kSteps; ++step) groups.push_back(run.groups_of(step));
  RunStore store = RunStore::create(folder.path(), run.info());
  const auto begin = Deadline::Clock::now();
  const double caller = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
  const double process = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
  for (int64_t step = 1; step <= kSteps; ++step) {
    store.record_tasks(step, 0, run.tasks_of(step));
    store.record_groups(step, groups[static_cast<size_t>(step - 1)], [](const Sample& sample) {
      return std::string(sample.tokens.size(), 'a');
    });
    store.finish_step(step);
  }
  const double caller_s = cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - caller;
  ASSERT_TRUE(store.flush(Deadline::after(120)));
  const double wall_s = std::chrono::duration<double>(Deadline::Clock::now() - begin).count();
  const double writer_s = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - process - caller_s;
  const double samples = static_cast<double>(kSteps * run.tasks * run.group_size);
  std::printf(
      "%.0f samples/s (%.0f samples of at most %lld tokens in %.2f s); CPU a sample: "
      "%.1f us of the loop's thread, %.1f us of the writer's; %.0f bytes a sample\n",
      samples / wall_s, samples, static_cast<long long>(run.tokens), wall_s,
      1e6 * caller_s / samples, 1e6 * writer_s / samples,
      static_cast<double>(fs::file_size(RunStore::path(folder.path()))) / samples);
}

}  // namespace
}  // namespace retort
