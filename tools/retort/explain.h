#pragma once
// --explain: what a configuration means before it runs: prompts x group -> samples -> tokens ->
// optimiser updates, and the planned memory.
#include "tools/retort/train_parts.h"

#include <string>

namespace retort {

// For a person; or the same numbers as one JSON object.
std::string explain(const TrainParts& parts);
std::string explain_json(const TrainParts& parts);

}  // namespace retort
