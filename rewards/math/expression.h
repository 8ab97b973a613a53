#pragma once
// One number, with its unit, from normalised text.
#include "rewards/math/answer.h"

#include <optional>
#include <string>
#include <string_view>

namespace retort::math {

// `text` is as normal_text() leaves it. nullopt with the reason in `why`.
std::optional<Value> read_value(std::string_view text, std::string* why);

}  // namespace retort::math
