// The row-wise commands, each against another one or against itself laid out differently.
#include "tests/cases/case_runner.h"
#include "tests/e2e/program.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sched.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

namespace retort {
namespace {

using testing::file_text;
using testing::ProgramResult;
using testing::run_retort;
using testing::TemporaryFolder;
using testing::write_text;

std::vector<nlohmann::json> rows_of(const std::string& text) {
  std::vector<nlohmann::json> rows;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) rows.push_back(nlohmann::json::parse(line));
  return rows;
}

const std::string kModel = " --model configs/tiny_base ";

// The names that the usage lists.
std::vector<std::string> commands_of(const std::string& usage) {
  std::vector<std::string> names;
  std::istringstream lines(usage.substr(usage.find("commands:\n") + 10));
  for (std::string line; std::getline(lines, line) && line.starts_with("  ");)
    names.push_back(line.substr(2, line.find(' ', 2) - 2));
  return names;
}

// tests/cases/commands.case: what is typed, and what comes out. Every subcommand has a case.
TEST(Commands, Cases) {
  const TemporaryFolder folder;
  std::set<std::string> names;
  tests::run_cases("commands.case", [&](const tests::TextCase& one) {
    std::string typed = one.require("run");
    names.insert(typed.substr(0, typed.find(' ')));
    write_text(folder.path("in"), one.get("in", ""));
    for (size_t at = typed.find("TMP"); at != std::string::npos; at = typed.find("TMP"))
      typed.replace(at, 3, folder.path());
    const ProgramResult result = run_retort(typed + " < '" + folder.path("in") + "'");
    EXPECT_EQ(result.code, std::stoi(one.get("code", "0"))) << result.err;
    for (const auto& [key, text] : {std::pair("out", result.out), std::pair("err", result.err)})
      if (const auto expected = one.find(key)) {
        EXPECT_NE(text.find(*expected), std::string::npos) << text;
      }
  });
  for (const std::string& name : commands_of(run_retort("").out))
    EXPECT_TRUE(names.contains(name)) << name << " has no case";
}

// Every command's help has one example, and it works when it is pasted: all of them in one folder
// with the checkout's configs/, one after another. Only the training is shortened; a learner gets a
// worker beside it, and a worker a learner.
TEST(Commands, TheExampleOfEachHelpWorks) {
  const TemporaryFolder folder;
  namespace fs = std::filesystem;
  for (const char* name : {"configs", "docs"})
    fs::create_directory_symlink(fs::absolute(name), folder.path(name));
  std::vector<std::string> commands = commands_of(run_retort("").out);
  for (const std::string& name : commands_of(run_retort("tasks --help").out))
    commands.push_back("tasks " + name);
  for (const std::string& command : commands) {
    const std::string help = run_retort(command + " --help").out;
    const size_t begin = help.find("Example:\n  ");
    ASSERT_NE(begin, std::string::npos) << command;
    const std::string example = help.substr(begin + 11);
    EXPECT_EQ(std::count(example.begin(), example.end(), '\n'), 1) << example;
    EXPECT_NE(example.find("retort " + command), std::string::npos) << example;
    write_text(folder.path("paste"),
               "set -e -o pipefail\n"
               "other='configs/quickstart.toml --quiet --set train.steps=2'\n"
               "token() { until [ -e runs/shared/token ]; do sleep 0.05; done; }\n"
               "retort() {\n"
               "  case $1 in\n"
               "    learn) (token; exec \"$PROGRAM\" rollout $other --connect "
               "tcp://127.0.0.1:5555 --token-file runs/shared/token) &\n"
               "      \"$PROGRAM\" \"$@\" --set train.steps=2; wait $! ;;\n"
               "    rollout) rm -rf runs/shared\n"
               "      \"$PROGRAM\" learn $other --run runs/shared &\n"
               "      token; \"$PROGRAM\" \"$@\" --set train.steps=2; wait $! ;;\n"
               "    train) \"$PROGRAM\" \"$@\" --set train.steps=2 ;;\n"
               "    sft) \"$PROGRAM\" \"$@\" --set sft.steps=2 ;;\n"
               "    *) \"$PROGRAM\" \"$@\" ;;\n"
               "  esac\n}\n" +
                   example);
    const ProgramResult result =
        run_retort("> /dev/null; cd '" + folder.path() + "'; bash paste < /dev/null",
                   "PROGRAM=\"$(realpath \"$RETORT_PROGRAM\")\"; export PROGRAM; ");
    EXPECT_EQ(result.code, 0) << example << result.err;
    EXPECT_FALSE(result.out.empty() && result.err.empty() &&
                 example.find("--out") == std::string::npos)
        << example << "says nothing";
  }
}

// One object with the numbers of the text.
TEST(Commands, ARunIsExplainedInNumbers) {
  const std::string command =
      "train tests/configs/tiny.toml --set learner.kl=k3 --set train.steps=7 --explain";
  const ProgramResult text = run_retort(command), json = run_retort(command + " --json");
  ASSERT_EQ(text.code, 0) << text.err;
  ASSERT_EQ(json.code, 0) << json.err;
  EXPECT_EQ(std::count(json.out.begin(), json.out.end(), '\n'), 1) << json.out;
  const nlohmann::json plan = nlohmann::json::parse(json.out);
  const auto at = [&](const char* section, const char* key) { return plan[section][key].dump(); };
  for (const std::string& line :
       {"configs/tiny_base: " + at("model", "parameters") + " parameters, ",
        at("step", "prompts") + " prompts x " + at("step", "group_size") + " = " +
            at("step", "samples") + " samples, at most " + at("step", "max_new_tokens") +
            " tokens each = " + at("step", "max_tokens") + " tokens\n",
        "at most " + at("step", "max_updates") + " a step, whole groups dealt to them; " +
            at("run", "max_updates") + " in " + at("run", "steps") + " steps at most\n",
        at("run", "steps") + " steps, " + at("run", "samples") + " samples, " +
            at("run", "prompts") + " prompts\n",
        at("evaluation", "tasks") + " held-out tasks x " + at("evaluation", "samples") +
            " samples\n",
        "weights " + at("memory", "weights_mb") + " MB, gradients, moments and copies " +
            at("memory", "optimizer_mb") + " MB, reference " + at("memory", "reference_mb") +
            " MB, key/value page " + at("memory", "kv_page_kb") + " kB of " +
            at("memory", "kv_page_tokens") + " tokens\n"})
    EXPECT_NE(text.out.find(line), std::string::npos) << line << '\n' << text.out;
  EXPECT_EQ(plan["model"]["parameters"], 459840);
  EXPECT_EQ(plan["run"]["samples"], 6 * 4 * 7);
  EXPECT_GT(plan["memory"]["reference_mb"], 0.0);
  EXPECT_EQ(run_retort("train tests/configs/tiny.toml --json").code, 2);
}

// Each long command tells, in its own words, how far it is; none of them with --quiet.
TEST(Commands, WorkOfSecondsSaysHowFarItIs) {
  const TemporaryFolder folder;
  nlohmann::json tokens;
  for (int t = 0; t < 120; ++t) tokens.push_back(1 + t);
  std::string rows;
  for (int i = 0; i < 100; ++i) rows += nlohmann::json({{"tokens", tokens}}).dump() + "\n";
  write_text(folder.path("tokens"), rows);
  for (const auto& [command, words] :
       {std::pair<std::string, std::string>(
            "logits" + kModel + "--layout stepwise --logprobs --out '" + folder.path("out") +
                "' --in '" + folder.path("tokens") + "'",
            "of 100 sequences through the model, "),
        {"tasks make countdown --level 1-10 --count 60000 --seed 1 --out '" + folder.path("made") +
             "'",
         "of 60000 tasks, "}}) {
    const ProgramResult told = run_retort(command), quiet = run_retort(command + " --quiet");
    ASSERT_EQ(told.code, 0) << told.err;
    EXPECT_NE(told.err.find(words), std::string::npos) << told.err;
    EXPECT_EQ(quiet.code, 0);
    EXPECT_EQ(quiet.err, "");
  }
}

// In a pipe a line of progress, none with --quiet; the data are the same.
TEST(Commands, LongWorkSaysHowFarItIs) {
  const TemporaryFolder folder;
  write_text(folder.path("slow"),
             "#!/usr/bin/env bash\nwhile read -r line; do\n  sleep 0.4\n  printf "
             "'{\"id\":%s,\"score\":1}\\n' \"$(sed -E "
             "'s/.*\"id\":(\"[^\"]*\"|[0-9]+).*/\\1/' <<< \"$line\")\"\ndone\n");
  std::filesystem::permissions(folder.path("slow"), std::filesystem::perms::owner_all);
  std::string rows;
  for (int i = 0; i < 4; ++i) rows += "{\"completion\":\"a\",\"answer\":\"a\"}\n";
  write_text(folder.path("in"), rows);
  const std::string command =
      "score --reward 'command:" + folder.path("slow") + "' --in '" + folder.path("in") + "'";
  const ProgramResult told = run_retort(command), quiet = run_retort(command + " --quiet");
  ASSERT_EQ(told.code, 0) << told.err;
  EXPECT_EQ(rows_of(told.out).size(), 4u);
  EXPECT_EQ(rows_of(told.out)[3]["score"], 1.0) << told.out;
  EXPECT_NE(told.err.find("4 rows, "), std::string::npos) << told.err;
  EXPECT_EQ(told.err.find('\x1b'), std::string::npos) << told.err;
  EXPECT_EQ(quiet.code, 0);
  EXPECT_EQ(rows_of(quiet.out).size(), 4u);
  EXPECT_EQ(quiet.err, "");
}

TEST(Commands, HelpVersionAndUsage) {
  const ProgramResult usage = run_retort("");
  EXPECT_EQ(usage.code, 0);
  for (const std::string& command : commands_of(usage.out)) {
    const ProgramResult help = run_retort(command + " --help");
    EXPECT_EQ(help.code, 0);
    EXPECT_NE(help.out.find("Example:"), std::string::npos) << command;
  }
  EXPECT_NE(run_retort("--version").out.find("LibTorch"), std::string::npos);
}

// What is taken away is missed, by name and with what mends it; the rest is as before.
TEST(Commands, TheDoctorMissesWhatIsTakenAway) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  int cpu = 0;
  while (!CPU_ISSET(cpu, &allowed)) ++cpu;
  const ProgramResult one = run_retort("doctor --json", "taskset -c " + std::to_string(cpu));
  ASSERT_EQ(one.code, 0) << one.err;
  for (const auto& finding : nlohmann::json::parse(one.out)["findings"])
    if (finding["name"] == "cores") {
      EXPECT_EQ(finding["affinity"], 1);
    }
  const ProgramResult files = run_retort("doctor --json", "prlimit --nofile=99:1024");
  EXPECT_EQ(files.code, 3);
  EXPECT_EQ(files.err, "retort: open files: 99; can be raised to: 1024; ulimit -n 256\n");
  EXPECT_FALSE(nlohmann::json::parse(files.out)["ready"]);
  // A file system in memory that takes no files, or none of a run's size.
  const ProgramResult disk = run_retort("doctor", "env -C /proc");
  EXPECT_EQ(disk.code, 3);
  EXPECT_EQ(disk.err.rfind("retort: disk: ", 0), 0u) << disk.err;
  EXPECT_NE(disk.out.find("missing  disk"), std::string::npos) << disk.out;
}

