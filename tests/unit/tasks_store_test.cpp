// The task store: rows come back as they came, revisions, hostile rows, damaged stores.
#include "base/check.h"
#include "base/file.h"
#include "base/json.h"
#include "tasks/curriculum.h"
#include "tasks/evaluation_set.h"
#include "tasks/family.h"
#include "tasks/row_text.h"
#include "tasks/task_export.h"
#include "tasks/task_schema.h"
#include "tasks/task_store.h"
#include "tasks/task_uid.h"
#include "tests/cases/case_runner.h"
#include "tests/source_tree.h"
#include "tests/temporary_folder.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace retort::tests {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFixtures[] = "tests/parity/task_rows/";

class TaskStoreTest : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
  std::string db() const { return path("tasks.db"); }

  // Imports `text` as the file rows.jsonl, or as another.
  ImportCounts import(const std::string& text, const ImportOptions& options = {},
                      const std::string& name = "rows.jsonl") {
    write_file_atomic(path(name), text);
    const std::vector<ImportRow> rows = read_import_rows(path(name), options);
    return TaskStore::import(db(), rows, name);
  }

  std::string import_error(const std::string& text, const ImportOptions& options = {}) {
    const std::string error = user_error([&] { import(text, options); });
    const std::string file = path("rows.jsonl");
    return error.starts_with(file) ? "FILE" + error.substr(file.size()) : error;
  }

  std::vector<StoredTask> stored(const std::string& where = "") {
    std::vector<StoredTask> tasks;
    TaskStore::open(db()).each(where, "--where",
                               [&](const StoredTask& task) { tasks.push_back(task); });
    return tasks;
  }

  std::string exported() {
    std::string text;
    for (const StoredTask& task : stored()) text += row_in_shape(task, task.row.shape) + "\n";
    return text;
  }

  TemporaryFolder folder_;
};

std::string counts(const ImportCounts& counts) {
  return std::to_string(counts.rows) + " " + std::to_string(counts.added) + " " +
         std::to_string(counts.changed);
}

// ---- rows

TEST(RowText, CanonicalFormIgnoresWritingOnly) {
  EXPECT_EQ(canonical_json(" { \"b\" : [ 1 , 1.0,1e2 ,-0, 123456789012345678901234567890 ] , "
                           "\"a\":{\"\\u0062\":null,\"\\/\":\"\\u00e9\\\"\"} }\r"),
            "{\"a\":{\"/\":\"\xc3\xa9\\\"\",\"b\":null},\"b\":[1,1.0,1e2,-0,"
            "123456789012345678901234567890]}");
  for (const char* text : {"\"a, {b}\"", "[]", "{}", "true", "-1.5E-7", "\"\"", "[[],{}]"})
    EXPECT_EQ(canonical_json(text), text);
}

TEST(RowText, MembersAreTextsOfTheRow) {
  const std::vector<RowMember> members =
      row_members("{\"a\" : {\"x\":[1, 2]} ,\"\\u0062\":\"}\\\\\", \"c\": 1.50}");
  ASSERT_EQ(members.size(), 3u);
  EXPECT_EQ(members[0].value, "{\"x\":[1, 2]}");
  EXPECT_EQ(members[1].key, "b");
  EXPECT_EQ(members[1].key_text, "\"\\u0062\"");
  EXPECT_EQ(members[1].value, "\"}\\\\\"");
  EXPECT_EQ(members[2].value, "1.50");
  EXPECT_TRUE(row_members("[1]").empty());
}

TEST(RowText, FaultsAreFound) {
  const auto fault = [](const std::string& text) {
    const std::optional<RowFault> found = find_row_fault(text);
    return found ? found->what : "";
  };
  EXPECT_EQ(fault("{\"a\":1,\"b\":{\"a\":2},\"c\":[{\"a\":1},{\"a\":1}],\"d\":\"a\"}"), "");
  EXPECT_EQ(fault("{\"a\":1,\"b\":2,\"a\":3}"), "the key \"a\" stands twice");
  EXPECT_EQ(fault("{\"b\":[{\"a\":1,\"\\u0061\":3}]}"), "the key \"\\u0061\" stands twice");
  const auto nested = [](size_t levels) {
    return "{\"a\":" + std::string(levels - 1, '[') + std::string(levels - 1, ']') + "}";
  };
  EXPECT_EQ(fault(nested(1000)), "");
  EXPECT_EQ(fault(nested(1001)), "nested deeper than 1000 levels");
  EXPECT_EQ(fault(nested(3'000'000)), "nested deeper than 1000 levels");
}

// ---- round trips, with Python's reading of the same rows

