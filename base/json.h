#pragma once
// JSON Lines in and out. nlohmann/json itself is included in .cpp files only.
#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace retort {

// Byte offset of the first byte that is not valid UTF-8 (overlong forms and surrogates are not), or
// npos.
size_t find_invalid_utf8(std::string_view text);

// Calls `row(object, place)` for each line of FILE ("-": standard input); place is "FILE:LINE", for
// errors about its content. Blank lines are passed over. UserError at FILE:LINE when a line is not
// valid UTF-8, is no JSON, or no JSON object; at FILE when it cannot be read.
using JsonRow = std::function<void(const nlohmann::json& object, const std::string& place)>;
void read_json_lines(const std::string& file, const JsonRow& row);

// The same over text in memory; `file` is only named.
void parse_json_lines(std::string_view text, const std::string& file, const JsonRow& row);

// A whole document. UserError at `file` (and line) when it is not JSON.
nlohmann::json parse_json(std::string_view text, const std::string& file);

// A string as a JSON literal, quotes included. `text` is valid UTF-8 (invalid bytes become U+FFFD).
std::string json_quote(std::string_view text);

// A member of a row, with errors at `place`: UserError when it is missing or of another type.
std::string json_text(const nlohmann::json& object, const char* key, const std::string& place);

}  // namespace retort