TEST(Commands, ALimitOfAddressSpaceIsToldBeforehandAndWhereItEnds) {
  if (std::string(RETORT_SANITIZE) != "") GTEST_SKIP() << "a sanitizer needs all address space";
  if (run_retort("--version").out.find("CUDA on") != std::string::npos)
    GTEST_SKIP() << "CUDA's libraries alone take more than these limits";
  const ProgramResult told = run_retort("doctor --json", "prlimit --as=1000000000:3000000000");
  EXPECT_EQ(told.code, 3);
  EXPECT_EQ(told.err,
            "retort: address space: 1000000000 bytes; can be raised to: 3000000000 bytes; the "
            "quickstart needs 2.0 GiB; ulimit -v 2097152\n");
  const TemporaryFolder folder;
  const ProgramResult ends =
      run_retort("train tests/configs/tiny.toml --quiet --run '" + folder.path("run") + "'",
                 "prlimit --as=700000000");
  EXPECT_EQ(ends.code, 1);
  EXPECT_EQ(ends.err.rfind("retort: memory: what this machine, or a limit, gives", 0), 0u)
      << ends.err;
}

// It binds other users than root.
TEST(Commands, ALimitOfProcessesIsToldBeforehandAndWhereItEnds) {
  if (std::string(RETORT_SANITIZE) != "") GTEST_SKIP() << "a sanitizer has threads of its own";
  const std::string nobody = " setpriv --reuid=65521 --regid=65521 --clear-groups --";
  if (run_retort("--version", "env -C /tmp" + nobody).code != 0)
    GTEST_SKIP() << "becoming another user needs root, and a program that others may run";
  const ProgramResult told =
      run_retort("doctor --json", "env -C /tmp prlimit --nproc=40:40" + nobody);
  EXPECT_EQ(told.code, 3);
  EXPECT_EQ(told.err,
            "retort: processes: 40; can be raised to: 40; as root: prlimit --nproc=128 --pid $$\n");
  const ProgramResult none =
      run_retort("train tests/configs/tiny.toml --quiet", "prlimit --nproc=1:1" + nobody);
  EXPECT_EQ(none.code, 3);
  EXPECT_EQ(none.err,
            "retort: threads: one more cannot be started (Resource temporarily unavailable); raise "
            "the limit of processes: ulimit -u 128 (retort doctor)\n");
}

