#pragma once
// The "messages" of a row as records.
#include "base/record/message.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace retort {

// [{"role", "content"}, …], at least one; UserError at `place` otherwise.
std::vector<Message> messages_from_json(const nlohmann::ordered_json& json,
                                        const std::string& place);

}  // namespace retort
