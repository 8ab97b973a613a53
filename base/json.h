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

// Calls `row(object, place)` for each line of FILE ("-": standard input), members in the order of
// the file; place is "FILE:LINE", for errors about its content. Blank lines and a byte order mark
// before the first are passed over.
// UserError at FILE:LINE when a line is not valid UTF-8, is no JSON, no JSON object, nested beyond
// 1000 levels, has a key twice in one object, or has a whole number beyond 64 bits, which the
// object would hold rounded; at FILE when it cannot be read or has no row.
using JsonRow = std::function<void(const nlohmann::ordered_json& object, const std::string& place)>;
void read_json_lines(const std::string& file, const JsonRow& row);
// `at_rest()` is called whenever the writer of FILE pauses (LineReader in base/file.h).
void read_json_lines(const std::string& file, const JsonRow& row,
                     const std::function<void()>& at_rest);

// The same with the text of the line as it stands in the file, without its line feed. Whole numbers
// beyond 64 bits are the caller's to read from it.
using JsonLine = std::function<void(const nlohmann::ordered_json& object, std::string_view line,
                                    const std::string& place)>;
void read_json_lines(const std::string& file, const JsonLine& row);

// The same over text in memory; `file` is only named, and no row is no error.
void parse_json_lines(std::string_view text, const std::string& file, const JsonRow& row);
void parse_json_lines(std::string_view text, const std::string& file, const JsonLine& row);

// A string as a JSON literal, quotes included. `text` is valid UTF-8 (invalid bytes become U+FFFD).
std::string json_quote(std::string_view text);

}  // namespace retort