TEST(Commands, TheSeedAloneDecidesTheSamples) {
  const TemporaryFolder folder;
  write_text(folder.path("in"),
             "{\"prompt\": \"8+19=\", \"id\": \"a\"}\n{\"prompt\": \"7 12 1>20=\"}\n{\"prompt\": "
             "\"3+20-16=\"}\n");
  const std::string command =
      "generate" + kModel + "--in '" + folder.path("in") + "' --samples 5 --seed 9 --hex ";
  const ProgramResult whole = run_retort(command);
  ASSERT_EQ(whole.code, 0) << whole.err;
  EXPECT_EQ(run_retort(command + "--max-sequences 1 --threads 1").out, whole.out);
  EXPECT_NE(run_retort("generate" + kModel + "--in '" + folder.path("in") +
                       "' --samples 5 --seed 10 --hex")
                .out,
            whole.out);
  const std::vector<nlohmann::json> rows = rows_of(whole.out);
  ASSERT_EQ(rows.size(), 15u);
  EXPECT_EQ(rows[0]["id"], "a");
  EXPECT_EQ(rows[5]["id"], 1);
  for (const nlohmann::json& row : rows) {
    EXPECT_EQ(row["ids"].size(), row["logprobs"].size());
    EXPECT_TRUE(row["stop"] == "eos" || row["stop"] == "length");
  }
}

