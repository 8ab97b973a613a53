// Every mistake of a user is one line, place first, fix last, exit code 2, and nothing is written.
#include "tests/e2e/program.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

namespace retort {
namespace {

using testing::file_text;
using testing::ProgramResult;
using testing::run_retort;
using testing::TemporaryFolder;
using testing::write_text;
namespace fs = std::filesystem;

class BadInput : public ::testing::Test {
 protected:
  // `arguments` fail as a user's mistake whose line begins with `place` and holds `words`; the
  // folder stays as it was.
  void expect_refused(const std::string& arguments, const std::string& place,
                      const std::string& words = "") {
    const std::string before = testing::tree_digest(folder_.path());
    const ProgramResult result = run_retort(arguments);
    EXPECT_EQ(result.code, 2) << arguments << '\n' << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_EQ(result.err.rfind("retort: " + place, 0), 0u) << result.err;
    EXPECT_NE(result.err.find("; "), std::string::npos) << "no fix: " << result.err;
    EXPECT_NE(result.err.find(words), std::string::npos) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(testing::tree_digest(folder_.path()), before) << "something was written";
    EXPECT_FALSE(fs::exists(folder_.path("run")));
  }
  std::string train(const std::string& rest) const {
    return "train tests/configs/tiny.toml --quiet --run '" + folder_.path("run") + "' " + rest;
  }

  // A copy of the tiny base to be damaged.
  std::string model() {
    const std::string dir = folder_.path("model");
    fs::copy("configs/tiny_base", dir);
    return dir;
  }

