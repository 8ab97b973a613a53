#include "policy/chat_template/chat_template.h"

#include "base/error.h"
#include "base/file.h"
#include "policy/chat_template/interpreter.h"
#include "policy/chat_template/json_text.h"
#include "policy/chat_template/lexer.h"
#include "policy/chat_template/parser.h"
#include "policy/tokenizer/json_node.h"
#include "policy/tokenizer/utf8.h"

#include <nlohmann/json.hpp>

#include <chrono>
#include <filesystem>
#include <utility>

namespace retort {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* kFix = "change the messages, or the template";

int64_t system_clock_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

json read_json_file(const std::string& path) {
  try {
    return json::parse(read_file(path));
  } catch (const json::parse_error& error) {
    throw UserError(path, "not valid JSON near byte " + std::to_string(error.byte),
                    "use the model's own file");
  }
}

// Tokens that have a name: "bos_token": "<s>" or {"content": "<s>", …}.
void add_special_tokens(const JsonNode& config, ordered_json* tokens) {
  for (const std::string& key : config.keys()) {
    const std::optional<JsonNode> value = config.optional_member(key);
    if (!value) continue;
    if (key == "extra_special_tokens" && value->is_object()) {
      for (const std::string& name : value->keys()) {
        const JsonNode token = value->member(name);
        (*tokens)[name] = token.is_object() ? token.member("content").text() : token.text();
      }
    }
    if (!key.ends_with("_token")) continue;
    if (value->is_string()) (*tokens)[key] = value->text();
    if (value->is_object()) (*tokens)[key] = value->member("content").text();
  }
}

jinja::Value value_of(const ordered_json& given, const std::string& place) {
  try {
    return jinja::from_json(given);
  } catch (const jinja::TemplateFailure& failure) {
    throw UserError(place, failure.what(), "correct it");
  }
}

}  // namespace

struct ChatTemplate::Source {
  std::string place;
  jinja::Block body;
};

void ChatTemplate::add(const std::string& name, const std::string& source,
                       const std::string& place) {
  if (const std::optional<size_t> at = first_invalid_byte(source)) {
    throw UserError(place, "not UTF-8 at byte " + std::to_string(*at), "convert it to UTF-8");
  }
  try {
    sources_[name] = std::make_shared<const Source>(Source{place, jinja::parse(source)});
  } catch (const jinja::SyntaxFailure& failure) {
    throw UserError(place + ", line " + std::to_string(failure.line), failure.text,
                    "correct the template");
  }
}

ChatTemplate ChatTemplate::from_text(const std::string& source, const std::string& place) {
  ChatTemplate made;
  made.place_ = place;
  made.special_tokens_ = std::make_shared<const ordered_json>(ordered_json::object());
  made.add("default", source, place);
  return made;
}

ChatTemplate ChatTemplate::from_model_dir(const std::string& dir, const std::string& file) {
  namespace fs = std::filesystem;
  ChatTemplate made;
  made.place_ = dir;
  const std::string config_path = dir + "/tokenizer_config.json";
  const json config = fs::exists(config_path) ? read_json_file(config_path) : json::object();
  const JsonNode node(config, config_path, "");

  const std::string own = dir + "/chat_template.jinja";
  if (!file.empty())
    made.add("default", read_file(file), file);
  else if (fs::exists(own))
    made.add("default", read_file(own), own);
  const fs::path more = fs::path(dir) / "additional_chat_templates";
  if (file.empty() && fs::is_directory(more)) {
    for (const fs::directory_entry& entry : fs::directory_iterator(more)) {
      if (entry.path().extension() != ".jinja") continue;
      made.add(entry.path().stem().string(), read_file(entry.path().string()),
               entry.path().string());
    }
  }
  const std::optional<JsonNode> inside = node.optional_member("chat_template");
  if (made.sources_.empty() && inside) {
    if (inside->is_string()) {
      made.add("default", inside->text(), inside->place());
    } else {
      for (const JsonNode& named : inside->elements()) {
        made.add(named.member("name").text(), named.member("template").text(), named.place());
      }
    }
  }
  if (made.sources_.empty()) {
    throw UserError(dir, "the model has no chat template",
                    "add chat_template.jinja, or give prompts as text");
  }

  ordered_json tokens = ordered_json::object();
  add_special_tokens(node, &tokens);
  const std::string map_path = dir + "/special_tokens_map.json";
  if (!node.optional_member("added_tokens_decoder") && fs::exists(map_path)) {
    const json map = read_json_file(map_path);
    add_special_tokens(JsonNode(map, map_path, ""), &tokens);
  }
  made.special_tokens_ = std::make_shared<const ordered_json>(std::move(tokens));
  return made;
}

const ChatTemplate::Source& ChatTemplate::source_for(bool has_tools) const {
  const auto tool_use = sources_.find("tool_use");
  if (has_tools && tool_use != sources_.end()) return *tool_use->second;
  const auto usual = sources_.find("default");
  if (usual != sources_.end()) return *usual->second;
  std::vector<std::string> names;
  for (const auto& [name, source] : sources_) names.push_back(name);
  throw UserError(place_, "none of the model's chat templates is the default",
                  "name one of them 'default': " + join(names));
}

RenderedChat ChatTemplate::render(const ordered_json& messages, const ordered_json& tools,
                                  bool add_generation_prompt, const ordered_json& variables) const {
  if (!messages.is_array() || messages.empty()) {
    throw UserError("messages", "not a list with at least one message",
                    "give [{\"role\": …, \"content\": …}]");
  }
  if (!tools.is_null() && !tools.is_array()) {
    throw UserError("tools", "not a list", "give a list of tool descriptions");
  }
  if (!variables.is_null() && !variables.is_object()) {
    throw UserError("variables", "not an object", "give names with their values");
  }
  jinja::Dict names;
  const auto set = [&](const std::string& name, jinja::Value value) {
    names.set(jinja::Value(name), std::move(value));
  };
  set("documents", jinja::Value(jinja::None()));
  for (const auto& [name, token] : special_tokens_->items()) set(name, value_of(token, name));
  if (variables.is_object()) {
    for (const auto& [name, value] : variables.items()) set(name, value_of(value, "variables"));
  }
  set("messages", value_of(messages, "messages"));
  set("tools", value_of(tools, "tools"));
  set("add_generation_prompt", jinja::Value(add_generation_prompt));

  const Source& source = source_for(!tools.is_null());
  jinja::Interpreter interpreter(source.body, names, now_unix_s_ ? now_unix_s_ : system_clock_s);
  RenderedChat rendered;
  try {
    rendered.text = interpreter.run(&rendered.generation_spans);
  } catch (const jinja::TemplateFailure& failure) {
    throw UserError(source.place + ", line " + std::to_string(interpreter.line()), failure.what(),
                    kFix);
  }
  return rendered;
}

}  // namespace retort