TEST(Commands, AStopStringEndsACompletion) {
  const ProgramResult result =
      run_retort("generate" + kModel + "--prompt 8+19= --samples 8 --stop '</answer>' --json");
  ASSERT_EQ(result.code, 0) << result.err;
  for (const nlohmann::json& row : rows_of(result.out)) {
    EXPECT_EQ(row["stop"], "stop_string");
    EXPECT_TRUE(row["text"].get<std::string>().ends_with("</answer>")) << row;
  }
}

TEST(Commands, LogitsDoNotDependOnTheLayout) {
  const TemporaryFolder folder;
  std::string rows;
  for (int length : {1, 2, 15, 16, 17, 40}) {
    nlohmann::json tokens;
    for (int t = 0; t < length; ++t) tokens.push_back(1 + (t * 29 + length) % 120);
    rows += nlohmann::json({{"tokens", tokens}}).dump() + "\n";
  }
  write_text(folder.path("tokens"), rows);
  const auto logits = [&](const std::string& layout) {
    const std::string out = folder.path("logits");
    const ProgramResult result =
        run_retort("logits" + kModel + "--tokens '" + folder.path("tokens") + "' --out '" + out +
                   "' --layout " + layout);
    EXPECT_EQ(result.code, 0) << result.err;
    return file_text(out);
  };
  const std::string packed = logits("packed");
  EXPECT_TRUE(
      run_retort("logits" + kModel + "--tokens '" + folder.path("tokens") + "' --out -").out ==
      packed);
  EXPECT_GT(packed.size(), 91u * 128 * 4);
  for (const char* layout : {"paged", "stepwise", "chunked:1", "chunked:7", "chunked:16"})
    EXPECT_TRUE(logits(layout) == packed) << layout;
}

TEST(Commands, TokensComeBackAsText) {
  const TemporaryFolder folder;
  write_text(folder.path("in"), "{\"text\": \"3+20-16=\"}\n{\"text\": \"<think>a b</think>\"}\n");
  const ProgramResult ids = run_retort("tokenize" + kModel + "--in '" + folder.path("in") +
                                       "' --no-special --out '" + folder.path("ids") + "'");
  ASSERT_EQ(ids.code, 0) << ids.err;
  EXPECT_EQ(run_retort("tokenize" + kModel + "--decode --in '" + folder.path("ids") + "'").out,
            "{\"text\":\"3+20-16=\"}\n{\"text\":\"<think>a b</think>\"}\n");
}

