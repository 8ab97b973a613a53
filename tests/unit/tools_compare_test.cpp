// retort compare with differences planted one at a time: it sees each of them, names its place, and
// sees nothing else.
#include "base/error.h"
#include "base/file.h"
#include "base/sqlite.h"
#include "policy/checkpoint/safetensors.h"
#include "tests/synthetic_run.h"
#include "tests/temporary_folder.h"
#include "tools/retort/commands.h"
#include "tools/retort/compare_records.h"
#include "tools/retort/compare_weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace retort {
namespace {

namespace fs = std::filesystem;
using namespace tests;

Database edit(const std::string& run_dir) {
  return Database::open(RunStore::path(run_dir), Database::Mode::kReadWrite);
}

// Flips the lowest bit of byte `byte` of one blob of one sample.
void flip(const std::string& run_dir, const std::string& column, const std::string& sample,
          size_t byte) {
  Database database = edit(run_dir);
  const std::string where = " WHERE sample = (SELECT id FROM sample WHERE " + sample + ")";
  Statement row = database.prepare("SELECT " + column + " FROM token" + where);
  ASSERT_TRUE(row.next());
  std::vector<std::byte> bytes(row.blob(0).begin(), row.blob(0).end());
  row.reset();
  ASSERT_LT(byte, bytes.size());
  bytes[byte] ^= std::byte{1};
  database.prepare("UPDATE token SET " + column + " = ?" + where).run(Blob(bytes));
}

int compare(const std::string& a, const std::string& b, std::string* out = nullptr,
            const std::vector<std::string>& flags = {"--assert-equal"}) {
  CommandArguments arguments = {a, b};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  testing::internal::CaptureStdout();
  const int code = run_compare(arguments);
  const std::string text = testing::internal::GetCapturedStdout();
  if (out != nullptr) *out = text;
  return code;
}

std::map<std::string, ComparisonRow> rows_of(const Comparison& comparison) {
  std::map<std::string, ComparisonRow> rows;
  for (const ComparisonRow& row : comparison) rows[row.what] = row;
  return rows;
}

class CompareRuns : public testing::Test {
 protected:
  CompareRuns() : a_(folder_.make("a")), b_(folder_.make("b")) {
    write_run(a_, SyntheticRun());
    write_run(b_, SyntheticRun());
  }
  // That only the row `what` differs, `count` times, and its text.
  void expect_difference(const std::string& what, const std::string& text, int64_t count = 1) {
    for (const auto& [name, row] : rows_of(compare_records(a_, b_))) {
      EXPECT_EQ(row.differing, name == what ? count : 0) << name << ": " << row.first;
      EXPECT_EQ(row.first, name == what ? text : "");
    }
    std::string out;
    EXPECT_EQ(compare(a_, b_, &out), 1);
    EXPECT_NE(out.find(text), std::string::npos) << out;
    EXPECT_NE(out.find("\nnot equal\n"), std::string::npos) << out;
    EXPECT_EQ(compare(a_, b_, nullptr, {}), 0) << "it only reports without --assert-equal";
  }
  TemporaryFolder folder_;
  std::string a_, b_;
};

TEST_F(CompareRuns, EqualRunsAreEqualAndEverythingWasCompared) {
  const auto rows = rows_of(compare_records(a_, b_));
  EXPECT_EQ(rows.at("steps").compared, 5);
  EXPECT_EQ(rows.at("tasks").compared, 30);
  for (const char* what : {"sampled tokens", "log-probabilities", "entropies", "verdicts"})
    EXPECT_EQ(rows.at(what).compared, 120) << what;
  EXPECT_EQ(rows.at("parts of verdicts").compared, 240);
  // Of step 0 its number and pass@1. Of each other ten (and four times); pass@1 every second step.
  EXPECT_EQ(rows.at("metrics").compared, 2 + 5 * 10 + 2);
  EXPECT_EQ(rows.at("versions").compared, 6);
  for (const auto& [name, row] : rows) EXPECT_EQ(row.differing, 0) << name;
  std::string out;
  EXPECT_EQ(compare(a_, b_, &out), 0);
  EXPECT_NE(out.find("equal in everything that is deterministic"), std::string::npos) << out;
}

TEST_F(CompareRuns, OneBitOfOneLogProbability) {
  flip(b_, "logprobs", "step = 3 AND task = 0 AND slot = 2", 4);  // that of token 1: a denormal
  expect_difference("log-probabilities",
                    "step 3, task 0, slot 2: logprobs[1] -1.40129846e-45 (0x80000001) | -0 "
                    "(0x80000000)");
}
TEST_F(CompareRuns, TheSignOfAZeroLogProbability) {
  flip(b_, "logprobs", "step = 3 AND task = 0 AND slot = 2", 0);
  expect_difference("log-probabilities",
                    "step 3, task 0, slot 2: logprobs[0] -0 (0x80000000) | -1.40129846e-45 "
                    "(0x80000001)");
}
TEST_F(CompareRuns, OneToken) {
  const int32_t token = SyntheticRun().groups_of(2)[1].samples[3].tokens[3 + 1];
  flip(b_, "ids", "step = 2 AND task = 1 AND slot = 3", 4);
  expect_difference("sampled tokens", "step 2, task 1, slot 3: ids[1] " + std::to_string(token) +
                                          " | " + std::to_string(token ^ 1));
}
TEST_F(CompareRuns, OneKeptId) {
  const int32_t kept = SyntheticRun().groups_of(1)[2].samples[0].kept_ids[2];
  flip(b_, "kept_ids", "step = 1 AND task = 2 AND slot = 0", 8);
  expect_difference("sampled tokens", "step 1, task 2, slot 0: kept_ids[2] " +
                                          std::to_string(kept) + " | " + std::to_string(kept ^ 1));
}
TEST_F(CompareRuns, OneBitOfOneEntropy) {
  flip(b_, "entropies", "step = 4 AND task = 1 AND slot = 0", 0);
  const auto rows = rows_of(compare_records(a_, b_));
  EXPECT_EQ(rows.at("entropies").differing, 1);
  EXPECT_TRUE(rows.at("entropies").first.starts_with("step 4, task 1, slot 0: entropies[0] "));
}

TEST_F(CompareRuns, OneDeterministicMetric) {
  edit(b_).execute("UPDATE metric SET value = 2e-9 WHERE step = 3 AND name = 'actor/grad_norm'");
  expect_difference("metrics", "step 3, actor/grad_norm: value 1e-09 | 2e-09");
}
TEST_F(CompareRuns, AMetricThatIsMissing) {
  edit(b_).execute("DELETE FROM metric WHERE step = 1 AND name = 'actor/entropy'");
  expect_difference("metrics", "step 1, actor/entropy: only in A");
}
TEST_F(CompareRuns, AWholeNumberThatBecameAReal) {
  edit(b_).execute("UPDATE metric SET value = 100.0 WHERE step = 1 AND name = 'mismatch/checked'");
  expect_difference("metrics", "step 1, mismatch/checked: value 100 | 100.0");
}
TEST_F(CompareRuns, TimesMayDiffer) {
  edit(b_).execute(
      "UPDATE metric SET value = 77 WHERE name = 'time_s' OR name LIKE 'timing_s/%';"
      "UPDATE sample SET started_s = 1, finished_s = 2; UPDATE verdict SET ms = 1000;"
      "UPDATE step SET started_at = 0; UPDATE run SET host = 'another'");
  EXPECT_EQ(compare(a_, b_), 0);
}
TEST_F(CompareRuns, ConfigsMayDifferAndAreShown) {
  edit(b_).execute("UPDATE run SET config_toml = replace(config_toml, '= 1', '= 2')");
  std::string out;
  EXPECT_EQ(compare(a_, b_, &out), 0);
  EXPECT_NE(out.find("line 2: seed = 1 | seed = 2 (allowed)"), std::string::npos) << out;
}

// Samples of several workers come in another order than those of one, under another configuration.
TEST_F(CompareRuns, TheOrderOfArrivalAndTheNumberOfWorkersDoNotCount) {
  SyntheticRun run;
  RunInfo info = run.info();
  info.config_toml = "[run]\nworkers = 4\n[model]\npath = \"elsewhere\"\n" + info.config_toml;
  info.host = "another machine";
  const std::string c = folder_.make("c");
  {
    RunStore store = RunStore::create(c, info);
    record_start(store, run);
    for (int64_t step = 1; step <= run.steps; ++step) {
      store.record_tasks(step, 0, run.tasks_of(step));
      std::vector<ScoredGroup> groups = run.groups_of(step);
      for (size_t i = groups.size(); i-- > 0;)
        store.record_groups(step, {groups[i]}, synthetic_text);
      store.record_version(run.version(static_cast<uint32_t>(step)));
      store.record_metrics(step, run.metrics_of(step));
      store.finish_step(step);
    }
    ASSERT_TRUE(store.flush(Deadline::after(60)));
  }
  ASSERT_NE(Database::open(RunStore::path(a_), Database::Mode::kRead)
                .integer("SELECT task FROM sample WHERE id = 1"),
            Database::open(RunStore::path(c), Database::Mode::kRead)
                .integer("SELECT task FROM sample WHERE id = 1"));
  std::string out;
  EXPECT_EQ(compare(a_, c, &out), 0) << out;
  EXPECT_NE(out.find("workers"), std::string::npos) << "shown all the same: " << out;
}

TEST_F(CompareRuns, OneUnitInTheLastPlaceOfAScore) {
  edit(b_)
      .prepare(
          "UPDATE verdict SET score = ? WHERE sample = (SELECT id FROM sample WHERE step = 5 "
          "AND task = 0 AND slot = 1)")
      .run(std::nextafter(1.1, 2.0));
  expect_difference("verdicts", "step 5, task 0, slot 1: score 1.1 | 1.1000000000000003");
}
TEST_F(CompareRuns, OneOutcomeOfAPart) {
  edit(b_).execute(
      "UPDATE part SET outcome = 'crash' WHERE part = 1 AND sample = (SELECT id FROM sample WHERE "
      "step = 1 AND task = 1 AND slot = 2)");
  expect_difference("parts of verdicts", "step 1, task 1, slot 2, part 1: outcome value | crash");
}
TEST_F(CompareRuns, OneDigest) {
  edit(b_).execute("UPDATE version SET digest = 'ff' WHERE number = 4");
  expect_difference("versions", "version 4: digest " + SyntheticRun().version(4).digest + " | ff");
}
TEST_F(CompareRuns, OneTask) {
  edit(b_).execute("UPDATE task SET answer = '7' WHERE step = 2 AND task = 3");
  expect_difference("tasks", R"(step 2, task 3: answer {"target":6} | 7)");
}

TEST_F(CompareRuns, ASampleThatIsMissingShowsInAllItsRows) {
  edit(b_).execute(
      "DELETE FROM part WHERE sample = 1; DELETE FROM verdict WHERE sample = 1;"
      "DELETE FROM token WHERE sample = 1; DELETE FROM sample WHERE id = 1");
  const auto rows = rows_of(compare_records(a_, b_));
  EXPECT_EQ(rows.at("sampled tokens").first, "step 1, task 0, slot 0: only in A");
  EXPECT_EQ(rows.at("sampled tokens").differing, 1);
  EXPECT_EQ(rows.at("parts of verdicts").differing, 2);
  EXPECT_EQ(rows_of(compare_records(b_, a_)).at("verdicts").first,
            "step 1, task 0, slot 0: only in B");
  EXPECT_EQ(compare(a_, b_), 1);
}

TEST_F(CompareRuns, AShorterRunDiffersInItsLengthAlone) {
  RunStore::open(b_).truncate_after(3);
  expect_difference("steps", "the last is 5 | 3", 2);
}
TEST_F(CompareRuns, OnlyTheFirstDifferenceIsShownAndAllAreCounted) {
  flip(b_, "logprobs", "step = 4 AND task = 1 AND slot = 1", 0);
  flip(b_, "logprobs", "step = 2 AND task = 3 AND slot = 0", 4);
  flip(b_, "logprobs", "step = 2 AND task = 3 AND slot = 2", 0);
  const ComparisonRow row = rows_of(compare_records(a_, b_)).at("log-probabilities");
  EXPECT_EQ(row.differing, 3);
  EXPECT_TRUE(row.first.starts_with("step 2, task 3, slot 0: logprobs[1] ")) << row.first;
}
TEST_F(CompareRuns, JsonHasOneObjectARow) {
  edit(b_).execute("UPDATE version SET digest = 'ff' WHERE number = 4");
  std::string out;
  EXPECT_EQ(compare(a_, b_, &out, {"--json", "--assert-equal"}), 1);
  EXPECT_NE(out.find(R"({"what":"versions","unit":"digests","compared":6,"differing":1,"first":)"
                     R"("version 4: digest )"),
            std::string::npos)
      << out;
  EXPECT_NE(out.find(R"("differing":0,"first":null,"deterministic":true})"), std::string::npos);
}

TEST(Compare, ComparingNothingIsNoEquality) {
  const TemporaryFolder folder;
  const std::string a = folder.make("a"), b = folder.make("b");
  for (const std::string& dir : {a, b}) RunStore::create(dir, SyntheticRun().info());
  EXPECT_EQ(compare(a, b), 1);
}

TEST(Compare, WhatIsNeitherRunNorModelIsRefused) {
  const TemporaryFolder folder;
  const std::string run = folder.make("run"), model = folder.make("model"),
                    none = folder.make("none");
  write_run(run, SyntheticRun());
  write_file_atomic(model + "/config.json", "{}");
  const auto failure = [](const std::string& a, const std::string& b) -> std::string {
    try {
      run_compare({a, b});
    } catch (const UserError& error) {
      return error.what();
    }
    return "nothing was thrown";
  };
  EXPECT_NE(failure(none, run).find(none + ": holds neither a run"), std::string::npos);
  EXPECT_NE(failure(run, folder.path() + "/gone").find("is no directory"), std::string::npos);
  EXPECT_NE(failure(run, model).find(model + ": is a model, " + run + " is a run"),
            std::string::npos);
}

// ---- files

using Values = std::map<std::string, std::vector<float>>;

void write_tensors(const std::string& path, const Values& values, Dtype dtype = Dtype::kF32) {
  std::vector<TensorSource> sources;
  for (const auto& [name, of] : values)
    sources.push_back(from_f32(name, {static_cast<int64_t>(of.size())}, dtype, of.data()));
  write_safetensors(path, std::move(sources));
}

const Values kValues = {{"embed", {1, 2, 3}}, {"head", {0.1f, -0.0f}}, {"norm", {1}}};

Values changed(const std::string& name, size_t index, float value) {
  Values values = kValues;
  values.at(name).at(index) = value;
  return values;
}

void write_checkpoint(const std::string& run_dir, int step, const Values& weights,
                      const std::string& state, const Values& trainer = kValues) {
  const std::string dir = run_dir + "/checkpoints/step_" + std::to_string(step);
  make_folder(dir + "/trainer");
  write_tensors(dir + "/model.safetensors", weights);
  write_tensors(dir + "/trainer/state.safetensors", trainer);
  write_file_atomic(dir + "/trainer/state.json", state);
  write_file_atomic(dir + "/complete", "");
}

class CompareCheckpoints : public testing::Test {
 protected:
  CompareCheckpoints() : a_(folder_.make("a")), b_(folder_.make("b")) {
    write_checkpoint(a_, 9, kValues, R"({"step": 9, "time_s": 1.5})");
    write_checkpoint(a_, 10, kValues, R"({"step": 10, "time_s": 2.5})");
    write_checkpoint(a_, 20, kValues, R"({"step": 20, "time_s": 2.5})");  // B has pruned it
    write_checkpoint(b_, 9, kValues, R"({"step": 9, "time_s": 1.25})");
    write_checkpoint(b_, 10, kValues, R"({"step": 10, "time_s": 2.25})");
  }
  ComparisonRow row() const { return compare_checkpoints(a_, b_); }
  TemporaryFolder folder_;
  std::string a_, b_;
};

TEST_F(CompareCheckpoints, EqualOnesAreEqualButForTheirTimes) {
  EXPECT_EQ(row().compared, 6);
  EXPECT_EQ(row().differing, 0) << row().first;
}
TEST_F(CompareCheckpoints, OneBitOfAWeightNamesItsTensor) {
  write_checkpoint(b_, 9, changed("head", 1, 0.0f), R"({"step": 9, "time_s": 1.25})");
  EXPECT_EQ(row().differing, 1);
  EXPECT_EQ(row().first, "step_9/model.safetensors: head: element 1: -0 | 0");
}
TEST_F(CompareCheckpoints, TheTrainersStateIsCompared) {
  write_checkpoint(b_, 9, kValues, R"({"step": 8, "time_s": 1.5})", changed("embed", 2, 4));
  EXPECT_EQ(row().differing, 2);
  EXPECT_EQ(row().first, "step_9/trainer/state.json: step: 9 | 8");
}
TEST_F(CompareCheckpoints, AFileThatIsMissingIsADifference) {
  fs::remove(b_ + "/checkpoints/step_10/trainer/state.safetensors");
  EXPECT_EQ(row().first, "step_10/trainer/state.safetensors: only in A");
}
TEST_F(CompareCheckpoints, AnIncompleteOneIsNoCheckpoint) {
  write_checkpoint(b_, 9, changed("head", 1, 0.0f), "{}");
  fs::remove(b_ + "/checkpoints/step_9/complete");
  EXPECT_EQ(row().compared, 3);
  EXPECT_EQ(row().differing, 0);
}
TEST_F(CompareCheckpoints, OtherBytesOfEqualTensorsAreADifference) {
  // Bytes of the header count too: a resumed run has to write the same file.
  const std::string path = b_ + "/checkpoints/step_9/model.safetensors";
  const std::string bytes = read_file(path);
  const size_t at = bytes.find("\"pt\"");
  ASSERT_NE(at, std::string::npos);
  write_file_atomic(path, bytes.substr(0, at) + "\"np\"" + bytes.substr(at + 4));
  EXPECT_EQ(row().first, "step_9/model.safetensors: the same tensors under other headers");
}

TEST(CompareModels, TensorsAreComparedHoweverTheyAreCutIntoFiles) {
  const TemporaryFolder folder;
  const std::string whole = folder.make("whole"), shards = folder.make("shards");
  write_file_atomic(whole + "/config.json", "{}");
  write_file_atomic(shards + "/config.json", "{}");
  write_tensors(whole + "/model.safetensors", kValues);
  const auto write_shards = [&](const Values& values) {
    write_tensors(shards + "/model-00001-of-00002.safetensors",
                  {{"embed", values.at("embed")}, {"norm", values.at("norm")}});
    write_tensors(shards + "/model-00002-of-00002.safetensors", {{"head", values.at("head")}});
    write_file_atomic(shards + "/model.safetensors.index.json",
                      R"({"metadata": {"total_size": 24}, "weight_map": {
                          "embed": "model-00001-of-00002.safetensors",
                          "norm": "model-00001-of-00002.safetensors",
                          "head": "model-00002-of-00002.safetensors"}})");
  };
  write_shards(kValues);
  std::string out;
  EXPECT_EQ(compare(whole, shards, &out), 0) << out;
  write_shards(changed("norm", 0, 1.5f));
  EXPECT_EQ(compare(whole, shards, &out), 1);
  EXPECT_NE(out.find("norm: element 0: 1 | 1.5"), std::string::npos) << out;
}

TEST(CompareModels, DtypesNamesAndShapesAreCompared) {
  const TemporaryFolder folder;
  const std::string a = folder.make("a"), b = folder.make("b");
  write_tensors(a + "/model.safetensors", kValues);
  const auto first = [&] { return compare_models(a, b)[0].first; };
  write_tensors(b + "/model.safetensors", kValues, Dtype::kBF16);
  EXPECT_EQ(first(), "embed: F32 | BF16");
  Values values = kValues;
  values.at("embed").push_back(4);
  write_tensors(b + "/model.safetensors", values);
  EXPECT_EQ(first(), "embed: [3] | [4]");
  values = kValues;
  values.erase("head");
  values["other"] = {1};
  write_tensors(b + "/model.safetensors", values);
  EXPECT_EQ(first(), "head: only in A");
  EXPECT_EQ(compare_models(a, b)[0].differing, 2);
}

}  // namespace
}  // namespace retort
