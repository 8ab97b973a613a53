#pragma once
// Functions that every template has: range, namespace, dict, cycler, joiner, raise_exception,
// strftime_now.
#include "policy/chat_template/value.h"

#include <string_view>

namespace retort::jinja {

// Undefined when there is none of this name.
Value built_in_function(std::string_view name);

}  // namespace retort::jinja
