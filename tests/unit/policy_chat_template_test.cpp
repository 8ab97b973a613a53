// Where chat templates come from, what they may do, and what is said when they go wrong.
#include "base/error.h"
#include "policy/chat_template/chat_template.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <string>

namespace retort {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

const json kMessages = json::array({{{"role", "user"}, {"content", "Hi"}}});

std::string render(const std::string& source, const json& variables = json()) {
  return ChatTemplate::from_text(source, "T").render(kMessages, json(), true, variables).text;
}

std::string complaint(const std::string& source) {
  try {
    return "rendered: " + render(source);
  } catch (const UserError& error) {
    return error.what();
  }
}

class ModelDir {
 public:
  ModelDir() : path_(fs::path(testing::TempDir()) / "retort_chat_template") {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~ModelDir() { fs::remove_all(path_); }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

std::string render(const ModelDir& dir, const json& tools = json()) {
  return ChatTemplate::from_model_dir(dir.path()).render(kMessages, tools, false, json()).text;
}

TEST(ChatTemplate, ErrorsNameTheLine) {
  EXPECT_EQ(complaint("a\n{% if %}").find("T, line 2: expected an expression"), 0U);
  EXPECT_EQ(complaint("a\nb {{ 'x' | shout }}").find("T, line 2: no filter named 'shout'"), 0U);
  EXPECT_EQ(complaint("{{ x.y }}").find("T, line 1: 'x' is undefined"), 0U);
  EXPECT_EQ(complaint("\n\n{{ raise_exception('no system role') }}")
                .find("T, line 3: the template says: no system role"),
            0U);
  EXPECT_EQ(complaint("{% extends 'base' %}").find("T, line 1: unknown tag 'extends'"), 0U);
  // Inside a macro the line is the macro's; behind the call it is the call's again.
  EXPECT_EQ(complaint("{% macro m() %}\n{{ 1 / 0 }}{% endmacro %}\n{{ m() }}").find("T, line 2:"),
            0U);
  EXPECT_EQ(complaint("{% macro m() %}\nx{% endmacro %}\n{{ m() + 1 }}").find("T, line 3:"), 0U);
}

TEST(ChatTemplate, EndlessTemplatesEnd) {
  EXPECT_NE(complaint("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}").find("too deep"),
            std::string::npos);
  EXPECT_NE(
      complaint("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}")
          .find("5 million steps"),
      std::string::npos);
  EXPECT_NE(complaint("{% set ns = namespace(x='ab') %}{% for i in range(99) %}"
                      "{% set ns.x = ns.x ~ ns.x %}{% endfor %}")
                .find("64 MiB"),
            std::string::npos);
  EXPECT_NE(complaint("{{ 'x' * 10000000000 }}").find("64 MiB"), std::string::npos);
  EXPECT_NE(complaint("{{ [0] * 10000000000 }}").find("million items"), std::string::npos);
  EXPECT_NE(complaint("{{ ('a' * 60000000) | replace('a', 'bcd') }}").find("64 MiB"),
            std::string::npos);
  EXPECT_NE(complaint("{{ " + std::string(5000, '(') + "1" + std::string(5000, ')') + " }}")
                .find("nested too deeply"),
            std::string::npos);
  EXPECT_NE(complaint("{{ " + std::string(5000, '-') + "1 }}").find("nested too deeply"),
            std::string::npos);
}

// Values that a template puts inside each other end with a message, not with the stack: by lists,
// tuples, dictionaries, namespaces, generators and cyclers.
TEST(ChatTemplate, ValuesThatNestWithoutEndAreRefused) {
  const auto nested = [](const std::string& times, const std::string& around) {
    return "{% set ns = namespace(x=[]) %}{% for i in range(" + times + ") %}" + around +
           "{% endfor %}{{ ns.x is defined }}";
  };
  for (const char* around :
       {"{% set ns.x = [ns.x] %}", "{% set ns.x = (ns.x,) %}", "{% set ns.x = {'a': ns.x} %}",
        "{% set ns.x = namespace(y=ns.x) %}",
        "{% set other = namespace() %}{% set other.y = ns.x %}{% set ns.x = other %}",
        "{% set ns.x = ns.x | map('upper') %}", "{% set ns.x = [1] | map(default=ns.x) %}",
        "{% set ns.x = cycler(ns.x) %}"}) {
    EXPECT_NE(complaint(nested("100000", around)).find("nested too deeply"), std::string::npos)
        << around << complaint(nested("100000", around));
    EXPECT_TRUE(complaint(nested("50", around)).starts_with("rendered: ")) << around;
  }
}

TEST(ChatTemplate, UniqueRefusesWhatHasNoHash) {
  EXPECT_NE(complaint("{{ [{'a': 1}, {'a': 1}] | unique | list }}").find("unhashable type: 'dict'"),
            std::string::npos);
  EXPECT_NE(complaint("{{ [[1], [1]] | unique | list }}").find("unhashable type: 'list'"),
            std::string::npos);
  EXPECT_EQ(complaint("{{ [(1, 2), (1, 2)] | unique | list }}"), "rendered: [(1, 2)]");
}

std::string repeated(size_t times, const std::string& part) {
  std::string text;
  for (size_t i = 0; i < times; ++i) text += part;
  return text;
}

TEST(ChatTemplate, LongChainsEnd) {
  EXPECT_EQ(render("{{ 1" + repeated(150, " + 1") + " }}"), "151");
  for (const char* link : {" + 1", " | abs", ".a", "[0]", " or 0", " * 1", "()"}) {
    EXPECT_NE(complaint("{{ 0" + repeated(50'000, link) + " }}").find("is too long"),
              std::string::npos)
        << link;
    EXPECT_NE(complaint("{{ 0" + repeated(3000, link) + " }}").find("too deep inside each other"),
              std::string::npos)
        << link;
  }
  // Long chains inside of macros that call themselves.
  EXPECT_NE(complaint("{% macro m() %}{{ m()" + repeated(300, " ~ '' | trim") +
                      repeated(300, "|trim") + " }}{% endmacro %}{{ m() }}")
                .find("too deep"),
            std::string::npos);
}

TEST(ChatTemplate, DeepInputIsRefused) {
  const auto nested = [](size_t depth) {
    return json::parse("{\"x\": " + std::string(depth, '[') + std::string(depth, ']') + "}");
  };
  EXPECT_EQ(render("{{ x | length }}", nested(400)), "1");
  EXPECT_THROW(render("{{ x | length }}", nested(600)), UserError);
}

TEST(ChatTemplate, VariablesGoBeforeSpecialTokens) {
  const ModelDir dir;
  dir.write("chat_template.jinja", "{{ bos_token }}{{ eos_token }}{{ image_token }}{{ nothing }}");
  dir.write("tokenizer_config.json",
            R"({"bos_token": "<s>", "eos_token": {"content": "</s>", "special": true},
                "pad_token": null, "add_bos_token": true, "image_token": "<i>",
                "chat_template": "not this one"})");
  dir.write("special_tokens_map.json", R"({"eos_token": "<end>"})");
  EXPECT_EQ(render(dir), "<s><end><i>");
  const ChatTemplate chat = ChatTemplate::from_model_dir(dir.path());
  EXPECT_EQ(chat.render(kMessages, json(), false, {{"bos_token", "B"}}).text, "B<end><i>");
}

TEST(ChatTemplate, SpecialTokensMapIsOldOnly) {
  const ModelDir dir;
  dir.write(
      "tokenizer_config.json",
      R"({"eos_token": "</s>", "added_tokens_decoder": {}, "chat_template": "{{ eos_token }}"})");
  dir.write("special_tokens_map.json", R"({"eos_token": "<end>"})");
  EXPECT_EQ(render(dir), "</s>");
}

TEST(ChatTemplate, ToolsChooseANamedTemplate) {
  const ModelDir dir;
  dir.write("tokenizer_config.json",
            R"({"chat_template": [{"name": "default", "template": "plain"},
                                  {"name": "tool_use", "template": "tools {{ tools | length }}"}]})");
  EXPECT_EQ(render(dir), "plain");
  EXPECT_EQ(render(dir, json::array({json::object()})), "tools 1");
  dir.write("chat_template.jinja", "file");
  dir.write("additional_chat_templates/tool_use.jinja", "file with tools");
  EXPECT_EQ(render(dir), "file");
  EXPECT_EQ(render(dir, json::array()), "file with tools");
}

TEST(ChatTemplate, MissingAndBrokenFilesAreNamed) {
  const ModelDir dir;
  const auto said = [&] {
    try {
      ChatTemplate::from_model_dir(dir.path());
      return std::string("read");
    } catch (const UserError& error) {
      return std::string(error.what());
    }
  };
  EXPECT_NE(said().find("the model has no chat template"), std::string::npos);
  dir.write("tokenizer_config.json", "{\"chat_template\": 5}");
  EXPECT_NE(said().find("tokenizer_config.json: chat_template"), std::string::npos);
  dir.write("tokenizer_config.json", "{\"chat_template\": \"{% if %}\"}");
  EXPECT_NE(said().find("tokenizer_config.json: chat_template, line 1"), std::string::npos);
  dir.write("tokenizer_config.json", "{\"chat_template\"");
  EXPECT_NE(said().find("tokenizer_config.json: not valid JSON"), std::string::npos);
  dir.write("chat_template.jinja", "\xFF");
  dir.write("tokenizer_config.json", "{}");
  EXPECT_NE(said().find("chat_template.jinja: not UTF-8 at byte 0"), std::string::npos);
}

TEST(ChatTemplate, InputOfTheWrongShapeIsRefused) {
  const ChatTemplate chat = ChatTemplate::from_text("{{ messages }}", "T");
  EXPECT_THROW(chat.render(json::array(), json(), true, json()), UserError);
  EXPECT_THROW(chat.render(json::object(), json(), true, json()), UserError);
  EXPECT_THROW(chat.render(kMessages, json("x"), true, json()), UserError);
  EXPECT_THROW(chat.render(kMessages, json(), true, json::array()), UserError);
  EXPECT_THROW(chat.render(kMessages, json(), true, {{"n", 18446744073709551615U}}), UserError);
}

TEST(ChatTemplate, ScopesAreThoseOfJinja) {
  EXPECT_EQ(render("{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{% endfor %}{{ x }}"), "1");
  EXPECT_EQ(render("{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}"), "2");
  EXPECT_EQ(render("{% set f = namespace() %}{% for i in [1] %}{% macro m() %}x{% endmacro %}"
                   "{{ m() }}{% endfor %}"),
            "x");
}

TEST(ChatTemplate, ARangeIsInBytesOfTheText) {
  const RenderedChat rendered =
      ChatTemplate::from_text("é{% generation %}日{{ messages[0].content }}{% endgeneration %}.",
                              "T")
          .render(kMessages, json(), false, json());
  ASSERT_EQ(rendered.generation_spans.size(), 1U);
  const TextRange span = rendered.generation_spans[0];
  EXPECT_EQ(rendered.text.substr(span.begin, span.end - span.begin), "日Hi");
}

}  // namespace
}  // namespace retort
