#pragma once
// Second step of reading a template: from tokens to a tree.
#include "policy/chat_template/ast.h"

#include <string_view>

namespace retort::jinja {

// SyntaxFailure for what the language does not allow, and for the tags that reach outside of one
// template (extends, block, include, import, from, autoescape): they are not supported.
Block parse(std::string_view source);

}  // namespace retort::jinja
