#pragma once
// JSON to values and back.
#include "policy/chat_template/value.h"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace retort::jinja {

struct JsonStyle {
  bool ensure_ascii = false;
  std::string indent;  // of one level; used when `is_indented`
  bool is_indented = false;
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool sort_keys = false;
};

// As Python's json.dumps writes it. TemplateFailure for values that JSON does not have.
std::string to_json(const Value& value, const JsonStyle& style);

// Objects keep their order. TemplateFailure for a whole number beyond 64 bits.
Value from_json(const nlohmann::ordered_json& json);

}  // namespace retort::jinja