TEST(Commands, EvalGivesTheContractsJson) {
  const std::string command =
      "eval" + kModel +
      "--tasks chain_sum:1-2:10:5,countdown:1:6:5 --samples 8 --pass-at 1,8 --json";
  const ProgramResult result = run_retort(command);
  ASSERT_EQ(result.code, 0) << result.err;
  const nlohmann::json json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["families"]["chain_sum"]["n"], 10);
  EXPECT_EQ(json["families"]["chain_sum"]["levels"]["1"]["n"], 5);
  EXPECT_EQ(json["all"]["n"], 16);
  EXPECT_GE(json["all"]["pass@8"], json["all"]["pass@1"]);
  EXPECT_LE(json["all"]["ci95"][0], json["all"]["pass@1"]);
  const auto keys_of = [](const nlohmann::json& object) {
    std::string keys;
    for (const auto& [key, value] : object.items()) keys += key + " ";
    return keys;
  };
  EXPECT_EQ(keys_of(json), "all families model samples tasks temperature tokens_per_s ");
  EXPECT_EQ(keys_of(json["all"]), "ci95 n pass@1 pass@8 ");
  EXPECT_EQ(keys_of(json["families"]), "chain_sum countdown ");
  EXPECT_EQ(keys_of(json["families"]["countdown"]), "ci95 levels n pass@1 pass@8 ");
  EXPECT_EQ(keys_of(json["families"]["countdown"]["levels"]["1"]), "ci95 n pass@1 pass@8 ");
  nlohmann::json again = nlohmann::json::parse(run_retort(command).out), first = json;
  again.erase("tokens_per_s");
  first.erase("tokens_per_s");
  EXPECT_EQ(again, first);
}

TEST(Commands, EvalCountsRowsWithoutAFamilyByTheirSource) {
  const TemporaryFolder folder;
  write_text(folder.path("mine.jsonl"),
             "{\"data_source\":\"openai/gsm8k\",\"prompt\":\"1+1=\",\"answer\":\"2\"}\n"
             "{\"data_source\":\"openai/gsm8k\",\"prompt\":\"1+2=\",\"answer\":\"3\"}\n"
             "{\"data_source\":\"math\",\"prompt\":\"1+3=\",\"answer\":\"4\"}\n"
             "{\"prompt\":\"1+4=\",\"answer\":\"5\"}\n");
  ASSERT_EQ(run_retort("tasks import '" + folder.path("mine.jsonl") + "' --db '" +
                       folder.path("tasks.db") + "'")
                .code,
            0);
  for (const char* name : {"mine.jsonl", "tasks.db"}) {
    const ProgramResult result =
        run_retort("eval" + kModel + "--reward exact_match --max-new-tokens 8 --json --tasks '" +
                   folder.path(name) + "'");
    ASSERT_EQ(result.code, 0) << result.err;
    const nlohmann::json families = nlohmann::json::parse(result.out)["families"];
    EXPECT_EQ(families.size(), 3u) << result.out;
    EXPECT_EQ(families["openai/gsm8k"]["n"], 2) << result.out;
    EXPECT_EQ(families["math"]["n"], 1) << result.out;
    EXPECT_EQ(families["mine"]["n"], 1) << result.out;
  }
}

TEST(Commands, ConvertedWeightsAnswerAlike) {
  const TemporaryFolder folder;
  const std::string copy = folder.path("copy");
  ASSERT_EQ(run_retort("convert configs/tiny_base '" + copy + "' --dtype float32").code, 0);
  EXPECT_TRUE(file_text(copy + "/model.safetensors") ==
              file_text("configs/tiny_base/model.safetensors"));
  const std::string prompt = " --prompt 8+19= --temperature 0 --json";
  EXPECT_EQ(run_retort("generate --model '" + copy + "'" + prompt).out,
            run_retort("generate" + kModel + prompt).out);
  EXPECT_EQ(run_retort("convert configs/tiny_base '" + copy + "'").code, 2)
      << "an existing folder is not overwritten";
}

TEST(Commands, ConvertKeepsTheTypeOfTheWeights) {
  const TemporaryFolder folder;
  const std::string narrow = folder.path("narrow"), again = folder.path("again");
  ASSERT_EQ(run_retort("convert configs/tiny_base '" + narrow + "' --dtype bfloat16").code, 0);
  ASSERT_EQ(run_retort("convert '" + narrow + "' '" + again + "'").code, 0);
  EXPECT_TRUE(file_text(again + "/model.safetensors") == file_text(narrow + "/model.safetensors"));
  EXPECT_EQ(file_text(again + "/config.json"), file_text(narrow + "/config.json"));
}

