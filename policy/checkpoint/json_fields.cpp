#include "policy/checkpoint/json_fields.h"

#include "base/error.h"
#include "base/file.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace retort {

namespace {

using nlohmann::json;

// The parser builds without recursion, but documents are copied and printed with it.
bool nests_deeper_than(std::string_view text, int limit) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > limit) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

std::string shown(const json& value) {
  constexpr size_t kLongest = 60;
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true);
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "…";
  return text;
}

std::optional<int64_t> integer_within(const json& value, int64_t low, int64_t high) {
  if (!value.is_number_integer()) return std::nullopt;
  if (value.is_number_unsigned() &&
      value.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
    return std::nullopt;
  const auto number = value.get<int64_t>();
  return number >= low && number <= high ? std::optional(number) : std::nullopt;
}

}  // namespace

JsonFields::JsonFields(const json& object, std::string file, std::string prefix)
    : object_(&object), file_(std::move(file)), prefix_(std::move(prefix)) {}

std::string JsonFields::path_of(std::string_view key) const {
  return prefix_.empty() ? std::string(key) : prefix_ + "." + std::string(key);
}

bool JsonFields::empty() const { return object_->empty(); }

bool JsonFields::has(std::string_view key) const {
  const auto at = object_->find(key);
  return at != object_->end() && !at->is_null();
}

bool JsonFields::is_null(std::string_view key) const {
  const auto at = object_->find(key);
  return at != object_->end() && at->is_null();
}

void JsonFields::fail(std::string_view key, const std::string& fix) const {
  const auto at = object_->find(key);
  throw UserError(
      file_, "'" + path_of(key) + "' is " + (at == object_->end() ? "missing" : shown(*at)), fix);
}

const json* JsonFields::value(std::string_view key, Null null) const {
  const auto at = object_->find(key);
  if (at == object_->end() || (at->is_null() && null == Null::kAbsent)) return nullptr;
  return &*at;
}

std::optional<int64_t> JsonFields::find_integer(std::string_view key, int64_t low, int64_t high,
                                                Null null) const {
  const json* found = value(key, null);
  if (found == nullptr) return std::nullopt;
  if (const std::optional<int64_t> number = integer_within(*found, low, high)) return number;
  fail(key, "set an integer from " + std::to_string(low) + " to " + std::to_string(high));
}

std::optional<double> JsonFields::find_number(std::string_view key, Null null) const {
  const json* found = value(key, null);
  if (found == nullptr) return std::nullopt;
  if (found->is_number())
    if (const auto number = found->get<double>(); std::isfinite(number)) return number;
  fail(key, "set a number");
}

std::optional<bool> JsonFields::find_flag(std::string_view key) const {
  const json* found = value(key, Null::kRefused);
  if (found == nullptr) return std::nullopt;
  if (found->is_boolean()) return found->get<bool>();
  fail(key, "set true or false");
}

std::optional<std::string> JsonFields::find_text(std::string_view key, Null null) const {
  const json* found = value(key, null);
  if (found == nullptr) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  fail(key, "set a text");
}

std::optional<std::vector<std::string>> JsonFields::find_texts(std::string_view key,
                                                               Null null) const {
  const json* found = value(key, null);
  if (found == nullptr) return std::nullopt;
  if (!found->is_array()) fail(key, "set a list of texts");
  std::vector<std::string> texts;
  for (const json& item : *found) {
    if (!item.is_string()) fail(key, "set a list of texts");
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

std::optional<std::vector<int64_t>> JsonFields::find_integers(std::string_view key, int64_t low,
                                                              int64_t high, Null null) const {
  const json* found = value(key, null);
  if (found == nullptr) return std::nullopt;
  if (!found->is_array()) return std::vector<int64_t>{*find_integer(key, low, high)};
  std::vector<int64_t> numbers;
  for (const json& item : *found) {
    const std::optional<int64_t> number = integer_within(item, low, high);
    if (!number)
      fail(key, "set integers from " + std::to_string(low) + " to " + std::to_string(high));
    numbers.push_back(*number);
  }
  return numbers;
}

std::optional<JsonFields> JsonFields::find_object(std::string_view key, Null null) const {
  const json* found = value(key, null);
  if (found == nullptr) return std::nullopt;
  if (found->is_object()) return JsonFields(*found, file_, path_of(key));
  fail(key, "set an object");
}

std::map<std::string, std::string> JsonFields::text_map(std::string_view key) const {
  const std::optional<JsonFields> object = find_object(key);
  if (!object) fail(key, "use a complete file");
  std::map<std::string, std::string> map;
  for (const auto& [name, item] : object->object_->items()) {
    if (!item.is_string()) object->fail(name, "set a text");
    map.emplace(name, item.get<std::string>());
  }
  return map;
}

JsonDocument::JsonDocument(std::string path, std::unique_ptr<json> document)
    : path_(std::move(path)), json_(std::move(document)) {}
JsonDocument::~JsonDocument() = default;
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;

JsonDocument JsonDocument::read(const std::string& path) { return parse(path, read_file(path)); }

JsonDocument JsonDocument::parse(const std::string& path, std::string_view text) {
  if (nests_deeper_than(text, kMaxDepth))
    throw UserError(path, "nests deeper than " + std::to_string(kMaxDepth) + " levels",
                    "use a valid file");
  auto document = std::make_unique<json>();
  try {
    *document = json::parse(text);
  } catch (const json::parse_error& error) {
    throw UserError(path, "is not valid JSON at byte " + std::to_string(error.byte),
                    "use a valid file");
  } catch (const json::exception&) {  // a number out of range
    throw UserError(path, "is not valid JSON: a number is out of range", "use a valid file");
  }
  if (!document->is_object()) throw UserError(path, "is not a JSON object", "use a valid file");
  return JsonDocument(path, std::move(document));
}

JsonFields JsonDocument::fields() const { return JsonFields(*json_, path_, ""); }

}  // namespace retort
