#include "base/json.h"

#include "base/error.h"
#include "base/file.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <set>
#include <vector>

namespace retort {
namespace {

using json = nlohmann::ordered_json;

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// What the library says, without its own prefix "[json.exception.parse_error.101] ".
std::string reason(const json::exception& error) {
  std::string text = error.what();
  const size_t prefix_end = text.find("] ");
  if (prefix_end != std::string::npos) text.erase(0, prefix_end + 2);
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

const char* type_of(const json& value) {
  switch (value.type()) {
    case json::value_t::null:
      return "null";
    case json::value_t::boolean:
      return "a boolean";
    case json::value_t::string:
      return "a string";
    case json::value_t::array:
      return "an array";
    case json::value_t::object:
      return "an object";
    default:
      return "a number";
  }
}

constexpr int kMaxDepth = 1000;  // lists and objects inside each other

// What a document tree cannot hold. Found in valid JSON.
struct Excess {
  std::string_view number;   // a whole number beyond 64 bits, which becomes a rounded float
  bool is_too_deep = false;  // copying the tree would overflow the stack
};

Excess find_excess(std::string_view text) {
  Excess excess;
  int depth = 0;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i) i += text[i] == '\\';
      ++i;
    } else if (c == '-' || (c >= '0' && c <= '9')) {
      const size_t end = std::min(text.find_first_not_of("+-.eE0123456789", i), text.size());
      const std::string_view number = text.substr(i, end - i);
      i = end;
      if (number.find_first_of(".eE") != std::string_view::npos) continue;
      int64_t whole = 0;
      uint64_t natural = 0;
      const char* const first = number.data();
      const char* const last = first + number.size();
      if (std::from_chars(first, last, whole).ec != std::errc() &&
          std::from_chars(first, last, natural).ec != std::errc())
        excess.number = number;
    } else {
      if (c == '[' || c == '{') ++depth;
      if (c == ']' || c == '}') --depth;
      if (depth > kMaxDepth) excess.is_too_deep = true;
      ++i;
    }
  }
  return excess;
}

// Parses; UserError at `place` for a key that stands twice in one object, of which a tree would
// keep only one.
json parse_once(std::string_view text, const std::string& place) {
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto check = [&](int, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key &&
        !keys.back().insert(value.get_ref<const std::string&>()).second) {
      const std::string key = value.get<std::string>().substr(0, 200);
      throw UserError(place, "the key " + json_quote(key) + " stands twice", "write it once");
    }
    return true;
  };
  return json::parse(text, check);
}

// The row without its line: what the tree holds is all that it learns.
JsonLine whole_numbers_only(const JsonRow& row) {
  return [&row](const json& object, std::string_view line, const std::string& place) {
    if (const Excess excess = find_excess(line); !excess.number.empty())
      throw UserError(place, "the number " + std::string(excess.number) + " leaves 64 bits",
                      "write it as a string");
    row(object, place);
  };
}

// One line without its line feed.
void parse_line(std::string_view line, uint64_t number, const std::string& file,
                const JsonLine& row) {
  if (number == 1 && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
  const std::string place = file + ":" + std::to_string(number);
  const size_t invalid = find_invalid_utf8(line);
  if (invalid != std::string_view::npos)
    throw UserError(place,
                    "byte " + std::to_string(invalid + 1) + " of the line is not valid UTF-8",
                    "write the file as UTF-8");
  json object;
  try {
    object = parse_once(line, place);
  } catch (const json::exception& error) {
    throw UserError(place, "not a JSON object: " + reason(error), "write one JSON object a line");
  }
  if (find_excess(line).is_too_deep)
    throw UserError(place, "nested deeper than " + std::to_string(kMaxDepth) + " levels",
                    "write what is inside as a text");
  if (!object.is_object())
    throw UserError(place, std::string("got ") + type_of(object), "write one JSON object a line");
  row(object, line, place);
}

void read_lines(const std::string& file, const JsonLine& row,
                const std::function<void()>& at_rest) {
  const std::string name = file == "-" ? "standard input" : file;
  bool empty = true;
  const JsonLine seen = [&](const json& object, std::string_view line, const std::string& place) {
    empty = false;
    row(object, line, place);
  };
  LineReader reader(file, at_rest);
  std::string line;
  for (uint64_t number = 1; reader.next(line); ++number) parse_line(line, number, name, seen);
  if (empty) throw UserError(name, "has no rows", "write one JSON object a line");
}

}  // namespace

size_t find_invalid_utf8(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  for (size_t i = 0; i < text.size();) {
    const unsigned char lead = byte(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    // Unicode standard, table 3-7: length and the range of the second byte follow from the first.
    size_t length = 0;
    unsigned char low = 0x80, high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) {
      length = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
      length = 3;
      if (lead == 0xe0) low = 0xa0;
      if (lead == 0xed) high = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
      length = 4;
      if (lead == 0xf0) low = 0x90;
      if (lead == 0xf4) high = 0x8f;
    }
    if (length == 0 || i + length > text.size()) return i;
    if (byte(i + 1) < low || byte(i + 1) > high) return i;
    for (size_t k = 2; k < length; ++k)
      if (byte(i + k) < 0x80 || byte(i + k) > 0xbf) return i;
    i += length;
  }
  return std::string_view::npos;
}

void parse_json_lines(std::string_view text, const std::string& file, const JsonLine& row) {
  uint64_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    parse_line(text.substr(begin, end - begin), ++number, file, row);
    begin = end + 1;
  }
}

void parse_json_lines(std::string_view text, const std::string& file, const JsonRow& row) {
  parse_json_lines(text, file, whole_numbers_only(row));
}

void read_json_lines(const std::string& file, const JsonLine& row) { read_lines(file, row, {}); }

void read_json_lines(const std::string& file, const JsonRow& row) {
  read_lines(file, whole_numbers_only(row), {});
}

void read_json_lines(const std::string& file, const JsonRow& row,
                     const std::function<void()>& at_rest) {
  read_lines(file, whole_numbers_only(row), at_rest);
}

std::string json_quote(std::string_view text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace retort
