#pragma once
// The gold answer of a row as text.
#include <optional>
#include <string>

namespace retort {

// `answer` is Task::answer, JSON text. A string gives its characters, a number or a truth value its
// JSON spelling (42, 0.5, true); nullopt for null, a list, an object, or text that is not JSON.
std::optional<std::string> gold_text(const std::string& answer);

}  // namespace retort
