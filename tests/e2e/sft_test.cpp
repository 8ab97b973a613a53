// Supervised fine-tuning as a user runs it: rows of every shape, masks, evaluation loss, resume.
#include "tests/e2e/program.h"
#include "tests/event_records.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>

namespace retort {
namespace {

namespace fs = std::filesystem;
using testing::file_text;
using testing::metrics_of;
using testing::ProgramResult;
using testing::run_retort;
using testing::TemporaryFolder;
using testing::write_text;

class Sft : public ::testing::Test {
 protected:
  // A configuration on the tiny base with a chat template of its own.
  void SetUp() override {
    model_ = folder_.path("model");
    fs::copy("configs/tiny_base", model_);
    set_template(
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% if m.role == 'assistant' %}"
        "{{ eos_token }}{% endif %}\n{% endfor %}{% if add_generation_prompt %}<assistant>"
        "{% endif %}");
  }
  void set_template(const std::string& text) const {
    write_text(model_ + "/chat_template.jinja", text);
  }
  void write_config(const std::string& more = "") const {
    write_text(folder_.path("sft.toml"),
               "[model]\npath = \"" + model_ + "\"\n[run]\ndevice = \"cpu\"\n[sft]\ndata = \"" +
                   folder_.path("rows.jsonl") + "\"\nsteps = 8\nsequences_per_step = 3\n" + more +
                   "[learner]\nlr = 1e-3\n");
  }
  ProgramResult run(const std::string& name, const std::string& more = "") const {
    return run_retort("sft '" + folder_.path("sft.toml") + "' --quiet --run '" +
                      folder_.path(name) + "' " + more);
  }
  void write_rows(const std::string& rows) const { write_text(folder_.path("rows.jsonl"), rows); }

  const TemporaryFolder folder_;
  std::string model_;
};

const std::string kTexts =
    "{\"prompt\": \"1+1=\", \"completion\": \"<answer>2</answer>\"}\n"
    "{\"prompt\": \"2+1=\", \"completion\": \"<answer>3</answer>\"}\n"
    "{\"prompt\": \"2+2=\", \"completion\": \"<answer>4</answer>\"}\n"
    "{\"prompt\": \"2+3=\", \"completion\": \"<answer>5</answer>\"}\n"
    "{\"prompt\": \"4+3=\", \"completion\": \"<answer>7</answer>\"}\n";
const std::string kChat =
    "{\"messages\": [{\"role\": \"user\", \"content\": \"1+1=\"}, {\"role\": \"assistant\", "
    "\"content\": \"2\"}, {\"role\": \"user\", \"content\": \"2+2=\"}, {\"role\": \"assistant\", "
    "\"content\": \"44\"}]}\n";

int64_t tokens_of_first_step(const std::string& run) {
  return metrics_of(run).at(0)["train/tokens"];
}

TEST_F(Sft, LearnsItsRowsAndLowersTheHeldOutLoss) {
  write_rows(kTexts);
  write_text(folder_.path("eval.jsonl"), kTexts);
  write_config("eval_data = \"" + folder_.path("eval.jsonl") + "\"\neval_every = 4\n");
  const ProgramResult result = run("run");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, folder_.path("run/checkpoints/step_8") + "\n");
  const std::vector<nlohmann::json> rows = metrics_of(folder_.path("run"));
  ASSERT_EQ(rows.size(), 9u);
  EXPECT_EQ(rows[0]["step"], 0);
  EXPECT_TRUE(rows[4].contains("val/loss"));
  EXPECT_LT(rows[8]["val/loss"], 0.7 * rows[0]["val/loss"].get<double>());
  EXPECT_FALSE(rows[3].contains("val/loss"));
}