// Tools and their calls come to the template, as `tokenize --chat` shows it.
TEST(Commands, GenerateTakesMessagesAsTheTemplateDoes) {
  const TemporaryFolder folder;
  const std::string model = folder.path("model");
  std::filesystem::copy("configs/tiny_base", model);
  write_text(model + "/chat_template.jinja",
             "{% for t in tools or [] %}{{ t.function.name }}\n{% endfor %}{% for m in messages %}"
             "{{ m.content or '' }}{% for c in m.tool_calls or [] %}{{ c.function.arguments.a }}"
             "{% endfor %}\n{% endfor %}");
  const std::string chat =
      R"("messages":[{"role":"user","content":"8+"},{"role":"assistant","content":null,)"
      R"("tool_calls":[{"function":{"name":"f","arguments":{"a":"1234567"}}}]},)"
      R"({"role":"tool","content":"9"}],"tools":[{"function":{"name":"12345"}}])";
  write_text(folder.path("in"), "{" + chat + ",\"add_generation_prompt\":true}\n");
  const std::string from = " --model '" + model + "' --in '" + folder.path("in") + "'";
  const ProgramResult made = run_retort("generate --max-new-tokens 1" + from),
                      ids = run_retort("tokenize --chat" + from);
  ASSERT_EQ(made.code, 0) << made.err;
  const nlohmann::json shown = nlohmann::json::parse(ids.out);
  EXPECT_EQ(shown["text"], "12345\n8+12345679") << "Jinja's trim_blocks";
  EXPECT_EQ(nlohmann::json::parse(made.out)["prompt_tokens"], shown["ids"].size());
  write_text(folder.path("in"), R"({"messages":[{"role":"user","content":null}]})");
  EXPECT_EQ(run_retort("generate" + from).code, 2);
  write_text(folder.path("in"), R"({"messages":[{"role":"user","content":"a"}],"tools":"no"})");
  EXPECT_NE(run_retort("generate" + from).err.find("in:1: \"tools\" is no list; "),
            std::string::npos);
}

TEST(Commands, ChatAnswersAsGenerateDoesAndRemembers) {
  const TemporaryFolder folder;
  const std::string model = folder.path("model");
  std::filesystem::copy("configs/tiny_base", model);
  testing::write_text(model + "/chat_template.jinja",
                      "{% for m in messages %}{{ m.content }}\n{% endfor %}");
  testing::write_text(folder.path("lines"), "8+19=\n\n/reset\n8+19=\n3+4=\n/exit\n5+5=\n");
  const ProgramResult chat =
      run_retort("chat --model '" + model + "' --temperature 0 --max-new-tokens 12 < '" +
                 folder.path("lines") + "'");
  ASSERT_EQ(chat.code, 0) << chat.err;
  const auto ask = [&](const std::string& messages) {
    testing::write_text(folder.path("in.jsonl"), "{\"messages\": " + messages + "}\n");
    const ProgramResult result =
        run_retort("generate --model '" + model + "' --temperature 0 --max-new-tokens 12 --in '" +
                   folder.path("in.jsonl") + "'");
    return nlohmann::json::parse(result.out)["text"].get<std::string>();
  };
  const nlohmann::json user = {{"role", "user"}, {"content", "8+19="}};
  const std::string first = ask(nlohmann::json::array({user}).dump());
  const std::string second = ask(nlohmann::json::array({user,
                                                        {{"role", "assistant"}, {"content", first}},
                                                        {{"role", "user"}, {"content", "3+4="}}})
                                     .dump());
  EXPECT_EQ(chat.out, first + "\n" + first + "\n" + second + "\n");

  const ProgramResult refused = run_retort("chat --model configs/tiny_base < /dev/null");
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("no chat template"), std::string::npos);
}

TEST(Commands, InspectSaysWhatAModelIs) {
  const ProgramResult result = run_retort("inspect configs/tiny_base --json");
  ASSERT_EQ(result.code, 0) << result.err;
  const nlohmann::json json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["architecture"], "Qwen3ForCausalLM");
  EXPECT_EQ(json["parameters"], 459840);
  EXPECT_EQ(json["bytes"], 4 * 459840);
  EXPECT_EQ(json["eos_tokens"], nlohmann::json::array({"<eos>"}));
  EXPECT_EQ(run_retort("inspect /no/such").code, 2);
}

