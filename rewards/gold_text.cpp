#include "rewards/gold_text.h"

#include <nlohmann/json.hpp>

namespace retort {

std::optional<std::string> gold_text(const std::string& answer) {
  const nlohmann::json value = nlohmann::json::parse(answer, nullptr, /*allow_exceptions=*/false);
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  return std::nullopt;
}

}  // namespace retort
