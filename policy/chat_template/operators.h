#pragma once
// Arithmetic and subscripts with Python's meaning.
#include "policy/chat_template/value.h"

#include <string_view>

namespace retort::jinja {

// + - * / // % **. Also: + joins strings and lists, * repeats them, % formats a string.
Value arithmetic(std::string_view symbol, const Value& left, const Value& right);
Value negative(const Value& value);
Value positive(const Value& value);

// One of == != < <= > >= in notin.
bool compare(std::string_view symbol, const Value& left, const Value& right);

// value[from:to:step]; none stands for those left out. Fails when the value cannot be sliced.
Value slice(const Value& value, const Value& from, const Value& to, const Value& step);

// value[key], else, for a string key, value.key; undefined when there is neither.
Value item(const Value& value, const Value& key);

// value.name: a method or attribute, else value["name"]; undefined when there is neither.
Value attribute(const Value& value, std::string_view name);

}  // namespace retort::jinja