TEST_F(Sft, TheLossIsOnTheAssistantsTokensAndItsEndOfText) {
  write_rows(kChat);
  write_config("sequences_per_step = 1\n");
  std::string text = file_text(folder_.path("sft.toml"));
  text.replace(text.find("sequences_per_step = 3\n"), 23, "");
  write_text(folder_.path("sft.toml"), text);
  ASSERT_EQ(run("prefixes").code, 0) << run("prefixes2").err;
  EXPECT_EQ(tokens_of_first_step(folder_.path("prefixes")), 5);  // 2 <eos> 4 4 <eos>

  set_template(
      "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}{% generation %}"
      "{{ m.content }}{{ eos_token }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}\n"
      "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}");
  ASSERT_EQ(run("spans").code, 0);
  EXPECT_EQ(file_text(folder_.path("spans/checkpoints/step_8/model.safetensors")),
            file_text(folder_.path("prefixes/checkpoints/step_8/model.safetensors")))
      << "the two ways to the mask must agree";

  // Of prompt and completion only the completion's messages have a loss.
  nlohmann::json messages = nlohmann::json::parse(kChat)["messages"];
  const nlohmann::json completion = {messages[3]};
  messages.erase(3);
  write_rows(nlohmann::json({{"prompt", messages}, {"completion", completion}}).dump() + "\n");
  ASSERT_EQ(run("completion").code, 0);
  EXPECT_EQ(tokens_of_first_step(folder_.path("completion")), 3);  // 4 4 <eos>
}

TEST_F(Sft, ToolCallsNeedNoContentAndNullIsNoColumn) {
  set_template(
      "{{ tools | length if tools else 0 }}{% for m in messages %}<{{ m.role }}>"
      "{% for call in m.tool_calls or [] %}{{ call.function.name }}{% endfor %}"
      "{{ m.content or '' }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}\n"
      "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}");
  write_config();
  const std::string user = "{\"role\":\"user\",\"content\":\"a\"}";
  const std::string call = "\"tool_calls\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]";
  const std::string rest =
      "{\"role\":\"tool\",\"content\":\"9\"},{\"role\":\"assistant\",\"content\":\"44\"}";
  const auto row = [&](const std::string& content, const std::string& more) {
    return "{\"messages\":[" + user + ",{\"role\":\"assistant\"," + content + call + "}," + rest +
           "]" + more + "}\n";
  };
  // f <eos> 4 4 <eos> of each; TRL's prompt and completion in the next file: 4 4 <eos>.
  const std::string tools = "[{\"name\":\"f\"}]";
  write_rows(row("", "") + row("\"content\":null,", ",\"prompt\":null,\"tools\":" + tools) +
             row("\"content\":\"\",", ",\"tools\":\"[{\\\"name\\\":\\\"f\\\"}]\""));
  const ProgramResult result = run("run");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(tokens_of_first_step(folder_.path("run")), 15);

  write_rows("{\"messages\":null,\"prompt\":[" + user + ",{\"role\":\"assistant\"," + call +
             "},{\"role\":\"tool\",\"content\":\"9\"}],\"completion\":[{\"role\":\"assistant\","
             "\"content\":\"44\"}]}\n");
  ASSERT_EQ(run("pair").code, 0) << run("again").err;
  EXPECT_EQ(tokens_of_first_step(folder_.path("pair")), 9);
}

TEST_F(Sft, ATemplateThatRewritesEarlierTurnsIsRefused) {
  set_template(
      "{% for m in messages %}{% if m.role == 'assistant' and not loop.last %}-{% else %}"
      "<{{ m.role }}>{{ m.content }}{% endif %}{% endfor %}"
      "{% if add_generation_prompt %}<assistant>{% endif %}");
  write_rows(kChat);
  write_config();
  const ProgramResult result = run("run");
  EXPECT_EQ(result.code, 2);
  EXPECT_NE(result.err.find("rows.jsonl:1: the template writes what stands before message"),
            std::string::npos)
      << result.err;
  EXPECT_FALSE(fs::exists(folder_.path("run")));
}

