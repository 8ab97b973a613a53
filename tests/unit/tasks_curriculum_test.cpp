// The training sequence: what a cursor alone decides, turns, epochs, traces.
#include "tasks/curriculum.h"
#include "tasks/evaluation_set.h"
#include "tasks/family.h"
#include "tasks/trace.h"
#include "tests/cases/case_runner.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

namespace retort::tests {
namespace {

constexpr char kQuickstart[] = "chain_sum:1-6:train,countdown:1-6:train";

Curriculum curriculum(const std::string& spec, uint32_t seed = 0, const TaskOptions& options = {}) {
  return Curriculum(parse_training_spec(spec, "[tasks.train]"), options, seed);
}

class RowsFile {
 public:
  explicit RowsFile(int rows) : path_(testing::TempDir() + "tasks_curriculum_test.jsonl") {
    std::ofstream file(path_);
    for (int row = 0; row < rows; ++row)
      file << "{\"prompt\":\"row " << row << "\",\"answer\":" << row << "}\n";
  }
  ~RowsFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(Curriculum, ACursorIsAllThereIsToKeep) {
  Curriculum straight = curriculum(kQuickstart);
  const std::vector<Task> all = straight.draw(100);
  EXPECT_EQ(straight.cursor(), 100u);

  Curriculum resumed = curriculum(kQuickstart);
  resumed.seek(60);
  EXPECT_EQ(resumed.draw(40), std::vector<Task>(all.begin() + 60, all.end()));

  Curriculum in_pieces = curriculum(kQuickstart);
  for (const Task& task : all) EXPECT_EQ(in_pieces.draw(1).front(), task);
  for (size_t i = all.size(); i-- > 0;) EXPECT_EQ(in_pieces.at(i), all[i]);
  EXPECT_NE(curriculum(kQuickstart, 1).draw(100), all);
}

TEST(Curriculum, SourcesAndLevelsTakeTurnsOnTheTrainingSide) {
  Curriculum tasks = curriculum(kQuickstart);
  std::map<std::pair<std::string, int>, int> count;
  for (const Task& task : tasks.draw(1200)) {
    ++count[{task.family, task.level}];
    EXPECT_EQ(task.split, Split::kTrain);
    EXPECT_EQ(family_or_null(task.family)->side_of(task), Split::kTrain);
  }
  EXPECT_EQ(count.size(), 12u);
  for (const auto& [level, number] : count) EXPECT_EQ(number, 100) << level.first << level.second;
  EXPECT_EQ(tasks.at(0).family, "chain_sum");
  EXPECT_EQ(tasks.at(1).family, "countdown");
}

TEST(Curriculum, NeverMeetsAnEvaluationSet) {
  std::set<uint64_t> held_out;
  for (const Task& task :
       evaluation_tasks(parse_evaluation_spec("chain_sum:1-6:200:1,countdown:1-6:200:1", "x"), {}))
    held_out.insert(task.uid);
  Curriculum tasks = curriculum(kQuickstart);
  for (const Task& task : tasks.draw(5000)) EXPECT_FALSE(held_out.contains(task.uid));
}

TEST(Curriculum, HoldsMoreThan32BitsOfCursor) {
  Curriculum tasks = curriculum(kQuickstart);
  EXPECT_NE(tasks.at(12), tasks.at(12 + (uint64_t{1} << 32) * 3));
}

// The draws are part of a run's bytes: they move only with a reason.
TEST(Curriculum, TheFirstTasksOfSeedZero) {
  std::vector<std::string> prompts;
  for (const Task& task : curriculum(kQuickstart).draw(6)) prompts.push_back(task.prompt);
  EXPECT_EQ(prompts, (std::vector<std::string>{
                         "8+5=", "2 5 6>3=", "15-11=", "5 5 6>4=", "57+70=", "15 16 5>26="}));
}

TEST(Curriculum, AFileIsWalkedInShuffledEpochs) {
  const RowsFile file(50);
  Curriculum tasks = curriculum(file.path());
  std::vector<std::vector<std::string>> epochs;
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::vector<std::string> prompts;
    for (const Task& task : tasks.draw(50)) prompts.push_back(task.prompt);
    EXPECT_EQ(std::set<std::string>(prompts.begin(), prompts.end()).size(), 50u);
    epochs.push_back(prompts);
  }
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_NE(epochs[1], epochs[2]);
  EXPECT_FALSE(std::is_sorted(epochs[0].begin(), epochs[0].end()));
  tasks.seek(49);
  EXPECT_EQ(tasks.draw(1).front().prompt, epochs[0].back());
  EXPECT_EQ(tasks.draw(1).front().prompt, epochs[1].front());
  EXPECT_NE(curriculum(file.path(), 1).at(0).prompt + curriculum(file.path(), 1).at(1).prompt,
            epochs[0][0] + epochs[0][1]);
}

TEST(Curriculum, FilesAndFamiliesTakeTurns) {
  const RowsFile file(3);
  TaskOptions options;
  options.system_prompt = "Hm. ";
  Curriculum tasks = curriculum(file.path() + ",arithmetic:1:train", 0, options);
  std::multiset<std::string> prompts;
  for (uint64_t i = 0; i < 12; i += 2) {
    prompts.insert(tasks.at(i).prompt);
    EXPECT_EQ(tasks.at(i + 1).family, "arithmetic");
    EXPECT_EQ(tasks.at(i + 1).messages.front(), (Message{"system", "Hm. "}));
  }
  EXPECT_EQ(prompts, (std::multiset<std::string>{"Hm. row 0", "Hm. row 0", "Hm. row 1", "Hm. row 1",
                                                 "Hm. row 2", "Hm. row 2"}));
}

TEST(Curriculum, RefusedTasksArePassedOver) {
  Curriculum all = curriculum(kQuickstart);
  Curriculum some = curriculum(kQuickstart);
  const auto is_chain = [](const Task& task) { return task.family == "chain_sum"; };
  const std::vector<Task> chains = some.draw(10, is_chain);
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(chains[i], all.at(2 * i));
  EXPECT_EQ(some.cursor(), 19u);
  EXPECT_EQ(user_error([&] { some.draw(1, [](const Task&) { return false; }); }),
            "[tasks.train]: the last 100000 prompts were all left out as too long; raise "
            "tasks.max_prompt_tokens");
}

TEST(Traces, ShareOfWorkedOnesAndReproducible) {
  Curriculum tasks(parse_trace_spec("traces:chain_sum:1-6,traces:countdown:1-6", "x"), {}, 0);
  constexpr int kTraces = 4000;
  for (const double share : {0.9, 0.12}) {
    int worked = 0;
    for (uint64_t i = 0; i < kTraces; ++i) {
      const Trace trace = trace_at(tasks, i, share);
      EXPECT_EQ(trace.task, tasks.at(i));
      EXPECT_EQ(trace.completion.starts_with("<think>"), trace.worked);
      const Judgement judgement =
          family_or_null(trace.task.family)->score(trace.task, {trace.completion});
      EXPECT_EQ(judgement.outcome, Outcome::kValue);
      if (trace.worked) {
        EXPECT_EQ(judgement.score, 1) << trace.completion;
      }
      worked += trace.worked;
    }
    EXPECT_NEAR(worked / double{kTraces}, share, 5 * std::sqrt(share * (1 - share) / kTraces));
  }
  EXPECT_EQ(trace_at(tasks, 5, 0.5).completion, trace_at(tasks, 5, 0.5).completion);
  EXPECT_TRUE(trace_at(tasks, 5, 1).worked);
  EXPECT_FALSE(trace_at(tasks, 5, 0).worked);
}

}  // namespace
}  // namespace retort::tests