TEST_F(TaskStoreTest, RowsAreReadAsPythonReadsThem) {
  size_t at = 0;
  std::vector<Json> expected;
  parse_json_lines(read_file(std::string(kFixtures) + "expected.jsonl"), "expected",
                   JsonRow([&](const Json& row, const std::string&) { expected.push_back(row); }));
  for (const char* shape : {"trl", "verl"}) {
    import(read_file(std::string(kFixtures) + shape + ".jsonl"));
    std::vector<StoredTask> tasks = stored();
    ASSERT_EQ(tasks.size(), at + 60);
    for (; at < tasks.size(); ++at) {
      const StoredTask& task = tasks[at];
      const Json& want = expected[at];
      SCOPED_TRACE(task.text);
      EXPECT_EQ(shape_name(task.row.shape), want["shape"].get<std::string>());
      EXPECT_EQ(task.row.task.answer, want["answer"].get<std::string>());
      EXPECT_EQ(task.row.source, want["source"].get<std::string>());
      EXPECT_EQ(task.row.level ? Json(*task.row.level) : Json(), want["level"]);
      EXPECT_EQ(task.row.has_split ? Json(split_name(task.row.task.split)) : Json(), want["split"]);
      if (want["prompt"].is_string())
        EXPECT_EQ(task.row.task.prompt, want["prompt"].get<std::string>());
      else
        EXPECT_EQ(Json::parse(messages_json(task.row.task.messages)), want["prompt"]);
      EXPECT_EQ(task.row.task.uid, task_uid(task.row.task));
    }
  }
}

TEST_F(TaskStoreTest, ExportIsTheBytesOfTheImport) {
  const std::string trl = read_file(std::string(kFixtures) + "trl.jsonl");
  const std::string verl = read_file(std::string(kFixtures) + "verl.jsonl");
  EXPECT_EQ(counts(import(trl)), "60 60 0");
  EXPECT_EQ(exported(), trl);
  EXPECT_EQ(counts(import(verl)), "60 60 0");
  EXPECT_EQ(exported(), trl + verl);
  EXPECT_EQ(counts(import(exported())), "120 0 0") << "import(export(x)) is x";
}

// A row in the other shape and back is the same task, columns included.
TEST_F(TaskStoreTest, OtherShapesKeepTasksAndColumns) {
  for (const char* name : {"trl", "verl"}) {
    import(read_file(std::string(kFixtures) + name + ".jsonl"));
    for (const StoredTask& task : stored()) {
      SCOPED_TRACE(task.text);
      const RowShape other = task.row.shape == RowShape::kTrl ? RowShape::kVerl : RowShape::kTrl;
      std::string line;
      const std::string refusal = user_error([&] { line = row_in_shape(task, other); });
      const bool in_the_way =
          Json::parse(task.text).contains("answer") && task.row.answer_key != "answer";
      if (!refusal.empty()) {
        EXPECT_TRUE(in_the_way) << refusal;
        continue;
      }
      const TaskRow read = read_task_row(Json::parse(line), line, "x", {});
      EXPECT_EQ(read.shape, other);
      EXPECT_EQ(read.task.answer, task.row.task.answer);
      EXPECT_EQ(read.task.split, task.row.task.split);
      EXPECT_EQ(read.source, other == RowShape::kVerl || task.row.shape == RowShape::kVerl
                                 ? task.row.source
                                 : "");
      if (!task.row.task.messages.empty()) {
        EXPECT_EQ(read.task.uid, task.row.task.uid);
      }
      StoredTask again{task.id, 1, read, line};
      const Json before = Json::parse(task.text);
      const Json back = Json::parse(row_in_shape(again, task.row.shape));
      for (const auto& [key, value] : before.items()) {
        if (key == "prompt" && value.is_string()) continue;
        const std::string now =
            key == task.row.answer_key && task.row.shape == RowShape::kTrl ? "answer" : key;
        ASSERT_TRUE(back.contains(now)) << key;
        EXPECT_EQ(back[now], value) << key;
      }
    }
    std::filesystem::remove(db());
  }
}

TEST_F(TaskStoreTest, ProceduralTasksComeBackInEitherShape) {
  for (const FamilyRow& family : family_rows()) {
    std::vector<Task> made;
    for (const char* side : {"", ":train"})
      for (const Task& task : evaluation_tasks(
               parse_evaluation_spec(std::string(family.name) + ":1-3:30:7" + side, "x"), {}))
        made.push_back(task);
    std::string text;
    for (const Task& task : made) text += procedural_row(task) + "\n";
    EXPECT_EQ(counts(import(text)), "60 60 0");
    std::string verl;
    std::vector<Task> read;
    for (const StoredTask& task : stored("family = '" + std::string(family.name) + "'")) {
      read.push_back(task.row.task);
      verl += row_in_shape(task, RowShape::kVerl) + "\n";
    }
    EXPECT_EQ(read, made);
    EXPECT_EQ(counts(import(verl)), "60 0 0") << "the same problems in verl's shape";
    std::filesystem::remove(db());
    import(verl);
    std::vector<Task> from_verl;
    for (const StoredTask& task : stored()) from_verl.push_back(task.row.task);
    EXPECT_EQ(from_verl, made);
    std::filesystem::remove(db());
  }
}

