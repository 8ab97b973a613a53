// Chats rendered as Transformers renders them, as recorded by make_chat_fixtures.py.
#include "base/error.h"
#include "policy/chat_template/chat_template.h"
#include "policy/tokenizer/tokenizer.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): setenv
#include <time.h>    // NOLINT(modernize-deprecated-headers): tzset

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace retort {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

constexpr const char* kFixtures = "tests/parity/chat";
constexpr const char* kAllTemplates = ".retort/parity/chat";

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path << ": run from the root of the sources";
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string digest(const std::optional<RenderedChat>& rendered) {
  if (!rendered) return std::string(10, '-');
  std::string lines = rendered->text + "\n";
  for (const TextRange& span : rendered->generation_spans) {
    lines += (lines.ends_with('\n') && lines.size() == rendered->text.size() + 1 ? "" : ",") +
             std::to_string(span.begin) + "-" + std::to_string(span.end);
  }
  uint64_t value = 0xCBF29CE484222325U;
  for (const char c : lines) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  std::string hex(10, '0');
  std::snprintf(hex.data(), hex.size() + 1, "%010llx",
                static_cast<unsigned long long>(value >> 24));
  return hex;
}

class ChatTemplateParity : public testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    tzset();
  }

  ChatTemplate make(const std::string& source, const json& cases) {
    ChatTemplate made = ChatTemplate::from_text(source, "template");
    made.set_clock([now = cases["now"].get<int64_t>()] { return now; });
    return made;
  }

  json variables(const json& cases, size_t index) {
    json merged = cases["tokens"];
    merged.update(cases["variables"][index]);
    return merged;
  }

  // Nothing when the template refuses.
  std::optional<RenderedChat> render(const ChatTemplate& chat, const json& messages,
                                     const json& tools, bool add_generation_prompt,
                                     const json& given) {
    try {
      return chat.render(messages, tools, add_generation_prompt, given);
    } catch (const UserError& error) {
      refusal_ = error.what();
      return std::nullopt;
    }
  }

  void compare_templates(const fs::path& dir) {
    const json cases = json::parse(read(dir / "cases.json"));
    const json all_tools[] = {json(), cases["tools"], json::array()};
    for (const auto& [name, expected] : cases["templates"].items()) {
      SCOPED_TRACE(name);
      const ChatTemplate chat = make(read(dir / "templates" / (name + ".jinja")), cases);
      const std::string digests = expected["digests"];
      ASSERT_EQ(digests.size(), cases["chats"].size() * 6 * cases["variables"].size() * 10);
      size_t at = 0;
      size_t differing = 0;
      for (const json& messages : cases["chats"]) {
        for (const json& tools : all_tools) {
          for (const bool prompt : {false, true}) {
            for (size_t v = 0; v < cases["variables"].size(); ++v, at += 10) {
              const auto rendered = render(chat, messages, tools, prompt, variables(cases, v));
              if (digest(rendered) == digests.substr(at, 10)) continue;
              if (++differing > 3) continue;
              ADD_FAILURE() << messages.dump() << "\n"
                            << (rendered ? rendered->text : "refused: " + refusal_);
            }
          }
        }
      }
      EXPECT_EQ(differing, 0U);
      for (const json& sample : expected["texts"]) {
        const auto rendered =
            render(chat, cases["chats"][sample[0].get<size_t>()],
                   sample[1].get<bool>() ? cases["tools"] : json(), true, cases["tokens"]);
        EXPECT_EQ(rendered ? json(rendered->text) : json(), sample[2]);
      }
    }
  }

  std::string refusal_;
};

TEST_F(ChatTemplateParity, ModelsTemplates) { compare_templates(kFixtures); }

TEST_F(ChatTemplateParity, TemplatesOfManyModels) {
  if (!fs::exists(kAllTemplates)) {
    GTEST_SKIP() << "make_chat_fixtures.py --full writes " << kAllTemplates;
  }
  compare_templates(kAllTemplates);
}

TEST_F(ChatTemplateParity, PiecesOfTheLanguage) {
  const json cases = json::parse(read(fs::path(kFixtures) / "cases.json"));
  ASSERT_GE(cases["snippets"].size(), 150U);
  for (const json& row : cases["snippets"]) {
    const std::string source = row[0];
    std::optional<RenderedChat> rendered;
    try {
      rendered = render(make(source, cases), cases["chats"][2], json(), false, cases["tokens"]);
    } catch (const UserError& error) {  // cannot be read
      refusal_ = error.what();
    }
    if (row[1].is_null()) {
      EXPECT_FALSE(rendered) << source << "\ngives " << rendered->text;
      EXPECT_NE(refusal_.find("template, line "), std::string::npos) << refusal_;
      continue;
    }
    ASSERT_TRUE(rendered) << source << "\nrefused: " << refusal_;
    EXPECT_EQ(rendered->text, row[1][0].get<std::string>()) << source;
    json spans = json::array();
    for (const TextRange& span : rendered->generation_spans)
      spans.push_back({span.begin, span.end});
    EXPECT_EQ(spans, row[1][1]) << source;
  }
}

TEST_F(ChatTemplateParity, MasksOfAssistantTokens) {
  const json cases = json::parse(read(fs::path(kFixtures) / "cases.json"));
  const Tokenizer tokenizer = Tokenizer::from_file("tests/parity/tokenizer/gpt2.json");
  ASSERT_GE(cases["masks"].size(), 2U);
  for (const auto& [name, rows] : cases["masks"].items()) {
    const ChatTemplate chat =
        make(read(fs::path(kFixtures) / "templates" / (name + ".jinja")), cases);
    for (const json& row : rows) {
      const RenderedChat rendered =
          chat.render(cases["chats"][row[0].get<size_t>()], json(), false, cases["mask_tokens"]);
      const Encoding encoding = tokenizer.encode_tracked(rendered.text, false);
      EXPECT_EQ(json(encoding.ids), row[1]);
      std::string mask;
      for (const uint8_t is_assistant :
           mask_of_ranges(encoding, rendered.text, rendered.generation_spans)) {
        mask += static_cast<char>('0' + is_assistant);
      }
      EXPECT_EQ(mask, row[2].get<std::string>()) << name << ": " << rendered.text;
      EXPECT_NE(mask.find('1'), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace retort