TEST(Commands, ScoreGivesAVerdictARowInTheirOrder) {
  const TemporaryFolder folder;
  testing::write_text(
      folder.path("in.jsonl"),
      "{\"id\": \"a\", \"completion\": \"Paris\", \"answer\": \"Paris\"}\n"
      "{\"completion\": [{\"role\": \"assistant\", \"content\": \"London\"}], \"answer\": "
      "\"Paris\"}\n"
      "{\"id\": 7, \"completion\": \"x\", \"answer\": null}\n"
      "{\"completion\": \"<answer>7</answer>\", \"answer\": {\"target\": 7}, \"prompt\": "
      "\"3+4=\", \"meta\": {\"family\": \"chain_sum\"}}\n");
  const std::string in = " --in '" + folder.path("in.jsonl") + "'";
  const ProgramResult result = run_retort("score --reward exact_match" + in);
  ASSERT_EQ(result.code, 0) << result.err;
  std::vector<nlohmann::json> rows;
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) rows.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0]["id"], "a");
  EXPECT_EQ(rows[0]["score"], 1.0);
  EXPECT_EQ(rows[1]["id"], 1);
  EXPECT_EQ(rows[1]["score"], 0.0);
  EXPECT_EQ(rows[2]["outcome"], "verifier_error");
  EXPECT_FALSE(rows[2].contains("score")) << "not the policy's doing";
  EXPECT_EQ(rows[0]["parts"][0]["name"], "exact_match");
  EXPECT_TRUE(rows[0]["ms"].is_number());

  const ProgramResult task = run_retort("score --reward task" + in);
  EXPECT_NE(task.out.find("\"id\":3,\"outcome\":\"value\",\"score\":1.0"), std::string::npos)
      << task.out;
  const ProgramResult list = run_retort("score --list");
  for (const char* name : {"task", "exact_match", "command", "overlong"})
    EXPECT_NE(list.out.find(name), std::string::npos);
  EXPECT_EQ(run_retort("score --check --reward command:docs/examples/length_reward.py").code, 0);
}

TEST(Commands, ScoreAddsItsPartsUpByWeight) {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 150; ++i)
    text +=
        "{\"completion\": \"<answer>" + std::to_string(i % 3) + "</answer>\", \"answer\": \"1\"}\n";
  testing::write_text(folder.path("in.jsonl"), text);
  const ProgramResult result = run_retort(
      "score --reward exact_match:extract=answer_tag --weight 0.75 --reward "
      "command:docs/examples/length_reward.py --weight=-0.5 --json --in '" +
      folder.path("in.jsonl") + "'");
  ASSERT_EQ(result.code, 0) << result.err;
  std::istringstream lines(result.out);
  int row = 0;
  for (std::string line; std::getline(lines, line); ++row) {
    const nlohmann::json json = nlohmann::json::parse(line);
    EXPECT_EQ(json["id"], row);
    const double match = row % 3 == 1 ? 1.0 : 0.0, length = 1.0 / (1.0 + 18.0 / 100.0);
    ASSERT_EQ(json["parts"].size(), 2u);
    EXPECT_EQ(json["parts"][0]["score"], match);
    EXPECT_EQ(json["parts"][0]["weight"], 0.75);
    EXPECT_DOUBLE_EQ(json["parts"][1]["score"].get<double>(), length);
    EXPECT_DOUBLE_EQ(json["score"].get<double>(), 0.75 * match - 0.5 * length);
  }
  EXPECT_EQ(row, 150) << "every row, in its order, across batches";
  for (const char* bad : {"--weight 1 --weight 2", "--weight much", "--weight nan"})
    EXPECT_EQ(run_retort(std::string("score --reward exact_match ") + bad + " < /dev/null").code, 2)
        << bad;
  const ProgramResult list = run_retort("score --list --json");
  std::istringstream rewards(list.out);
  for (std::string line; std::getline(rewards, line);)
    EXPECT_TRUE(nlohmann::json::parse(line)["options"].is_array()) << line;
  const ProgramResult check =
      run_retort("score --check --json --reward command:docs/examples/length_reward.py");
  std::istringstream checks(check.out);
  int passed = 0;
  for (std::string line; std::getline(checks, line); ++passed)
    EXPECT_EQ(nlohmann::json::parse(line)["ok"], true) << line;
  EXPECT_GE(passed, 9);
}

