// SPECs, evaluation sets and task files.
#include "tasks/evaluation_set.h"
#include "tasks/spec.h"
#include "tasks/task_file.h"
#include "tasks/task_uid.h"
#include "tests/cases/case_runner.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace retort::tests {
namespace {

std::vector<Task> evaluation(const std::string& spec, const TaskOptions& options = {}) {
  return evaluation_tasks(parse_evaluation_spec(spec, "--tasks"), options);
}

std::string evaluation_error(const std::string& spec) {
  return user_error([&] { evaluation(spec); });
}

// A file that is deleted with the test.
class TaskFile {
 public:
  explicit TaskFile(const std::string& text)
      : path_(testing::TempDir() + "tasks_evaluation_test.jsonl") {
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~TaskFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }
  std::vector<Task> read(const TaskOptions& options = {}) const {
    return read_task_file(path_, "[tasks.train]", options, Split::kTrain);
  }
  std::string error(const TaskOptions& options = {}) const {
    const std::string text = user_error([&] { read(options); });
    return text.starts_with(path_) ? "FILE" + text.substr(path_.size()) : text;
  }

 private:
  std::string path_;
};

TEST(Spec, ErrorsNamePlaceAndFix) {
  run_cases("task_spec.case", [](const TextCase& one) {
    const std::string spec = one.require("spec");
    const std::string kind = one.require("for");
    const std::string error = user_error([&] {
      if (kind == "eval") parse_evaluation_spec(spec, "[tasks.eval]");
      if (kind == "train") parse_training_spec(spec, "[tasks.train]");
      if (kind == "traces") parse_trace_spec(spec, "[sft.data]");
    });
    EXPECT_EQ(error, one.require("error"));
  });
}

TEST(Spec, EvaluationForms) {
  const TaskSpec spec = parse_evaluation_spec(
      "chain_sum:1-6:128:0,countdown:10:5:4294967295:train:repeat,arithmetic:1-5:9:1:repeat:train,"
      "data/rows.jsonl,./rows",
      "--tasks");
  ASSERT_EQ(spec.sources.size(), 5u);
  EXPECT_EQ(spec.place, "--tasks");
  EXPECT_EQ(
      std::get<FamilySource>(spec.sources[0]),
      (FamilySource{"chain_sum:1-6:128:0", "chain_sum", {1, 6}, Split::kHeldOut, 128, 0, false}));
  EXPECT_EQ(std::get<FamilySource>(spec.sources[1]),
            (FamilySource{"countdown:10:5:4294967295:train:repeat",
                          "countdown",
                          {10, 10},
                          Split::kTrain,
                          5,
                          4294967295u,
                          true}));
  EXPECT_EQ(std::get<FamilySource>(spec.sources[2]).side, Split::kTrain);
  EXPECT_TRUE(std::get<FamilySource>(spec.sources[2]).repeat);
  EXPECT_EQ(std::get<FileSource>(spec.sources[3]).path, "data/rows.jsonl");
  EXPECT_EQ(std::get<FileSource>(spec.sources[4]).path, "./rows");
}

TEST(Spec, TrainingAndTraceForms) {
  const FamilySource chain = {
      "chain_sum:1-6:train", "chain_sum", {1, 6}, Split::kTrain, 0, 0, false};
  const TaskSpec train = parse_training_spec("chain_sum:1-6:train,rows.jsonl", "[tasks.train]");
  EXPECT_EQ(std::get<FamilySource>(train.sources[0]), chain);
  EXPECT_EQ(std::get<FileSource>(train.sources[1]).path, "rows.jsonl");

  EXPECT_TRUE(is_trace_spec("traces:chain_sum:1-6"));
  EXPECT_FALSE(is_trace_spec("traces.jsonl"));
  const TaskSpec traces = parse_trace_spec("traces:chain_sum:1-6,traces:countdown:3", "[sft.data]");
  ASSERT_EQ(traces.sources.size(), 2u);
  EXPECT_EQ(std::get<FamilySource>(traces.sources[1]).levels, (LevelRange{3, 3}));
  EXPECT_EQ(std::get<FamilySource>(traces.sources[1]).side, Split::kTrain);
}

TEST(Spec, StoresAndTheirConditions) {
  const std::string text =
      "a.db,b/c.db:level IN (1, 2) AND source = 'x, (y',chain_sum:1:2:1,o'brien.jsonl,d.db:";
  const TaskSpec spec = parse_evaluation_spec(text, "--tasks");
  ASSERT_EQ(spec.sources.size(), 5u);
  EXPECT_EQ(std::get<StoreSource>(spec.sources[0]), (StoreSource{"a.db", ""}));
  EXPECT_EQ(std::get<StoreSource>(spec.sources[1]),
            (StoreSource{"b/c.db", "level IN (1, 2) AND source = 'x, (y'"}));
  EXPECT_EQ(std::get<FamilySource>(spec.sources[2]).family, "chain_sum");
  EXPECT_EQ(std::get<FileSource>(spec.sources[3]).path, "o'brien.jsonl");
  EXPECT_EQ(std::get<StoreSource>(spec.sources[4]), (StoreSource{"d.db", ""}));
}

TEST(EvaluationSet, LevelsAndSourcesTakeTurns) {
  const std::vector<Task> tasks = evaluation("chain_sum:4-6:7:1,countdown:2-3:4:1");
  std::vector<std::string> turns;
  for (const Task& task : tasks)
    turns.push_back(task.family.substr(0, 2) + std::to_string(task.level));
  EXPECT_EQ(turns, (std::vector<std::string>{"ch4", "co2", "ch5", "co3", "ch6", "co2", "ch4", "co3",
                                             "ch5", "ch6", "ch4"}));
}

TEST(EvaluationSet, IsDistinctHeldOutAndReproducible) {
  const std::string spec = "chain_sum:1-6:300:1,countdown:1-6:300:1";
  const std::vector<Task> tasks = evaluation(spec);
  EXPECT_EQ(tasks, evaluation(spec));
  EXPECT_NE(tasks, evaluation("chain_sum:1-6:300:2,countdown:1-6:300:2"));
  std::set<uint64_t> uids;
  for (const Task& task : tasks) {
    EXPECT_TRUE(uids.insert(task.uid).second) << task.prompt;
    EXPECT_EQ(task.split, Split::kHeldOut);
    EXPECT_EQ(task.seed, 1u);
  }
  EXPECT_EQ(uids.size(), 600u);
  for (const Task& task : evaluation("chain_sum:1-6:300:1:train"))
    EXPECT_FALSE(uids.contains(task.uid));
}

// A source draws the same problems alone and joined, unless another one takes a prompt first.
TEST(EvaluationSet, JoiningDoesNotChangeASource) {
  std::vector<Task> joined = evaluation("countdown:5:20:3,chain_sum:5:20:3");
  std::erase_if(joined, [](const Task& task) { return task.family != "chain_sum"; });
  EXPECT_EQ(joined, evaluation("chain_sum:5:20:3"));
}

// Level 1 of chain_sum has 126 problems, 17 of them held out; level 2 has 610 and 89 (enumerated).
TEST(EvaluationSet, ExhaustionIsExact) {
  for (const int seed : {0, 1, 2, 3}) {
    const std::string end = ":" + std::to_string(seed);
    EXPECT_EQ(evaluation("chain_sum:1:17" + end).size(), 17u);
    EXPECT_EQ(evaluation_error("chain_sum:1:18" + end),
              "--tasks: 'chain_sum:1:18" + end +
                  "' asks for 18 distinct prompts and there are 17; "
                  "ask for 17 or fewer, or add :repeat");
    EXPECT_EQ(evaluation("chain_sum:1:109" + end + ":train").size(), 109u);
    EXPECT_NE(evaluation_error("chain_sum:1:110" + end + ":train"), "");
    EXPECT_EQ(evaluation("chain_sum:2:89" + end).size(), 89u);
    EXPECT_NE(evaluation_error("chain_sum:2:90" + end), "");
    EXPECT_EQ(evaluation("countdown:1:285" + end).size(), 285u);
    EXPECT_NE(evaluation_error("countdown:1:286" + end), "");
    EXPECT_EQ(evaluation("arithmetic:1:42" + end).size(), 42u);
    EXPECT_NE(evaluation_error("arithmetic:1:43" + end), "");
  }
}

TEST(EvaluationSet, AnExhaustedLevelLeavesTheTurn) {
  const std::vector<Task> tasks = evaluation("chain_sum:1-2:60:1");
  std::vector<int> count(3);
  for (const Task& task : tasks) ++count[static_cast<size_t>(task.level)];
  // Level 1 may lose a few of its 17 problems to level 2, which has them too.
  EXPECT_LE(count[1], 17);
  EXPECT_GE(count[1], 10);
  EXPECT_EQ(count[1] + count[2], 60);
  EXPECT_EQ(tasks[0].level, 1);
  EXPECT_EQ(tasks[1].level, 2);
  EXPECT_EQ(tasks.back().level, 2);
  // All problems of both levels together: those of level 2, which contain those of level 1.
  EXPECT_EQ(evaluation("chain_sum:1-2:89:1").size(), 89u);
  EXPECT_NE(evaluation_error("chain_sum:1-2:90:1"), "");
}

TEST(EvaluationSet, JoinedSourcesShareNoPrompt) {
  EXPECT_EQ(evaluation("chain_sum:1:8:1,chain_sum:1:9:2").size(), 17u);
  EXPECT_EQ(
      evaluation_error("chain_sum:1:17:1,chain_sum:1:17:2"),
      "--tasks: 'chain_sum:1:17:2' asks for 17 distinct prompts and there are 8; ask for 8 or "
      "fewer, or add :repeat");
}

TEST(EvaluationSet, RepeatMayRepeat) {
  const std::vector<Task> tasks = evaluation("chain_sum:1:100:1:repeat");
  ASSERT_EQ(tasks.size(), 100u);
  std::set<uint64_t> uids;
  for (const Task& task : tasks) uids.insert(task.uid);
  EXPECT_LE(uids.size(), 17u);
  EXPECT_GT(uids.size(), 10u);
  // Equal shares of five levels, as a published evaluation of this mixture has them.
  std::vector<int> count(6);
  for (const Task& task : evaluation("arithmetic:1-5:1280:1:repeat"))
    ++count[static_cast<size_t>(task.level)];
  EXPECT_EQ(count, (std::vector<int>{0, 256, 256, 256, 256, 256}));
}

TEST(TaskFile, ReadsTextsAndMessages) {
  const TaskFile file(
      "{\"prompt\": \"2+2=\", \"answer\": \"4\", \"source\": 7}\n"
      "\n"
      "{\"prompt\": [{\"role\": \"user\", \"content\": \"2 + 2?\"}], \"answer\": 4}\r\n"
      "{\"prompt\": \"\\u00e9\", \"answer\": {\"b\": 1, \"a\": [true]}}");
  const std::vector<Task> tasks = file.read();
  ASSERT_EQ(tasks.size(), 3u);
  EXPECT_EQ(tasks[0].prompt, "2+2=");
  EXPECT_EQ(tasks[0].answer, "\"4\"");
  EXPECT_EQ(tasks[0].family, "");
  EXPECT_EQ(tasks[0].split, Split::kTrain);
  EXPECT_EQ(tasks[0].uid, task_uid(tasks[0]));
  EXPECT_EQ(tasks[1].messages, (std::vector<Message>{{"user", "2 + 2?"}}));
  EXPECT_EQ(tasks[1].prompt, "");
  EXPECT_EQ(tasks[1].answer, "4");
  EXPECT_EQ(tasks[2].prompt, "\xc3\xa9");
  EXPECT_EQ(tasks[2].answer, R"({"a":[true],"b":1})");
}

TEST(TaskFile, KeysAndSystemPromptAreSettings) {
  const TaskFile file(
      "{\"question\": \"2+2=\", \"gold\": 4}\n"
      "{\"question\": [{\"role\": \"user\", \"content\": \"a\"}], \"gold\": 4}\n"
      "{\"question\": [{\"role\": \"system\", \"content\": \"b\"}], \"gold\": 4}\n");
  TaskOptions options;
  options.prompt_key = "question";
  options.answer_key = "gold";
  options.system_prompt = "Be brief. ";
  const std::vector<Task> tasks = file.read(options);
  EXPECT_EQ(tasks[0].prompt, "Be brief. 2+2=");
  EXPECT_EQ(tasks[1].messages, (std::vector<Message>{{"system", "Be brief. "}, {"user", "a"}}));
  EXPECT_EQ(tasks[2].messages, (std::vector<Message>{{"system", "b"}}));
  for (const Task& task : tasks) EXPECT_EQ(task.uid, task_uid(task));
}

TEST(TaskFile, ErrorsNameFileAndLine) {
  const std::string good = "{\"prompt\": \"a\", \"answer\": 1}\n";
  const auto error = [&](const std::string& line) { return TaskFile(good + line + "\n").error(); };
  EXPECT_EQ(error("{\"prompt\": \"a\", \"answer\": }").substr(0, 26), "FILE:2: not a JSON object:");
  EXPECT_EQ(error("{\"prompt\": \"\xff\", \"answer\": 1}"),
            "FILE:2: byte 13 of the line is not valid UTF-8; write the file as UTF-8");
  EXPECT_EQ(error("[1]"), "FILE:2: got an array; write one JSON object a line");
  EXPECT_EQ(error("{\"promt\": \"a\", \"answer\": 1}"),
            "FILE:2: no key 'prompt' (did you mean promt?); add it, or name the row's own key with "
            "tasks.prompt_key");
  EXPECT_EQ(error("{\"prompt\": \"a\", \"Answer\": 1}"),
            "FILE:2: no key 'answer' (did you mean Answer?); add it, or name the row's own key "
            "with tasks.answer_key");
  EXPECT_EQ(
      error("{\"prompt\": \"a\", \"answer\": null}"),
      "FILE:2: 'answer' is null; give a value, or name the row's own key with tasks.answer_key");
  EXPECT_EQ(error("{\"prompt\": \"\", \"answer\": 1}"),
            "FILE:2: 'prompt' is empty; give a text or a list of messages");
  EXPECT_EQ(error("{\"prompt\": 5, \"answer\": 1}"),
            "FILE:2: 'prompt' is neither a text nor a list of messages; give one of the two");
  EXPECT_EQ(error("{\"prompt\": [], \"answer\": 1}"),
            "FILE:2: 'prompt' is neither a text nor a list of messages; give one of the two");
  EXPECT_EQ(error("{\"prompt\": [{\"role\": \"user\"}], \"answer\": 1}"),
            "FILE:2: a message of 'prompt' has no text 'content'; write it as {\"role\": \"user\", "
            "\"content\": \"…\"}");
  EXPECT_EQ(error("{\"prompt\": [\"hello\"], \"answer\": 1}"),
            "FILE:2: a message of 'prompt' has no text 'role'; write it as {\"role\": \"user\", "
            "\"content\": \"…\"}");
  EXPECT_EQ(error(""), "");

  TaskOptions sft;
  sft.answer_key = "completion";
  sft.answer_setting = "sft.completion_key";
  EXPECT_EQ(
      TaskFile("\n" + good).error(sft),
      "FILE:2: no key 'completion'; add it, or name the row's own key with sft.completion_key");
}

TEST(TaskFile, MissingAndEmptyFilesAreRefused) {
  EXPECT_EQ(
      evaluation_error("none/rows.jsonl"),
      "--tasks: cannot read 'none/rows.jsonl' (No such file or directory); give the path of a "
      "JSON Lines file");
  EXPECT_EQ(evaluation_error("./tests"),
            "--tasks: cannot read './tests' (Is a directory); give the path of a JSON Lines file");
  EXPECT_EQ(TaskFile("").error(), "[tasks.train]: '" + TaskFile("").path() +
                                      "' holds no task; add rows, one JSON object a line");
  EXPECT_NE(TaskFile("\n \n").error(), "");
}

TEST(EvaluationSet, AFileTakesTurnsAndIsReadWhole) {
  const TaskFile file(
      "{\"prompt\": \"a\", \"answer\": 1}\n{\"prompt\": \"a\", \"answer\": 1}\n"
      "{\"prompt\": \"b\", \"answer\": 2}\n");
  TaskOptions options;
  options.system_prompt = "Now: ";
  const std::vector<Task> tasks = evaluation(file.path() + ",chain_sum:1:2:1", options);
  ASSERT_EQ(tasks.size(), 5u);
  EXPECT_EQ(tasks[0].prompt, "Now: a");
  EXPECT_EQ(tasks[0].split, Split::kHeldOut);
  EXPECT_EQ(tasks[1].family, "chain_sum");
  EXPECT_TRUE(tasks[1].prompt.starts_with("Now: ")) << tasks[1].prompt;
  EXPECT_FALSE(tasks[1].prompt.starts_with("Now: Now: "));
  EXPECT_EQ(tasks[2].prompt, "Now: a");
  EXPECT_EQ(tasks[3].family, "chain_sum");
  EXPECT_EQ(tasks[4].prompt, "Now: b");
}

}  // namespace
}  // namespace retort::tests
