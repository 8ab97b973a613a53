#pragma once
// One turn of a chat, as the templates and the rewards see it.
#include <string>

namespace retort {

struct Message {
  std::string role;     // "system", "user", "assistant", "tool"
  std::string content;  // UTF-8 text
  bool operator==(const Message&) const = default;
};

}  // namespace retort