// A writer that waits for each answer has it, batch or not; one that does not wait fills batches:
// the program answers none of 32 rows before it has all of them.
TEST(Commands, ScoreAnswersAWriterThatWaits) {
  const TemporaryFolder folder;
  write_text(
      folder.path("ask"),
      "coproc \"$RETORT_PROGRAM\" score --reward exact_match\n"
      "for i in 1 2 3; do\n"
      "  echo \"{\\\"completion\\\":\\\"$i\\\",\\\"answer\\\":\\\"2\\\"}\" >&\"${COPROC[1]}\"\n"
      "  read -r -t 120 line <&\"${COPROC[0]}\" || exit 9\n"
      "  echo \"$line\"\ndone\n"
      "exec {COPROC[1]}>&-\nwait \"$COPROC_PID\"\n");
  const ProgramResult asked = run_retort("--version >/dev/null; bash '" + folder.path("ask") + "'");
  ASSERT_EQ(asked.code, 0) << asked.err;
  const std::vector<nlohmann::json> answers = rows_of(asked.out);
  ASSERT_EQ(answers.size(), 3u);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(answers[i]["id"], i);
    EXPECT_EQ(answers[i]["score"], i == 1 ? 1.0 : 0.0);
  }

  write_text(folder.path("patient"),
             "#!/usr/bin/env python3\nimport json, sys\nmany = 1  # the row that tries it, first\n"
             "while True:\n"
             "    rows = [json.loads(sys.stdin.readline()) for _ in range(many)]\n"
             "    for row in rows: print(json.dumps({'id': row['id'], 'score': 1}), flush=True)\n"
             "    many = 32\n");
  std::filesystem::permissions(folder.path("patient"), std::filesystem::perms::owner_all);
  std::string rows;
  for (int i = 0; i < 128; ++i) rows += "{\"completion\":\"a\"}\n";
  write_text(folder.path("in"), rows);
  const ProgramResult full = run_retort(
      "score --reward 'command:" + folder.path("patient") + ",rows_at_once=32,deadline_s=60'",
      "cat '" + folder.path("in") + "' |");
  ASSERT_EQ(full.code, 0) << full.err;
  ASSERT_EQ(rows_of(full.out).size(), 128u);
  for (const nlohmann::json& row : rows_of(full.out)) EXPECT_EQ(row["outcome"], "value") << row;
}

// What a program cannot answer is infra_error without a score; the rows around it have theirs.
TEST(Commands, ScoreOfAProgramThatDies) {
  const TemporaryFolder folder;
  const std::string program = folder.path("own");
  testing::write_text(program,
                      "#!/usr/bin/env python3\nimport json, os, sys\nfor line in sys.stdin:\n"
                      "    row = json.loads(line)\n    if row['completion'] == 'die': os._exit(1)\n"
                      "    print(json.dumps({'id': row['id'], 'score': 2.5}), flush=True)\n");
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  std::string text;
  for (int i = 0; i < 20; ++i)
    text += std::string("{\"completion\": \"") + (i == 7 || i == 12 ? "die" : "go on") + "\"}\n";
  testing::write_text(folder.path("in.jsonl"), text);
  const ProgramResult result =
      run_retort("score --reward command:" + program + " --in '" + folder.path("in.jsonl") + "'");
  ASSERT_EQ(result.code, 0) << result.err;
  std::istringstream lines(result.out);
  int row = 0;
  for (std::string line; std::getline(lines, line); ++row) {
    const nlohmann::json json = nlohmann::json::parse(line);
    const bool died = row == 7 || row == 12;
    EXPECT_EQ(json["outcome"], died ? "infra_error" : "value") << line;
    EXPECT_EQ(json.contains("score"), !died) << line;
  }
  EXPECT_EQ(row, 20);
}

TEST(Commands, ScoreRefusesBrokenRowsByTheirLine) {
  const TemporaryFolder folder;
  for (const char* row : {"{\"answer\": 1}", "{\"completion\": 3}", "{\"completion\": []}",
                          "{\"completion\": \"a\", \"meta\": 1}"}) {
    testing::write_text(folder.path("in.jsonl"),
                        std::string("{\"completion\": \"a\", \"answer\": \"a\"}\n") + row + "\n");
    const ProgramResult result =
        run_retort("score --reward exact_match --in '" + folder.path("in.jsonl") + "' --out '" +
                   folder.path("out.jsonl") + "'");
    EXPECT_EQ(result.code, 2) << row;
    EXPECT_NE(result.err.find("in.jsonl:2: "), std::string::npos) << result.err;
    EXPECT_FALSE(std::filesystem::exists(folder.path("out.jsonl"))) << row;
  }
  EXPECT_EQ(run_retort("score --reward exact_mach < /dev/null").code, 2);
  EXPECT_EQ(run_retort("score --reward command:/no/such < /dev/null").code, 2);
}

}  // namespace
}  // namespace retort