// ---- revisions

TEST_F(TaskStoreTest, AChangedTaskIsANewRevision) {
  const std::string a = "{\"prompt\":\"a\",\"answer\":1,\"n\":1.0}\n";
  const std::string b = "{\"prompt\":\"b\",\"answer\":2}\n";
  EXPECT_EQ(counts(import(a + b)), "2 2 0");
  EXPECT_EQ(counts(import(a + b)), "2 0 0");
  EXPECT_EQ(counts(import("{ \"n\": 1.0, \"answer\":1 , \"prompt\":\"\\u0061\"}\n")), "1 0 0")
      << "the same content in another writing";
  EXPECT_EQ(exported(), a + b);
  const std::string changed = "{\"prompt\":\"a\",\"answer\":3,\"n\":1.0}\n";
  EXPECT_EQ(counts(import(changed + b, {}, "later.jsonl")), "2 0 1");
  EXPECT_EQ(exported(), changed + b);
  EXPECT_EQ(counts(import(a)), "1 0 1") << "back again is a third revision";
  EXPECT_EQ(counts(import("{\"prompt\":\"a\",\"answer\":1,\"n\":1}\n")), "1 0 1")
      << "1 is another number text than 1.0";
  TaskStore store = TaskStore::open(db());
  EXPECT_EQ(store.get(1, 2, "ID").text + "\n", changed);
  EXPECT_EQ(store.get(1, std::nullopt, "ID").revision, 4);
  EXPECT_EQ(store.get(1, 2, "ID").row.source, "rows") << "a guessed source does not move";
  const std::vector<TaskStore::Origin> origins = store.revisions(1);
  ASSERT_EQ(origins.size(), 4u);
  EXPECT_EQ(origins[1].origin, "later.jsonl");
  EXPECT_EQ(
      user_error([&] { store.get(3, std::nullopt, "ID"); }),
      "ID: no task 3 in '" + db() + "'; tasks have the numbers 1 to 2; see retort tasks list");
  EXPECT_NE(user_error([&] { store.get(1, 5, "ID"); }), "");
}

TEST_F(TaskStoreTest, RepeatedPromptsOfAFileAreTasksOfTheirOwn) {
  const std::string twice =
      "{\"prompt\":\"a\",\"answer\":1}\n{\"prompt\":\"a\",\"answer\":1}\n"
      "{\"prompt\":\"a\",\"answer\":2}\n";
  EXPECT_EQ(counts(import(twice)), "3 3 0");
  EXPECT_EQ(counts(import(twice)), "3 0 0");
  EXPECT_EQ(exported(), twice);
}

TEST_F(TaskStoreTest, IdsNameTasks) {
  ImportOptions options;
  options.id_key = "extra_info.index";
  const auto row = [](const std::string& source, const std::string& id, const std::string& text) {
    return "{\"data_source\":\"" + source + "\",\"prompt\":\"" + text +
           "\",\"answer\":1,\"extra_info\":{\"index\":" + id + "}}\n";
  };
  EXPECT_EQ(
      counts(import(row("s", "1", "a") + row("t", "1", "a") + row("s", "\"x\"", "b"), options)),
      "3 3 0");
  EXPECT_EQ(counts(import(row("s", "1", "changed"), options)), "1 0 1");
  EXPECT_EQ(stored()[0].row.task.prompt, "changed");
  EXPECT_EQ(import_error(row("s", "1", "a") + "\n" + row("s", "1", "b"), options),
            "FILE:3: has the id of line 1; give each row an id of its own, or leave --id out");
  EXPECT_EQ(import_error("{\"prompt\":\"a\",\"answer\":1}\n", options),
            "FILE:1: has no id 'extra_info.index'; add it, or name the member of the row's id with "
            "--id");
  EXPECT_NE(import_error(row("s", "1.5", "a"), options), "");
  EXPECT_NE(import_error(row("s", "\"\"", "a"), options), "");
}

TEST_F(TaskStoreTest, RowsCannotBeChanged) {
  import("{\"prompt\":\"a\",\"answer\":1}\n");
  Database database = Database::open(db(), Database::Mode::kReadWrite);
  EXPECT_THROW(database.execute("UPDATE revision SET answer = '2'"), InternalError);
  EXPECT_THROW(database.execute("DELETE FROM revision"), InternalError);
  EXPECT_THROW(database.execute("UPDATE task SET key = 'x'"), InternalError);
  EXPECT_EQ(stored()[0].row.task.answer, "1");
}

