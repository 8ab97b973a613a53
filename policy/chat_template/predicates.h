#pragma once
// Tests: value is name(…).
#include "policy/chat_template/value.h"

#include <string_view>

namespace retort::jinja {

using Predicate = bool (*)(const Value&, const Arguments&);

bool is_predicate(std::string_view name);

// TemplateFailure for an unknown name, naming the known ones.
Predicate predicate_called(std::string_view name);

}  // namespace retort::jinja
