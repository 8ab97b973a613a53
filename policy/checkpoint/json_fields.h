#pragma once
// Typed reading of JSON files that people and other programs wrote: every value is checked for kind
// and range, and what is wrong becomes one UserError `FILE: 'KEY' is VALUE; FIX`.
#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

// What an explicit null means: as if the key were absent, or a mistake.
enum class Null { kRefused, kAbsent };

// One JSON object inside a file. Refers to the document: lives no longer than it.
class JsonFields {
 public:
  JsonFields(const nlohmann::json& object, std::string file, std::string prefix);

  bool has(std::string_view key) const;      // present and not null
  bool is_null(std::string_view key) const;  // present and null
  // The find_ functions give nothing when the key is absent.
  std::optional<int64_t> find_integer(std::string_view key, int64_t low, int64_t high,
                                      Null null = Null::kRefused) const;
  std::optional<double> find_number(std::string_view key,
                                    Null null = Null::kRefused) const;  // finite
  std::optional<bool> find_flag(std::string_view key) const;
  std::optional<std::string> find_text(std::string_view key, Null null = Null::kRefused) const;
  std::optional<std::vector<std::string>> find_texts(std::string_view key,
                                                     Null null = Null::kRefused) const;
  // A number or a list of numbers.
  std::optional<std::vector<int64_t>> find_integers(std::string_view key, int64_t low, int64_t high,
                                                    Null null = Null::kRefused) const;
  std::optional<JsonFields> find_object(std::string_view key, Null null = Null::kRefused) const;
  std::map<std::string, std::string> text_map(std::string_view key) const;  // UserError when absent

  bool empty() const;
  const std::string& file() const { return file_; }
  // UserError about the value of `key`: `FILE: 'PREFIX.KEY' is VALUE; FIX` ("is missing" when
  // absent).
  [[noreturn]] void fail(std::string_view key, const std::string& fix) const;

 private:
  const nlohmann::json* value(std::string_view key, Null null) const;
  std::string path_of(std::string_view key) const;

  const nlohmann::json* object_;
  std::string file_;
  std::string prefix_;
};

class JsonDocument {
 public:
  // UserError when the file cannot be read, is no JSON object, or nests deeper than kMaxDepth.
  static JsonDocument read(const std::string& path);
  static JsonDocument parse(const std::string& path, std::string_view text);
  ~JsonDocument();
  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;

  JsonFields fields() const;  // the outermost object
  const nlohmann::json& root() const { return *json_; }

  static constexpr int kMaxDepth = 64;

 private:
  JsonDocument(std::string path, std::unique_ptr<nlohmann::json> document);
  std::string path_;
  std::unique_ptr<nlohmann::json> json_;
};

}  // namespace retort