// ---- conditions

TEST_F(TaskStoreTest, ConditionsAreSql) {
  import(
      "{\"prompt\":\"a\",\"answer\":1,\"level\":1,\"split\":\"test\"}\n"
      "{\"prompt\":\"b;\",\"answer\":1,\"level\":2,\"t\":{\"u\":\"x\"}}\n"
      "{\"prompt\":\"c\",\"answer\":1,\"level\":3,\"split\":\"train\"}\n");
  const auto prompts = [&](const std::string& where) {
    std::string text;
    for (const StoredTask& task : stored(where)) text += task.row.task.prompt + " ";
    return text;
  };
  EXPECT_EQ(prompts(""), "a b; c ");
  EXPECT_EQ(prompts(" "), "a b; c ");
  EXPECT_EQ(prompts("level IN (1,3)"), "a c ");
  EXPECT_EQ(prompts("split IS NOT 'held_out' -- of the test side"), "b; c ");
  EXPECT_EQ(prompts("prompt = 'b;'"), "b; ");
  EXPECT_EQ(prompts("row ->> '$.t.u' = 'x'"), "b; ");
  EXPECT_EQ(prompts("0"), "");
  const auto error = [&](const std::string& where) { return user_error([&] { stored(where); }); };
  EXPECT_EQ(error("levl = 1"),
            "--where: SQLite does not take it (no such column: levl); mend the condition");
  EXPECT_EQ(error("json(prompt)"),
            "--where: SQLite does not take it (malformed JSON); mend the condition");
  EXPECT_EQ(error("1) OR (1"),
            "--where: a bracket or a quote of the condition '1) OR (1' has no partner; close it");
  for (const char* where :
       {"1; DROP TABLE task", "'", "(1", "1)", "1 /*", "1 ORDER BY id", "raise(abort, 'x')",
        "load_extension('x')", "random() > 0", "id IN (SELECT 1 FROM pragma_table_info('task'))",
        "id IN (WITH x AS (DELETE FROM task RETURNING id) SELECT id FROM x)"})
    EXPECT_TRUE(error(where).starts_with("--where: ")) << where << error(where);
  EXPECT_EQ(prompts(""), "a b; c ");
}

TEST_F(TaskStoreTest, AConditionHasATimeLimit) {
  import("{\"prompt\":\"a\",\"answer\":1}\n");
  TaskStore store = TaskStore::open(db());
  int64_t found = 0;
  const auto count = [&](const StoredTask&) { ++found; };
  EXPECT_EQ(user_error([&] {
              store.each(
                  "id IN (WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n) SELECT i "
                  "FROM n WHERE i < 0)",
                  "--where", count, 0.2);
            }),
            "--where: takes too long; give a condition that is decided row by row");
  EXPECT_EQ(found, 0);
  store.each("id = 1", "--where", count, 5);
  EXPECT_EQ(found, 1) << "the store goes on";
}

TEST_F(TaskStoreTest, ARowWithoutAGoldIsKeptAsItIs) {
  const std::string row = "{\"prompt\":\"Write a haiku.\",\"topic\":\"rain\"}\n";
  EXPECT_EQ(import(row).added, 1);
  ASSERT_EQ(stored().size(), 1U);
  EXPECT_EQ(stored()[0].row.task.answer, kNoGold);
  EXPECT_EQ(exported(), row);
  EXPECT_EQ(import(row).added, 0);
  EXPECT_EQ(user_error([&] { row_in_shape(stored()[0], RowShape::kVerl); }),
            "task 1: has no gold answer, which a row in verl's shape has; leave it out with "
            "--where, or export in TRL's shape");
  EXPECT_EQ(
      import_error("{\"prompt\":\"a\",\"anwser\":1}\n"),
      "FILE:1: no key 'answer' (did you mean anwser?); add it, or name the row's own key with "
      "tasks.answer_key");
}

// A file of 96 MiB raises the peak of memory by less than half of that.
TEST_F(TaskStoreTest, ImportDoesNotHoldTheFile) {
  constexpr int64_t kRows = 1536, kRowBytes = 64 << 10;
  {
    std::ofstream file(path("rows.jsonl"));
    for (int64_t i = 0; i < kRows; ++i)
      file << "{\"prompt\":\"" << i << std::string(kRowBytes, 'x') << "\",\"answer\":1}\n";
  }
  const auto peak_kib = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const auto before = peak_kib();
  const ImportCounts counts = TaskStore::import_each(
      db(), [&](const TaskStore::AddRow& add) { each_import_row(path("rows.jsonl"), {}, add); },
      "x");
  EXPECT_EQ(counts.added, kRows);
  EXPECT_LT(peak_kib() - before, 48 << 10);
}

// ---- training and evaluation on a store