TEST_F(Sft, BrokenRowsAreNamedAndNothingIsWritten) {
  write_config();
  for (const auto& [row, what] : std::vector<std::pair<std::string, std::string>>{
           {"{\"prompt\": \"a\"}", "has neither"},
           {"{\"prompt\": \"a\", \"completion\": 3}", "neither two texts nor two lists"},
           {"{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}", "no token to learn from"},
           {"{\"messages\": []}", "no list of messages"},
           {"{\"messages\": null}", "no list of messages"},
           {"{\"messages\": [{\"role\": \"assistant\", \"content\": \"a\"}]}",
            "begins with the assistant"},
           {"{\"messages\": [{\"role\": \"user\", \"content\": null}]}", "message 1 has no text"},
           {"{\"messages\": [{\"role\": \"user\", \"content\": null, \"tool_calls\": []}]}",
            "message 1 has no text"},
           {"{\"prompt\": \"a\", \"completion\": \"b\", \"tools\": \"[\"}", "\"tools\" is no list"},
           {"{\"prompt\": \"a\", \"completion\": \"b\", \"completion\": \"c\"}",
            "the key \"completion\" stands twice"},
           {"{\"prompt\": \"a\", \"completion\": \"b\", \"x\": [{\"y\": 1, \"\\u0079\": 2}]}",
            "the key \"y\" stands twice"},
           {"[1]", "got an array"}}) {
    write_rows(kTexts + row + "\n");
    const ProgramResult result = run("run");
    EXPECT_EQ(result.code, 2) << row;
    EXPECT_NE(result.err.find("rows.jsonl:6"), std::string::npos) << result.err;
    EXPECT_NE(result.err.find(what), std::string::npos) << result.err;
    EXPECT_FALSE(fs::exists(folder_.path("run"))) << row;
  }
}

TEST_F(Sft, OverlongRowsAreAnErrorOrLeftOut) {
  write_rows(kTexts + "{\"prompt\": \"1\", \"completion\": \"" + std::string(400, '7') + "\"}\n");
  write_config("max_tokens = 60\n");
  EXPECT_EQ(run("run").code, 2);
  EXPECT_EQ(run("run", "--set sft.overlong_row=drop").code, 0);
}

TEST_F(Sft, ResumesWithTheSameBytesUnderTheSameConfigurationOnly) {
  write_rows(kTexts);
  write_config("save_every = 2\nkeep_last = 4\n");
  ASSERT_EQ(run("whole").code, 0);
  for (int kill = 0; kill < 6; ++kill) {
    const std::string name = "cut" + std::to_string(kill);
    const std::string prefix = "timeout -s KILL " + std::to_string(0.05 + 0.05 * kill);
    run_retort("sft '" + folder_.path("sft.toml") + "' --quiet --run '" + folder_.path(name) + "'",
               prefix);
    ASSERT_EQ(run(name, "--resume").code, 0);
    EXPECT_TRUE(file_text(folder_.path(name + "/checkpoints/step_8/trainer/state.safetensors")) ==
                file_text(folder_.path("whole/checkpoints/step_8/trainer/state.safetensors")));
    EXPECT_EQ(testing::deterministic_metrics(folder_.path(name)),
              testing::deterministic_metrics(folder_.path("whole")));
    EXPECT_EQ(tests::event_records(folder_.path(name)),
              static_cast<int64_t>(metrics_of(folder_.path(name)).size()) + 1);
  }
  fs::remove_all(folder_.path("whole/checkpoints/step_8"));
  const std::string before = file_text(folder_.path("cut0/checkpoints/step_8/model.safetensors"));
  ASSERT_EQ(run("whole", "--resume").code, 0);
  EXPECT_TRUE(file_text(folder_.path("whole/checkpoints/step_8/model.safetensors")) == before);
  EXPECT_EQ(run("whole").code, 2) << "an existing run is not begun again";
  const ProgramResult other = run("whole", "--resume --set learner.lr=2e-3");
  EXPECT_EQ(other.code, 2);
  EXPECT_NE(other.err.find("[learner.lr]"), std::string::npos) << other.err;
  // The same file with another answer in its last row: what was learned so far came of other rows.
  fs::remove_all(folder_.path("whole/checkpoints/step_8"));
  std::string rows = file_text(folder_.path("rows.jsonl"));
  rows[rows.rfind("7</answer>")] = '8';
  write_rows(rows);
  const ProgramResult changed = run("whole", "--resume");
  EXPECT_EQ(changed.code, 2);
  EXPECT_NE(changed.err.find("retort: [sft.data]: the rows of '"), std::string::npos)
      << changed.err;
  EXPECT_FALSE(fs::exists(folder_.path("whole/checkpoints/step_8")));
}

}  // namespace
}  // namespace retort
