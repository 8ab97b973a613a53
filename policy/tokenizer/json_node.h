#pragma once
// A value of a JSON file together with its place, so that every complaint names the file and the
// key.
#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

// Refers to a value that must outlive it.
class JsonNode {
 public:
  // `path` is "" for the whole file.
  JsonNode(const nlohmann::json& value, std::string file, std::string path);

  // "FILE: a.b[2]", the place of a UserError.
  std::string place() const;
  [[noreturn]] void fail(const std::string& what, const std::string& fix) const;

  bool is_string() const;
  bool is_object() const;
  bool is_array() const;

  // UserError when the member is missing (or null, for `member`), or the value of another type.
  JsonNode member(std::string_view key) const;
  std::optional<JsonNode> optional_member(std::string_view key) const;  // nothing also for null
  std::vector<JsonNode> elements() const;
  std::vector<std::string> keys() const;  // ascending
  std::string text() const;
  std::string nonempty_text() const;
  bool boolean() const;
  int64_t integer(int64_t at_least, int64_t at_most) const;
  double number() const;

  std::string text_or(std::string_view key, const std::string& fallback) const;
  bool boolean_or(std::string_view key, bool fallback) const;

 private:
  const nlohmann::json* value_;
  std::string file_;
  std::string path_;
};

}  // namespace retort