TEST_F(TaskStoreTest, TrainingWalksAStoreInShuffledEpochs) {
  std::string text;
  for (int i = 0; i < 40; ++i)
    text += "{\"prompt\":\"p" + std::to_string(i) +
            "\",\"answer\":1,\"level\":" + std::to_string(i % 4) + "}\n";
  import(text);
  const std::string spec = db() + ":level IN (1, 2)";
  const auto curriculum = [&](uint32_t seed) {
    return Curriculum(parse_training_spec(spec, "[tasks.train]"), {"", "", "Hm. "}, seed);
  };
  Curriculum walk = curriculum(5);
  std::vector<std::vector<Task>> epochs;
  for (int epoch = 0; epoch < 3; ++epoch) {
    epochs.push_back(walk.draw(20));
    std::set<std::string> prompts;
    for (const Task& task : epochs.back()) prompts.insert(task.prompt);
    EXPECT_EQ(prompts.size(), 20u);
    EXPECT_TRUE(prompts.contains("Hm. p1"));
  }
  EXPECT_NE(epochs[0], epochs[1]);
  Curriculum resumed = curriculum(5);
  resumed.seek(33);
  EXPECT_EQ(resumed.draw(27), [&] {
    std::vector<Task> rest(epochs[1].begin() + 13, epochs[1].end());
    rest.insert(rest.end(), epochs[2].begin(), epochs[2].end());
    return rest;
  }());
  EXPECT_NE(curriculum(6).draw(20), epochs[0]);
  const uint64_t digest = walk.rows_digest();
  EXPECT_NE(digest, 0u);
  EXPECT_EQ(curriculum(6).rows_digest(), digest);
  EXPECT_EQ(Curriculum(parse_training_spec("chain_sum:1:train", "x"), {}, 0).rows_digest(), 0u);
  // A file with the same rows is walked in the same order: a store is no other kind of source.
  std::string same;
  for (const StoredTask& task : stored("level IN (1, 2)")) same += task.text + "\n";
  write_file_atomic(path("rows.jsonl"), same);
  Curriculum file(parse_training_spec(path("rows.jsonl"), "x"), {"prompt", "answer", "Hm. "}, 5);
  EXPECT_EQ(file.draw(20), epochs[0]);
  EXPECT_EQ(file.rows_digest(), digest);
  import("{\"prompt\":\"p1\",\"answer\":2,\"level\":1}\n");
  EXPECT_NE(curriculum(5).rows_digest(), digest);
}

TEST_F(TaskStoreTest, HeldOutTasksAreNeverTrainedOn) {
  import(
      "{\"prompt\":\"a\",\"answer\":1,\"extra_info\":{\"split\":\"test\"}}\n"
      "{\"prompt\":\"b\",\"answer\":1,\"extra_info\":{\"split\":\"train\"}}\n"
      "{\"prompt\":\"c\",\"answer\":1}\n");
  const auto train = [&](const std::string& where) {
    return Curriculum(parse_training_spec(db() + where, "[tasks.train]"), {}, 0);
  };
  EXPECT_EQ(user_error([&] { train(""); }),
            "[tasks.train]: 1 of the 3 tasks of '" + db() +
                "' are held out, which are never trained on; write " + db() +
                ":split IS NOT 'held_out'");
  EXPECT_EQ(user_error([&] { train(":split IS NOT 'held_out'"); }), "");
  EXPECT_EQ(user_error([&] { train(":prompt = 'd'"); }),
            "[tasks.train]: no task of '" + db() +
                "' is one with prompt = 'd'; see retort tasks list --db " + db());
  const std::vector<Task> eval = evaluation_tasks(parse_evaluation_spec(db(), "--tasks"), {});
  ASSERT_EQ(eval.size(), 3u);
  EXPECT_EQ(eval[1].split, Split::kTrain);
  EXPECT_EQ(eval[2].split, Split::kHeldOut);
}

// ---- hostile rows

