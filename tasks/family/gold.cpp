#include "tasks/family/gold.h"

#include <nlohmann/json.hpp>

namespace retort {
namespace {

using Json = nlohmann::json;

std::optional<int64_t> integer(const Json& object, const char* key) {
  const auto at = object.find(key);
  if (at == object.end() || !at->is_number_integer()) return std::nullopt;
  if (at->is_number_unsigned() && at->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
    return std::nullopt;
  return at->get<int64_t>();
}

}  // namespace

std::string write_gold(const Gold& gold) {
  std::string text = "{";
  if (!gold.numbers.empty()) {
    text += "\"numbers\":[";
    for (size_t i = 0; i < gold.numbers.size(); ++i)
      text += (i > 0 ? "," : "") + std::to_string(gold.numbers[i]);
    text += "],";
  }
  return text + "\"target\":" + std::to_string(gold.target) + "}";
}

std::optional<Gold> read_gold(const std::string& answer, bool with_numbers, std::string* error) {
  const Json object = Json::parse(answer, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) {
    *error = "the gold answer is not a JSON object";
    return std::nullopt;
  }
  Gold gold;
  const std::optional<int64_t> target = integer(object, "target");
  if (!target) {
    *error = "the gold answer has no integer \"target\"";
    return std::nullopt;
  }
  gold.target = *target;
  if (!with_numbers) return gold;

  const auto numbers = object.find("numbers");
  if (numbers == object.end() || !numbers->is_array() || numbers->empty() ||
      numbers->size() > kMaxGoldNumbers) {
    *error = "the gold answer has no \"numbers\", a list of 1 to 6 integers";
    return std::nullopt;
  }
  for (const Json& number : *numbers) {
    const bool fits = number.is_number_unsigned() &&
                      number.get<uint64_t>() <= static_cast<uint64_t>(kMaxGoldNumber);
    if (!fits) {
      *error = "a number of the gold answer is not an integer from 0 to 1000000";
      return std::nullopt;
    }
    gold.numbers.push_back(number.get<int64_t>());
  }
  return gold;
}

}  // namespace retort
