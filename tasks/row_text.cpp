#include "tasks/row_text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace retort {
namespace {

// Walks valid JSON; never behind its end.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  // The next character that is no white space; '\0' at the end.
  char peek() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  void skip() { ++at_; }

  // A string with its quotes, or a number, true, false or null.
  std::string_view token() {
    const bool string = peek() == '"';
    const size_t begin = at_++;
    if (string) {
      while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
      ++at_;
    } else {
      while (at_ < text_.size() && !is_space(text_[at_]) && text_[at_] != ',' &&
             text_[at_] != ']' && text_[at_] != '}' && text_[at_] != ':')
        ++at_;
    }
    return text_.substr(begin, at_ - begin);
  }

  // A value of any kind, with what is inside.
  std::string_view value() {
    peek();
    const size_t begin = at_;
    size_t depth = 0;
    do {
      const char c = peek();
      if (c == '{' || c == '[') {
        ++depth;
        skip();
      } else if (c == '}' || c == ']') {
        --depth;
        skip();
      } else if (c == ',' || c == ':') {
        skip();
      } else {
        token();
      }
    } while (depth > 0 && at_ < text_.size());
    return text_.substr(begin, at_ - begin);
  }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

  std::string_view text_;
  size_t at_ = 0;
};

std::string decoded(std::string_view string) {
  if (string.find('\\') == std::string_view::npos)
    return std::string(string.substr(1, string.size() - 2));
  return nlohmann::json::parse(string).get<std::string>();
}

std::string canonical_string(std::string_view string) {
  if (string.find('\\') == std::string_view::npos) return std::string(string);
  return nlohmann::json::parse(string).dump();
}

void append_canonical(Cursor& cursor, std::string& out);

void append_object(Cursor& cursor, std::string& out) {
  std::vector<std::pair<std::string, std::string>> members;  // key, "key":value
  while (cursor.peek() != '}') {
    if (cursor.peek() == ',') {
      cursor.skip();
      continue;
    }
    const std::string_view key = cursor.token();
    std::string member = canonical_string(key) + ":";
    cursor.peek();
    cursor.skip();  // the colon
    append_canonical(cursor, member);
    members.emplace_back(decoded(key), std::move(member));
  }
  cursor.skip();
  std::sort(members.begin(), members.end());
  out += '{';
  for (size_t i = 0; i < members.size(); ++i) out += (i > 0 ? "," : "") + members[i].second;
  out += '}';
}

// Recurses once a level: rows are no deeper than kMaxRowDepth.
void append_canonical(Cursor& cursor, std::string& out) {
  const char first = cursor.peek();
  if (first == '{') {
    cursor.skip();
    append_object(cursor, out);
  } else if (first == '[') {
    cursor.skip();
    out += '[';
    for (char c = cursor.peek(); c != ']'; c = cursor.peek()) {
      if (c == ',') {
        cursor.skip();
        out += ',';
      } else {
        append_canonical(cursor, out);
      }
    }
    cursor.skip();
    out += ']';
  } else {
    const std::string_view token = cursor.token();
    out += first == '"' ? canonical_string(token) : std::string(token);
  }
}

}  // namespace

std::optional<RowFault> find_row_fault(std::string_view text) {
  Cursor cursor(text);
  std::vector<std::set<std::string>> keys;  // of each open object; an array's stays empty
  for (char c = cursor.peek(); c != '\0'; c = cursor.peek()) {
    if (c == '{' || c == '[') {
      if (keys.size() == kMaxRowDepth)
        return RowFault{"nested deeper than " + std::to_string(kMaxRowDepth) + " levels",
                        "write what is inside as a text"};
      keys.emplace_back();
      cursor.skip();
    } else if (c == '}' || c == ']') {
      keys.pop_back();
      cursor.skip();
    } else if (c == ',' || c == ':') {
      cursor.skip();
    } else {
      const std::string_view token = cursor.token();
      if (c == '"' && cursor.peek() == ':' && !keys.back().insert(decoded(token)).second)
        return RowFault{"the key " + std::string(token.substr(0, 200)) + " stands twice",
                        "write it once"};
    }
  }
  return std::nullopt;
}

std::vector<RowMember> row_members(std::string_view text) {
  Cursor cursor(text);
  std::vector<RowMember> members;
  if (cursor.peek() != '{') return members;
  cursor.skip();
  while (cursor.peek() != '}') {
    if (cursor.peek() == ',') {
      cursor.skip();
      continue;
    }
    const std::string_view key = cursor.token();
    cursor.peek();
    cursor.skip();  // the colon
    members.push_back({decoded(key), key, cursor.value()});
  }
  return members;
}

std::string canonical_json(std::string_view text) {
  Cursor cursor(text);
  std::string out;
  append_canonical(cursor, out);
  return out;
}

}  // namespace retort
