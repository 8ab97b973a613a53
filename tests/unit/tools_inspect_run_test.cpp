// retort inspect RUN against a made-up run whose every number can be asked for.
#include "base/error.h"
#include "base/file.h"
#include "base/sqlite.h"
#include "learner/run_rows.h"
#include "tests/synthetic_run.h"
#include "tests/temporary_folder.h"
#include "tools/retort/inspect_run.h"
#include "tools/retort/run_report.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <bit>
#include <cmath>
#include <filesystem>
#include <map>

namespace retort {
namespace {

namespace fs = std::filesystem;
using namespace tests;

class InspectRun : public ::testing::Test {
 protected:
  void SetUp() override { write_run(folder_.path(), run_); }
  const std::string& dir() const { return folder_.path(); }

  const TemporaryFolder folder_;
  SyntheticRun run_;
};

std::string error_of(const std::string& dir, const std::string& sample = "") {
  try {
    read_run_report(dir, sample);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

std::string no_text(int32_t) { return ""; }

TEST_F(InspectRun, CurvesAndTimesAreTheRecordedMetrics) {
  const RunReport report = read_run_report(dir(), "");
  EXPECT_EQ(report.last_step, run_.steps);
  EXPECT_EQ(report.program, run_.info().program);
  ASSERT_EQ(report.curves.size(), 2u);
  EXPECT_EQ(report.curves[0].name, "critic/score/mean");
  EXPECT_EQ(report.curves[0].steps, (std::vector<int64_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(report.curves[1].steps, (std::vector<int64_t>{0, 2, 4}));
  double mean_train = 0, longest = 0;
  int64_t slowest = 0;
  for (int64_t step = 1; step <= run_.steps; ++step) {
    const MetricRow row = run_.metrics_of(step);
    EXPECT_EQ(report.curves[0].values[static_cast<size_t>(step) - 1], row.get("critic/score/mean"));
    mean_train += *row.get("timing_s/train") / static_cast<double>(run_.steps);
    if (*row.get("timing_s/step") > longest) {
      longest = *row.get("timing_s/step");
      slowest = step;
    }
  }
  std::map<std::string, double> time;
  for (const NamedSeconds& part : report.time) time[part.name] = part.seconds;
  ASSERT_EQ(time.size(), 3u);
  EXPECT_NEAR(time["train"], mean_train, 1e-12);
  ASSERT_EQ(report.slowest.size(), 5u);
  EXPECT_EQ(report.slowest[0].step, slowest);
  EXPECT_EQ(report.slowest[0].seconds, longest);
  for (size_t i = 1; i < 5; ++i)
    EXPECT_GE(report.slowest[i - 1].seconds, report.slowest[i].seconds);
}

TEST_F(InspectRun, OutcomesAreCounted) {
  std::map<std::string, int64_t> expected;
  for (int64_t step = 1; step <= run_.steps; ++step)
    for (const ScoredGroup& group : run_.groups_of(step))
      for (const Verdict& verdict : group.verdicts)
        ++expected[std::string(outcome_name(verdict.outcome))];
  const RunReport report = read_run_report(dir(), "");
  EXPECT_EQ((std::map<std::string, int64_t>(report.outcomes.begin(), report.outcomes.end())),
            expected);
  for (size_t i = 1; i < report.outcomes.size(); ++i)
    EXPECT_GE(report.outcomes[i - 1].second, report.outcomes[i].second);
}

TEST_F(InspectRun, ASampleComesWithTokensBitsAndParts) {
  const ScoredGroup group = run_.groups_of(2)[4];  // with masked tokens
  const Sample& expected = group.samples[1];
  const Verdict& verdict = group.verdicts[1];
  const RunReport report = read_run_report(dir(), "2/4/1");
  ASSERT_TRUE(report.sample);
  const RunSample& sample = *report.sample;
  EXPECT_EQ(sample.stop, stop_name(expected.stop));
  EXPECT_EQ(sample.outcome, outcome_name(verdict.outcome));
  ASSERT_EQ(sample.tokens.size(), static_cast<size_t>(expected.completion_length()));
  bool masked = false;
  for (size_t i = 0; i < sample.tokens.size(); ++i) {
    EXPECT_EQ(sample.tokens[i].id,
              expected.tokens[static_cast<size_t>(expected.prompt_length) + i]);
    EXPECT_EQ(std::bit_cast<uint32_t>(sample.tokens[i].logprob),
              std::bit_cast<uint32_t>(expected.logprobs[i]));
    EXPECT_EQ(sample.tokens[i].sampled, expected.loss_mask[i] != 0);
    masked = masked || !sample.tokens[i].sampled;
  }
  EXPECT_TRUE(masked);
  ASSERT_EQ(sample.parts.size(), verdict.parts.size());
  for (size_t i = 0; i < sample.parts.size(); ++i) {
    EXPECT_EQ(sample.parts[i].name, verdict.parts[i].name);
    EXPECT_EQ(sample.parts[i].weight, verdict.parts[i].weight);
    EXPECT_EQ(sample.parts[i].detail, verdict.parts[i].detail);
  }

  const auto json = nlohmann::json::parse(run_report_json(report, no_text));
  ASSERT_EQ(json["sample"]["logprobs"].size(), sample.tokens.size());
  for (size_t i = 0; i < sample.tokens.size(); ++i) {
    if (!std::isfinite(sample.tokens[i].logprob)) continue;
    EXPECT_EQ(
        std::bit_cast<uint32_t>(static_cast<float>(json["sample"]["logprobs"][i].get<double>())),
        std::bit_cast<uint32_t>(expected.logprobs[i]));
  }
}

TEST_F(InspectRun, WithoutAPlaceItIsTheFirstOfTheLastStep) {
  const RunReport report = read_run_report(dir(), "");
  ASSERT_TRUE(report.sample);
  EXPECT_EQ(report.sample->step, run_.steps);
  EXPECT_EQ(report.sample->task, 0);
  EXPECT_EQ(report.sample->slot, 0);
}

TEST_F(InspectRun, ASampleThatIsNotThereIsNamedWithWhatThereIs) {
  EXPECT_NE(error_of(dir(), "9/0/0").find("take a step from 1 to 5"), std::string::npos);
  EXPECT_NE(error_of(dir(), "2/6/0").find("task from 0 to 5 and a slot from 0 to 3"),
            std::string::npos);
  for (const char* place : {"2", "2/3", "2/3/", "2/3/1/", "a/b/c", "-1/0/0", "2/3/1x", " 2/3/1",
                            "99999999999999999999/0/0"})
    EXPECT_NE(error_of(dir(), place).find("STEP/TASK/SLOT"), std::string::npos) << place;
}

TEST_F(InspectRun, TheTextKeepsToTheWidthAndSteersNoTerminal) {
  RunReport report = read_run_report(dir(), "2/4/1");
  report.sample->text = "\x1b[2Jred\rline\nnext \xe2\x80\xae";
  const std::string plain = run_report_text(report, no_text, {60, false});
  EXPECT_EQ(plain.find('\x1b'), std::string::npos);
  EXPECT_EQ(plain.find('\r'), std::string::npos);
  EXPECT_NE(plain.find("\\x1b[2Jred"), std::string::npos);
  EXPECT_NE(run_report_text(report, no_text, {60, true}).find("\x1b[1mreward"), std::string::npos);
  report.curves[0].values.assign(1000, 0.5);
  report.curves[0].steps.assign(1000, 1);
  for (const size_t width : {30, 60, 90}) {
    const std::string text = run_report_text(report, no_text, {width, false});
    const size_t axis = text.find(" └");
    ASSERT_NE(axis, std::string::npos);
    const std::string line = text.substr(axis, text.find('\n', axis) - axis);
    // The corner and the dashes are three bytes each.
    EXPECT_EQ(8 + 1 + (line.size() - 1) / 3, width - 2);
  }
}

TEST_F(InspectRun, ALongCompletionIsCutInTheMiddleAndWholeInJson) {
  RunReport report = read_run_report(dir(), "");
  report.sample->tokens.clear();
  for (int32_t id = 1000; id < 1100; ++id) report.sample->tokens.push_back({id, -1.0f, true});
  const std::string text = run_report_text(report, no_text, {});
  for (const int id : {1000, 1031, 1092, 1099})
    EXPECT_NE(text.find(" " + std::to_string(id) + " "), std::string::npos) << id;
  EXPECT_EQ(text.find(" 1032 "), std::string::npos);
  EXPECT_NE(text.find("60 tokens more"), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(run_report_json(report, no_text))["sample"]["ids"].size(), 100u);
}

TEST_F(InspectRun, ARunThatIsBeingWrittenCanBeRead) {
  const TemporaryFolder folder;
  RunStore store = RunStore::create(folder.path(), run_.info());
  RunReport report = read_run_report(folder.path(), "");  // before its first step
  EXPECT_EQ(report.last_step, -1);
  EXPECT_FALSE(report.sample);
  EXPECT_NE(run_report_text(report, no_text, {}).find("steps"), std::string::npos);
  EXPECT_NE(error_of(folder.path(), "1/0/0").find("no samples yet"), std::string::npos);
  record_start(store, run_);
  record_step(store, run_, 1);
  store.record_tasks(2, 0, run_.tasks_of(2));
  ASSERT_TRUE(store.flush(Deadline::after(60)));
  report = read_run_report(folder.path(), "");
  EXPECT_EQ(report.last_step, 1);
  ASSERT_TRUE(report.sample);
  EXPECT_EQ(report.sample->step, 1);
}

TEST_F(InspectRun, DamagedAndForeignDirectoriesAreRefusedInOneLine) {
  const TemporaryFolder folder;
  const std::string foreign = folder.make("foreign"), empty = folder.make("empty");
  write_file_atomic(foreign + "/run.db", "no database at all, but long enough to look like one");
  EXPECT_NE(error_of(foreign).find("run.db"), std::string::npos);
  write_file_atomic(empty + "/run.db", "");
  EXPECT_NE(error_of(empty).find("is not the database of a run"), std::string::npos);

  const std::string other = folder.make("other");
  fs::copy(dir() + "/run.db", other + "/run.db");
  Database::open(other + "/run.db", Database::Mode::kReadWrite).execute("PRAGMA user_version = 99");
  EXPECT_NE(error_of(other).find("schema 99"), std::string::npos);

  const std::string damaged = folder.make("damaged");
  std::string bytes = read_file(dir() + "/run.db");
  ASSERT_GT(bytes.size(), 40000u);
  std::fill(bytes.begin() + 4096, bytes.end(), '\x5a');
  write_file_atomic(damaged + "/run.db", bytes);
  const std::string error = error_of(damaged);
  EXPECT_NE(error.find("damaged/run.db"), std::string::npos) << error;
  EXPECT_EQ(error.find('\n'), std::string::npos) << error;

  Database::open(dir() + "/run.db", Database::Mode::kReadWrite)
      .execute("UPDATE token SET logprobs = x'00' WHERE sample = 1");
  EXPECT_NE(error_of(dir(), "1/0/0").find("is damaged"), std::string::npos);
}

TEST(InspectFineTuning, IsReadFromItsLines) {
  const TemporaryFolder folder;
  const std::string& dir = folder.path();
  EXPECT_FALSE(is_run_dir(dir));
  write_file_atomic(dir + "/config.toml", "[sft]\nsteps = 3\ndata = \"a.jsonl\"\n");
  write_file_atomic(dir + "/metrics.jsonl",
                    "{\"step\":0,\"time_s\":0.0,\"val/loss\":5.0}\n"
                    "{\"step\":1,\"time_s\":1.5,\"train/loss\":4.0}\n"
                    "{\"step\":2,\"time_s\":2.0,\"train/loss\":null}\n"
                    "{\"step\":3,\"time_s\":9.0,\"train/lo");
  EXPECT_TRUE(is_run_dir(dir));
  const RunReport report = read_run_report(dir, "");
  EXPECT_EQ(report.last_step, 2) << "a line that is being written is not there yet";
  EXPECT_EQ(report.planned_steps, 3);
  ASSERT_EQ(report.curves.size(), 2u);
  EXPECT_EQ(report.curves[0].values, std::vector<double>{4.0});
  EXPECT_EQ(report.curves[1].values, std::vector<double>{5.0});
  ASSERT_EQ(report.slowest.size(), 2u);
  EXPECT_EQ(report.slowest[0].step, 1);
  EXPECT_EQ(report.slowest[0].seconds, 1.5);
  EXPECT_EQ(report.slowest[1].seconds, 0.5);
  EXPECT_NE(error_of(dir, "1/0/0").find("--sample"), std::string::npos);
  write_file_atomic(dir + "/metrics.jsonl", "{\"step\":1}\n{\"loss\":2}\n");
  EXPECT_NE(error_of(dir).find("metrics.jsonl:2: has no step"), std::string::npos);
  write_file_atomic(dir + "/metrics.jsonl", "{\"step\":1}\nnot json\n");
  EXPECT_NE(error_of(dir).find("metrics.jsonl:2"), std::string::npos);
}

}  // namespace
}  // namespace retort
