#include "tools/retort/messages.h"

#include "base/error.h"

#include <nlohmann/json.hpp>

namespace retort {

std::vector<Message> messages_from_json(const nlohmann::ordered_json& json,
                                        const std::string& place) {
  const std::string fix = "write [{\"role\": \"user\", \"content\": \"…\"}]";
  if (!json.is_array() || json.empty())
    throw UserError(place, "\"messages\" is no list of messages", fix);
  std::vector<Message> messages;
  for (const nlohmann::ordered_json& message : json) {
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

}  // namespace retort
