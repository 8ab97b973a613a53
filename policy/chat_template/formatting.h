#pragma once
// Python's two ways of putting values into a text.
#include "policy/chat_template/value.h"

#include <string>
#include <string_view>

namespace retort::jinja {

// text % arguments: %s %r %d %i %f %e %g %x %X %o %c %% with flags, width and precision, and
// %(name)s.
std::string format_percent(std::string_view text, const Value& arguments);

// text.format(…): {} {0} {name} {name.attribute} {name[key]}, without format specifications.
std::string format_braces(std::string_view text, const Arguments& arguments);

}  // namespace retort::jinja
