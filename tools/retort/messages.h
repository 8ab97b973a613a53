#pragma once
// The "messages" and "tools" of a row.
#include "base/record/message.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace retort {

// [{"role", "content"}, …], at least one; UserError at `place` otherwise.
std::vector<Message> messages_from_json(const nlohmann::ordered_json& json,
                                        const std::string& place);

// The value under `key`; null when there is none. (Where a file holds rows of several kinds, tables
// of columns write null for the others'.)
const nlohmann::ordered_json& value_of(const nlohmann::ordered_json& row, const std::string& key);

// `messages`, when it is a list of messages; its further keys are the template's. A message that
// calls tools may be without a content, or have null there. UserError at `place` otherwise.
const nlohmann::ordered_json& checked_messages(const nlohmann::ordered_json& messages,
                                               const std::string& place);

// The tools of a row, which TRL's rows may hold as a text of JSON; null when there are none.
nlohmann::ordered_json tools_of(const nlohmann::ordered_json& row, const std::string& place);

}  // namespace retort