  TemporaryFolder folder_;
};

// Files without an end, and names behind which no file can be: none of them is waited for.
TEST_F(BadInput, DevicesAndNamesOfNothing) {
  const TemporaryFolder other;
  const std::string loop = other.path("loop.db"), name(5000, 'x');
  fs::create_symlink("loop.db", loop);
  expect_refused("train /dev/zero", "/dev/zero: is a device");
  for (const std::string device : {"/dev/zero", "/dev/urandom"}) {
    expect_refused(train("--set tasks.train=" + device),
                   "[tasks.train]: '" + device + "' is a device");
    expect_refused("tasks import tests/configs/prompts_only.jsonl --db " + device,
                   device + ": is a device, a pipe");
    expect_refused("tasks list --db " + device, device + ": is a device, a pipe");
  }
  expect_refused("score --reward exact_match --in /dev/zero", "/dev/zero: has a line of more than");
  expect_refused(train("--set tasks.train=" + loop), loop);
  expect_refused(train("--set tasks.train=" + name), "[tasks.train]");
  expect_refused(train("--set model.path=" + name), "");
  expect_refused("inspect " + loop, loop);
  expect_refused("inspect " + name, name);
  expect_refused("tasks list --db :memory:", "':memory:': is no file");
}

TEST_F(BadInput, Configuration) {
  expect_refused("train no_such.toml", "no_such.toml");
  expect_refused("train 'no\nsuch\x1b[31m.toml'", "no\\nsuch\\x1b[31m.toml");
  expect_refused(train("--set rollout.group_size=1"), "[rollout.group_size]", "got 1");
  expect_refused(train("--set rollout.group_sice=8"), "[rollout.group_sice]", "group_size");
  expect_refused(train("--set rolout.group_size=8"), "[rolout", "rollout");
  expect_refused(train("--set rollout.group_size=many"), "[rollout.group_size]");
  expect_refused(train("--set learner.advantage=grop"), "[learner.advantage]", "grpo");
  expect_refused(train("--set learner.lr_schedule=cosin"), "[learner.lr_schedule]", "cosine");
  expect_refused(train("--set train.best_metric=eval/all/pas@1"), "[train.best_metric]");
  expect_refused(train("--set model.path=no_such_model"), "[model.path]", "no_such_model");
  expect_refused(train("--set rollout.group_size=1000000000000"), "[rollout.group_size]", "65536");
  expect_refused(train("--set train.prompts_per_step=99999999999"), "[train.prompts_per_step]");
  expect_refused(train("--set rollout.cache_bytes=9223372036854775807"), "[rollout.cache_bytes]",
                 "memory");
  expect_refused(train("--set rollout.cache_bytes=1000"), "[rollout.cache_bytes]", "pages");
  expect_refused(train("--set tasks.max_prompt_tokens=1"), "[tasks.max_prompt_tokens]");
  expect_refused(train("--set learner.lr=inf"), "[learner.lr]", "got inf");
  expect_refused(train("--set learner.entropy_coef=nan"), "[learner.entropy_coef]", "finite");
  expect_refused(train("--set learner.beta2=1"), "[learner.beta2]", "below 1");
  expect_refused(train("--set learner.adam_eps=0"), "[learner.adam_eps]");
  expect_refused(train("--set rewards=[]"), "[rewards]");
  expect_refused(train("--set 'rewards=[{name=\"tusk\"}]'"), "[rewards", "task");
  write_text(folder_.path("broken.toml"), "[run\nseed = 1\n");
  expect_refused("train '" + folder_.path("broken.toml") + "'", folder_.path("broken.toml") + ":");
  write_text(folder_.path("unknown.toml"), "[run]\nsead = 1\n");
  expect_refused("train '" + folder_.path("unknown.toml") + "'", folder_.path("unknown.toml"),
                 "seed");
}

TEST_F(BadInput, Tasks) {
  write_text(folder_.path("empty.jsonl"), "\n");
  expect_refused(train("--set tasks.train=" + folder_.path("empty.jsonl")), "", "empty.jsonl");
  expect_refused(train("--set tasks.train=chain_some:1-6:train"), "[tasks.train]", "chain_sum");
  expect_refused(train("--set tasks.train=chain_sum:1-60:train"), "[tasks.train]");
  expect_refused(train("--set tasks.train=chain_sum:1-6"), "[tasks.train]");
  expect_refused(train("--set tasks.eval=chain_sum:1:5000:1"), "[tasks.eval]", "17");
  write_text(folder_.path("rows.jsonl"),
             "{\"prompt\": \"1+1=\", \"answer\": \"2\"}\n{\"prompt\": \"1+2=\"\n");
  expect_refused(train("--set tasks.train=" + folder_.path("rows.jsonl")),
                 folder_.path("rows.jsonl") + ":2");
  expect_refused(train("--set rollout.max_new_tokens=4000"), "[rollout.max_new_tokens]");
  // Rows of no family have no verifier of their own: no reward would ever come.
  write_text(folder_.path("rows.jsonl"), "{\"prompt\": \"1+1=\", \"answer\": \"2\"}\n");
  expect_refused(train("--set tasks.train=" + folder_.path("rows.jsonl")), "[rewards]",
                 "no family");
  expect_refused("eval --model configs/tiny_base --tasks '" + folder_.path("rows.jsonl") + "'",
                 "--reward", "no family");
}

TEST_F(BadInput, Rows) {
  const std::string rows = folder_.path("rows.jsonl");
  write_text(rows, "{\"prompt\": \"1+1=\"}\n{\"promt\": \"1+1=\"}\n");
  expect_refused(
      "generate --model configs/tiny_base --in '" + rows + "' --out '" + folder_.path("out") + "'",
      rows + ":2");
  write_text(rows, "{\"prompt\": \"1+1=\"}\nnot json\n");
  expect_refused(
      "generate --model configs/tiny_base --in '" + rows + "' --out '" + folder_.path("out") + "'",
      rows + ":2");
  write_text(rows, "{\"text\": \"\xff\"}\n");
  expect_refused("tokenize --model configs/tiny_base --in '" + rows + "'", rows + ":1");
  for (const char* meta : {"5", "{\"family\": 5}", "{\"level\": \"a\"}", "{\"level\": -1}",
                           "{\"completion_tokens\": 99999999999}", "{\"stop\": \"eod\"}"}) {
    write_text(rows,
               std::string("{\"completion\": \"1\", \"answer\": \"1\", \"meta\": ") + meta + "}\n");
    expect_refused("score --reward exact_match --in '" + rows + "'", rows + ":1", "meta");
  }
  write_text(rows, "{\"tokens\": [1, 2, 500]}\n");
  expect_refused("logits --model configs/tiny_base --tokens '" + rows + "' --out '" +
                     folder_.path("out") + "'",
                 rows + ":1", "500");
  write_text(
      rows,
      "{\"prompt\": \"1+1=\", \"completion\": \"2\"}\n{\"prompt\": \"1+1=\", \"completion\": 2}\n");
  expect_refused("sft configs/tiny_base.toml --quiet --run '" + folder_.path("run") +
                     "' --set sft.data=" + rows,
                 rows);
  write_text(rows, "{\"prompt\": \"1\"}\n{\"prompt\": \"" + std::string(3000, '1') + "\"}\n");
  expect_refused("generate --model configs/tiny_base --in '" + rows + "'", rows + ":2", "1024");
  for (const char* command : {"generate", "logits", "tokenize"}) {
    write_text(rows, "{\"prompt\": \"1\", \"text\": \"1\", \"tokens\": [1]}\n");
    expect_refused(std::string(command) + " --model configs/tiny_base --in '" + rows + "' --out '" +
                       folder_.path("../" + fs::path(folder_.path()).filename().string()) +
                       "/rows.jsonl'",
                   "--out", "is the file that is read");
  }
  write_text(rows, "");
  expect_refused("generate --model configs/tiny_base --in '" + rows + "'", rows);
  expect_refused("generate --model configs/tiny_base", "generate");
  expect_refused("eval --model configs/tiny_base --tasks chain_sum:1:5:1 --samples 2 --pass-at 8",
                 "--pass-at", "8");
  for (const char* wrong :
       {"--temperature nan", "--temperature inf", "--temperature -1", "--temperature 1e-30",
        "--top-p 0", "--top-p nan", "--top-k -1", "--seed -1", "--seed 4294967296",
        "--max-new-tokens -1", "--max-sequences 0", "--threads -1", "--samples 0"})
    for (const std::string command : {"generate --model configs/tiny_base --prompt 1+1=",
                                      "eval --model configs/tiny_base --tasks chain_sum:1:5:1"})
      expect_refused(command + " " + wrong,
                     std::string(wrong).substr(0, std::string_view(wrong).find(' ')), "got");
  expect_refused("generate --model configs/tiny_base --prompt 1+1= --max-new-tokens 99999999999",
                 "--max-new-tokens");
  expect_refused("generate --model configs/tiny_base --prompt 1+1= --max-new-tokens 99999",
                 "--prompt", "1024");
  expect_refused(
      "generate --model configs/tiny_base --prompt 1+1= --out '" + folder_.path("none/out") + "'",
      folder_.path("none/out"), "cannot be written");
  expect_refused("generat --model configs/tiny_base", "generat", "generate");
}

// Data that did not arrive is not "done".
TEST_F(BadInput, AFullDiskUnderStandardOutput) {
  const std::string rows = folder_.path("rows.jsonl");
  write_text(rows, "{\"prompt\": \"1\", \"text\": \"1\", \"tokens\": [1]}\n");
  const std::string model = " --model configs/tiny_base ";
  const std::vector<std::string> commands = {"help",
                                             "train --help",
                                             "eval" + model + "--tasks chain_sum:1:5:1 --json",
                                             "generate" + model + "--prompt 1+1=",
                                             "generate" + model + "--in '" + rows + "'",
                                             "tokenize" + model + "--in '" + rows + "'",
                                             "logits" + model + "--in '" + rows + "' --out -"};
  for (const std::string& command : commands) {
    const ProgramResult result = run_retort(command, "full() { \"$@\" > /dev/full; }; full");
    EXPECT_EQ(result.code, 2) << command;
    EXPECT_EQ(result.err.rfind("retort: standard output: ", 0), 0u) << command << result.err;
  }
}

TEST_F(BadInput, Checkpoints) {
  const std::string dir = model(), weights = dir + "/model.safetensors";
  const std::string command = "eval --model '" + dir + "' --tasks chain_sum:1:5:1";
  const std::string whole = file_text(weights), config = file_text(dir + "/config.json");
  const auto with_weights = [&](const std::string& bytes, const std::string& words) {
    write_text(weights, bytes);
    expect_refused(command, dir, words);
  };
  with_weights(whole.substr(0, whole.size() / 2), "");
  with_weights(whole.substr(0, 5), "");
  with_weights("", "");
  with_weights(std::string("\xff\xff\xff\xff\xff\xff\xff\x7f", 8) + whole.substr(8), "");
  std::string renamed = whole;
  renamed.replace(renamed.find("model.norm.weight"), 17, "model.morn.weight");
  with_weights(renamed, "model.");
  std::string retyped = whole;
  retyped.replace(retyped.find("\"F32\""), 5, "\"F64\"");
  with_weights(retyped, "");
  std::string broken = whole;
  broken.replace(broken.size() - 4, 4, "\xff\xff\xff\x7f");
  with_weights(broken, "not finite");
  broken.replace(broken.size() - 4, 4, std::string("\0\0\x80\xff", 4));
  with_weights(broken, "not finite");
  fs::remove(weights);
  ASSERT_EQ(mkfifo(weights.c_str(), 0600), 0);
  expect_refused(command, dir, "regular file");
  fs::remove(weights);
  write_text(weights, whole);

  const auto with_config = [&](const std::string& from, const std::string& to,
                               const std::string& words) {
    std::string text = config;
    text.replace(text.find(from), from.size(), to);
    write_text(dir + "/config.json", text);
    expect_refused(command, dir, words);
  };
  with_config("Qwen3ForCausalLM", "MambaForCausalLM", "Llama");
  with_config("\"hidden_size\": 128", "\"hidden_size\": -128", "hidden_size");
  with_config("\"hidden_size\": 128", "\"hidden_size\": 64", "");
  with_config("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4", "");
  with_config("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 2", "");
  with_config("{", "[", "");
  fs::remove(dir + "/config.json");
  expect_refused(command, "--model", "config.json");
}

}  // namespace
}  // namespace retort