TEST_F(TaskStoreTest, EveryMistakeNamesFileAndLineAndNothingIsWritten) {
  const std::string good = "{\"prompt\":\"a\",\"answer\":1}\n";
  const auto error = [&](const std::string& line) { return import_error(good + line + "\n"); };
  EXPECT_EQ(error("{\"prompt\":\"\xff\",\"answer\":1}"),
            "FILE:2: byte 12 of the line is not valid UTF-8; write the file as UTF-8");
  EXPECT_TRUE(
      error("{\"prompt\":\"a\",\"answer\":NaN}").starts_with("FILE:2: not a JSON object: "));
  EXPECT_TRUE(error("{\"prompt\":\"\\ud800\",\"answer\":1}").starts_with("FILE:2: not a JSON"));
  EXPECT_TRUE(error("{\"prompt\":\"a\",\"answer\":1").starts_with("FILE:2: not a JSON object: "));
  EXPECT_TRUE(error("{\"prompt\":\"a\",\"answer\":1e999}").starts_with("FILE:2: not a JSON"));
  EXPECT_EQ(error("{\"prompt\":\"a\",\"answer\":1,\"prompt\":\"b\"}"),
            "FILE:2: the key \"prompt\" stands twice; write it once");
  EXPECT_EQ(error("{\"prompt\":\"a\",\"answer\":1,\"x\":" + std::string(100'000, '[') +
                  std::string(100'000, ']') + "}"),
            "FILE:2: nested deeper than 1000 levels; write what is inside as a text");
  EXPECT_EQ(error("{\"prompt\":\"a\",\"answer\":null}"),
            "FILE:2: 'answer' is null; give a value, or name the row's own key with "
            "tasks.answer_key");
  EXPECT_EQ(error("{\"prompt\":\"a\",\"reward_model\":{\"style\":\"rule\"}}"),
            "FILE:2: 'reward_model' has no 'ground_truth'; add it, or name the row's own key with "
            "tasks.answer_key");
  EXPECT_EQ(error("{\"prompt\":\"a\",\"reward_model\":\"{\\\"ground_truth\\\":1}\"}"),
            "FILE:2: 'reward_model' is no object; write {\"style\": \"rule\", "
            "\"ground_truth\": …}, or give the gold as 'answer'");
  EXPECT_EQ(error("{\"prompt\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":"
                  "\"assistant\",\"content\":\"Well\"}],\"answer\":1}"),
            "FILE:2: 'prompt' ends with the assistant's words, which training does not go on "
            "from; end it with a message of the user");
  EXPECT_EQ(error("{\"prompt\":[{\"role\":\"user\",\"content\":\"a\"}],\"answer\":1,"
                  "\"tools\":[{\"type\":\"function\"}]}"),
            "FILE:2: 'tools' are offered, which prompts of a training do not take; leave the row "
            "out, or its 'tools' to train without them");
  for (const std::string lost :
       {"\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"f\"}}]",
        "\"content\":null,\"tool_calls\":[1]", "\"content\":\"a\",\"reasoning_content\":\"b\"",
        "\"content\":\"a\",\"function_call\":{\"name\":\"f\"}"})
    EXPECT_NE(error("{\"prompt\":[{\"role\":\"assistant\"," + lost +
                    "},{\"role\":\"user\",\"content\":\"a\"}],\"answer\":1}")
                  .find("', which prompts of a training do not take"),
              std::string::npos)
        << lost;
  EXPECT_EQ(
      error("{\"prompt\":\"1+1=\",\"answer\":{\"target\":3},\"family\":\"chain_sum\","
            "\"level\":1,\"seed\":1}"),
      "FILE:2: is no task of the family 'chain_sum' that it names; mend prompt and answer, or "
      "give the column 'family' another name");
  for (const char* prompt : {"[]", "[{\"role\":\"user\",\"content\":\"1+1=\"}]", "\"x\"",
                             "\"99999999999999999999+1=\"", "\"1000000000000000000+1=\"", "\"\""})
    EXPECT_TRUE(error("{\"prompt\":" + std::string(prompt) +
                      ",\"answer\":{\"target\":2},\"family\":\"chain_sum\",\"level\":1,\"seed\":1}")
                    .starts_with("FILE:2: "))
        << prompt;
  EXPECT_FALSE(std::filesystem::exists(db())) << "a failed import leaves no store";
  import(good);
  EXPECT_NE(error("{\"prompt\":5}"), "");
  EXPECT_EQ(exported(), good) << "all rows or none";
  EXPECT_EQ(
      error("{\"prompt\":[{\"role\":\"user\",\"content\":\"b\",\"tool_calls\":null,"
            "\"reasoning_content\":\"\",\"name\":\"x\"}],\"reward_model\":null,\"tools\":null,"
            "\"answer\":1}"),
      "")
      << "columns of other rows";
  EXPECT_EQ(import_error(""), "FILE: has no rows; write one JSON object a line");
  write_file_atomic(path("rows.parquet"), "PAR1");
  EXPECT_EQ(user_error([&] { read_import_rows(path("rows.parquet"), {}); }),
            path("rows.parquet") +
                ": is parquet, which comes with a later release; write it as JSON Lines first, one "
                "object a line");
}

TEST_F(TaskStoreTest, OddRowsComeBackWhole) {
  std::string long_prompt;
  long_prompt.resize(10'000'000, 'x');
  std::string text;
  text += "{\"prompt\":\"" + long_prompt + "\",\"answer\":1}\n";
  text += "{\"prompt\":\"deep\",\"answer\":1,\"x\":" + std::string(999, '[') +
          std::string(999, ']') + "}\n";
  text +=
      "{\"prompt\":\"big\",\"answer\":-123456789012345678901234567890,\"level\":"
      "99999999999999999999,\"seed\":18446744073709551615}\n";
  text += "{\"prompt\":\"nul \\u0000 in it\",\"answer\":\"\\u0000\",\"split\":7,\"family\":[]}\n";
  text += "{\"prompt\":\"sum\",\"answer\":4,\"family\":\"arithmetic\"}\n";
  import("\xef\xbb\xbf" + text);
  EXPECT_TRUE(exported() == text);
  const std::vector<StoredTask> tasks = stored();
  EXPECT_EQ(tasks[0].row.task.prompt.size(), 10'000'000u);
  EXPECT_EQ(tasks[2].row.task.answer, "-123456789012345678901234567890");
  EXPECT_FALSE(tasks[2].row.level);
  EXPECT_EQ(tasks[3].row.task.prompt, std::string("nul \0 in it", 11));
  EXPECT_EQ(tasks[4].row.task.family, "") << "a column called family alone makes no family";
  EXPECT_EQ(counts(import(text)), "5 0 0");
}

// ---- what may be wrong with a store

TEST_F(TaskStoreTest, OpeningNamesWhatIsWrong) {
  const auto open_error = [&] { return user_error([&] { TaskStore::open(db()); }); };
  const std::string row = "{\"prompt\":\"a\",\"answer\":1}\n";
  EXPECT_EQ(open_error(),
            db() + ": does not exist; make it with `retort tasks import` or `retort tasks make`");
  write_file_atomic(db(), "");
  EXPECT_TRUE(open_error().starts_with(db() + ": holds nothing yet")) << open_error();
  EXPECT_EQ(counts(import(row)), "1 1 0") << "a blank file is taken";

  const auto alter = [&](const std::string& sql) {
    std::filesystem::remove(db());
    import(row);
    Database::open(db(), Database::Mode::kReadWrite).execute(sql);
    const std::string error = open_error();
    EXPECT_EQ(user_error([&] { import(row); }), error) << "and an import says the same";
    return error;
  };
  EXPECT_EQ(
      alter("PRAGMA user_version = 2"),
      db() + ": has schema 2, this program reads schema 1; use the newer program that made it");
  EXPECT_TRUE(alter("PRAGMA application_id = 0")
                  .starts_with(db() + ": is a database, but no task store; "));
  EXPECT_TRUE(alter("DROP TABLE import; CREATE TABLE import (id INTEGER) STRICT")
                  .starts_with(db() + ": is damaged (its tables"));
  EXPECT_TRUE(alter("DROP VIEW current_task").starts_with(db() + ": is damaged (its tables"));
  EXPECT_TRUE(
      alter("INSERT INTO revision SELECT 9, 1, 1, line, digest, uid, source, family, level, "
            "seed, split, prompt, messages, answer, shape, prompt_key, answer_key, row FROM "
            "revision")
          .starts_with(db() + ": is damaged (orphans"));

  std::filesystem::remove(db());
  {
    Database foreign = Database::open(db(), Database::Mode::kCreate);
    foreign.execute("PRAGMA journal_mode = DELETE; CREATE TABLE t (a INTEGER) STRICT");
  }
  const std::string bytes = read_file(db());
  EXPECT_TRUE(user_error([&] { import(row); }).find("no task store") != std::string::npos);
  EXPECT_EQ(read_file(db()), bytes) << "a foreign database stays as it is";
  EXPECT_TRUE(user_error([&] {
                TaskStore::import(folder_.path(), {}, "x");
              }).starts_with(folder_.path() + ": cannot be opened"));
}

TEST_F(TaskStoreTest, DamageIsFound) {
  std::string text;
  for (int i = 0; i < 3000; ++i)
    text += "{\"prompt\":\"" + std::string(40, 'q') + std::to_string(i) + "\",\"answer\":1}\n";
  import(text);
  const std::string whole = read_file(db());
  ASSERT_GT(whole.size(), 200'000u);
  int found = 0, tried = 0;
  const auto try_bytes = [&](const std::string& bytes) {
    write_file_atomic(db(), bytes);
    ++tried;
    const std::string error = user_error([&] { stored(); });
    EXPECT_TRUE(error.empty() || error.starts_with(db() + ": ")) << error;
    found += error.empty() ? 0 : 1;
  };
  try_bytes(whole.substr(0, whole.size() / 2));
  try_bytes(whole.substr(0, 100));
  try_bytes(whole.substr(0, 16'384));
  try_bytes("not a database, but a file of text that is long enough to be looked at");
  EXPECT_EQ(found, tried);
  constexpr size_t kPageBytes = 16'384;
  for (size_t page = 0; page < whole.size() / kPageBytes; ++page) {
    std::string bytes = whole;
    for (size_t i = 0; i < 64; ++i) bytes[page * kPageBytes + i] = static_cast<char>(i * 37 + 11);
    try_bytes(bytes);
  }
  EXPECT_GT(found, tried * 3 / 4) << "of " << tried;
  write_file_atomic(db(), whole);
  EXPECT_TRUE(exported() == text);
}

// Names behind which no store can be, and files that are not ours to write over.
TEST_F(TaskStoreTest, APlaceThatCannotHoldAStoreIsRefused) {
  const std::string row = "{\"prompt\":\"a\",\"answer\":1}\n";
  write_file_atomic(path("rows.jsonl"), row);
  const std::vector<ImportRow> rows = read_import_rows(path("rows.jsonl"), {});
  const auto import_to = [&](const std::string& place) {
    return user_error([&] { TaskStore::import(place, rows, "x"); });
  };
  for (const std::string place : {"", ":memory:"}) {
    EXPECT_TRUE(import_to(place).starts_with("'" + place + "': is no file; ")) << place;
    EXPECT_FALSE(user_error([&] { TaskStore::open(place); }).empty()) << place;
  }
  std::filesystem::create_symlink("loop.db", path("loop.db"));
  ASSERT_EQ(::mkfifo(path("pipe.db").c_str(), 0600), 0);
  for (const std::string& place :
       {std::string("/dev/zero"), std::string("/dev/null"), path("loop.db"), path("pipe.db"),
        path(std::string(5000, 'x')), path("rows.jsonl") + "/tasks.db"}) {
    EXPECT_TRUE(import_to(place).starts_with(place + ": ")) << import_to(place);
    EXPECT_TRUE(user_error([&] { TaskStore::open(place); }).starts_with(place + ": ")) << place;
  }
  for (const std::string& bytes : {std::string("S"), std::string(50, 'x')}) {
    write_file_atomic(db(), bytes);
    EXPECT_TRUE(import_to(db()).starts_with(db() + ": ")) << import_to(db());
    EXPECT_EQ(read_file(db()), bytes);
  }
  std::filesystem::remove(db());
  write_file_atomic(db() + "-wal", "rows of another database");
  EXPECT_EQ(import_to(db()), db() +
                                 "-wal: is the log of a database that is gone; put the database "
                                 "back beside it, or remove it");
  EXPECT_FALSE(std::filesystem::exists(db()));
  EXPECT_EQ(read_file(db() + "-wal"), "rows of another database");
}

// Bits of texts and numbers, which SQLite does not look at: whatever is read is what was imported.
TEST_F(TaskStoreTest, NoFlippedBitOfATaskIsRead) {
  std::string text;
  for (int i = 0; i < 12; ++i) {
    const std::string n = std::to_string(i);
    text += "{\"prompt\":\"how many are " + n + " apples\",\"answer\":" + n + ",\"note\":\"x\"}\n";
    text += "{\"data_source\":\"d\",\"prompt\":[{\"role\":\"user\",\"content\":\"and " + n +
            "\"}],\"reward_model\":{\"ground_truth\":" + n +
            "},\"extra_info\":{\"split\":\"train\"}}\n";
    text += "{\"prompt\":\"3+" + n + "=\",\"answer\":{\"target\":" + std::to_string(3 + i) +
            "},\"family\":\"chain_sum\",\"level\":1,\"seed\":5}\n";
    text += "{\"prompt\":\"s" + n + "\",\"solution\":\"" + n + "\",\"level\":3}\n";
  }
  import(text);
  const auto read = [&] {
    std::string all;
    for (const StoredTask& task : stored()) {
      const TaskRow& row = task.row;
      all += row_in_shape(task, row.shape) + " " + row.task.prompt + " " +
             (row.task.messages.empty() ? "" : messages_json(row.task.messages)) + " " +
             row.task.answer + " " + row.task.family + " " + std::to_string(row.task.level) + " " +
             std::to_string(row.level.value_or(-1)) + " " + std::to_string(row.has_split) + "\n";
    }
    return all;
  };
  const std::string right = read(), whole = read_file(db());
  int found = 0, same = 0;
  for (size_t at = whole.size() / 16; at < whole.size(); at += 37) {
    if (whole[at] == 0) continue;  // mostly room that nothing stands in
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (at % 8)));
    write_file_atomic(db(), bytes);
    std::string got;
    const std::string error = user_error([&] { got = read(); });
    if (error.empty()) {
      EXPECT_EQ(got, right) << at;
      ++same;
    } else {
      EXPECT_TRUE(error.starts_with(db() + ": ")) << error;
      ++found;
    }
  }
  EXPECT_GT(found, 60);
  EXPECT_GT(same, 0) << "the import's time and the keys are not read";
}

}  // namespace
}  // namespace retort::tests
