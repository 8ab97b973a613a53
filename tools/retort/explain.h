#pragma once
// --explain: what a configuration means before it runs.
#include "tools/retort/train_parts.h"

#include <string>

namespace retort {

// prompts x group -> samples -> tokens -> optimiser updates, and the planned memory.
std::string explain(const TrainParts& parts);

}  // namespace retort
