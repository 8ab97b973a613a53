#include "tools/retort/messages.h"

#include "base/error.h"

#include <nlohmann/json.hpp>

namespace retort {

using Json = nlohmann::ordered_json;

std::vector<Message> messages_from_json(const Json& json, const std::string& place) {
  const std::string fix = "write [{\"role\": \"user\", \"content\": \"…\"}]";
  if (!json.is_array() || json.empty())
    throw UserError(place, "\"messages\" is no list of messages", fix);
  std::vector<Message> messages;
  for (const Json& message : json) {
    if (!message.is_object() || !message.contains("role") || !message["role"].is_string() ||
        !message.contains("content") || !message["content"].is_string())
      throw UserError(place,
                      "message " + std::to_string(messages.size() + 1) +
                          " has no text \"role\" and \"content\"",
                      fix);
    messages.push_back({message["role"].get<std::string>(), message["content"].get<std::string>()});
  }
  return messages;
}

const Json& value_of(const Json& row, const std::string& key) {
  static const Json kNone;
  const auto at = row.find(key);
  return at == row.end() ? kNone : *at;
}

const Json& checked_messages(const Json& messages, const std::string& place) {
  Json checked = messages;
  if (checked.is_array())
    for (Json& message : checked) {
      const bool calls = message.is_object() && value_of(message, "tool_calls").is_array() &&
                         !message["tool_calls"].empty();
      if (calls && value_of(message, "content").is_null()) message["content"] = "";
    }
  messages_from_json(checked, place);
  return messages;
}

Json tools_of(const Json& row, const std::string& place) {
  const Json& tools = value_of(row, "tools");
  const Json list = tools.is_string()
                        ? Json::parse(tools.get<std::string>(), nullptr, /*allow_exceptions=*/false)
                        : tools;
  if (!list.is_null() && !list.is_array())
    throw UserError(place, "\"tools\" is no list",
                    "give a list of tool descriptions, or the same as a text of JSON");
  return list;
}

}  // namespace retort
