#pragma once
// Attributes of values: the methods of Python's strings, lists, tuples and dictionaries, a loop's
// members, a namespace's attributes.
#include "policy/chat_template/value.h"

#include <optional>
#include <string_view>

namespace retort::jinja {

// The attribute, or nothing where Python has none of this name. Methods that would change a list or
// a dictionary are there but undefined, as Jinja's sandbox has them.
std::optional<Value> python_attribute(const Value& value, std::string_view name);

}  // namespace retort::jinja
