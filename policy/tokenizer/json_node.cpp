#include "policy/tokenizer/json_node.h"

#include "base/error.h"

#include <nlohmann/json.hpp>

#include <utility>

namespace retort {

JsonNode::JsonNode(const nlohmann::json& value, std::string file, std::string path)
    : value_(&value), file_(std::move(file)), path_(std::move(path)) {}

std::string JsonNode::place() const { return path_.empty() ? file_ : file_ + ": " + path_; }

void JsonNode::fail(const std::string& what, const std::string& fix) const {
  throw UserError(place(), what, fix);
}

bool JsonNode::is_string() const { return value_->is_string(); }
bool JsonNode::is_object() const { return value_->is_object(); }
bool JsonNode::is_array() const { return value_->is_array(); }

std::optional<JsonNode> JsonNode::optional_member(std::string_view key) const {
  if (!value_->is_object()) {
    fail(std::string("got ") + value_->type_name(), "make it a JSON object");
  }
  const auto found = value_->find(key);
  if (found == value_->end() || found->is_null()) return std::nullopt;
  const std::string name(key);
  return JsonNode(*found, file_, path_.empty() ? name : path_ + "." + name);
}

JsonNode JsonNode::member(std::string_view key) const {
  const std::optional<JsonNode> found = optional_member(key);
  if (!found) fail("'" + std::string(key) + "' is missing", "add it");
  return *found;
}

std::vector<JsonNode> JsonNode::elements() const {
  if (!value_->is_array()) fail(std::string("got ") + value_->type_name(), "make it a JSON array");
  std::vector<JsonNode> nodes;
  nodes.reserve(value_->size());
  for (size_t i = 0; i < value_->size(); ++i) {
    nodes.emplace_back((*value_)[i], file_, path_ + "[" + std::to_string(i) + "]");
  }
  return nodes;
}

std::vector<std::string> JsonNode::keys() const {
  if (!value_->is_object()) {
    fail(std::string("got ") + value_->type_name(), "make it a JSON object");
  }
  std::vector<std::string> names;
  for (const auto& [name, unused] : value_->items()) names.push_back(name);
  return names;
}

std::string JsonNode::text() const {
  if (!value_->is_string()) fail(std::string("got ") + value_->type_name(), "make it a string");
  return value_->get<std::string>();
}

std::string JsonNode::nonempty_text() const {
  std::string found = text();
  if (found.empty()) fail("got an empty string", "write the text that it stands for");
  return found;
}

bool JsonNode::boolean() const {
  if (!value_->is_boolean()) fail(std::string("got ") + value_->type_name(), "use true or false");
  return value_->get<bool>();
}

int64_t JsonNode::integer(int64_t at_least, int64_t at_most) const {
  const std::string range = std::to_string(at_least) + " to " + std::to_string(at_most);
  if (!value_->is_number_integer()) {
    fail(std::string("got ") + value_->type_name(), "use a whole number from " + range);
  }
  const bool is_huge = value_->is_number_unsigned() && value_->get<uint64_t>() > INT64_MAX;
  const int64_t number = is_huge ? INT64_MAX : value_->get<int64_t>();
  if (is_huge || number < at_least || number > at_most) {
    fail("got " + value_->dump(), "use a whole number from " + range);
  }
  return number;
}

double JsonNode::number() const {
  if (!value_->is_number()) fail(std::string("got ") + value_->type_name(), "use a number");
  return value_->get<double>();
}

std::string JsonNode::text_or(std::string_view key, const std::string& fallback) const {
  const std::optional<JsonNode> found = optional_member(key);
  return found ? found->text() : fallback;
}

bool JsonNode::boolean_or(std::string_view key, bool fallback) const {
  const std::optional<JsonNode> found = optional_member(key);
  return found ? found->boolean() : fallback;
}

}  // namespace retort
