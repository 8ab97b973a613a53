#pragma once
// Filters: value|name(…).
#include "policy/chat_template/value.h"

#include <string_view>

namespace retort::jinja {

using Filter = Value (*)(Interpreter&, const Value&, const Arguments&);

bool is_filter(std::string_view name);

// TemplateFailure for an unknown name, naming the known ones.
Filter filter_called(std::string_view name);

// The filters that walk over sequences (sequence_filters.cpp): null when the name is none of
// theirs.
Filter sequence_filter_called(std::string_view name);
std::vector<std::string> sequence_filter_names();

}  // namespace retort::jinja
