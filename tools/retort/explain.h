#pragma once
// --explain: what a configuration means before it runs.
#include <string>

#include "tools/retort/train_parts.h"

namespace retort {

// prompts x group -> samples -> tokens -> optimiser updates, and the planned memory.
std::string explain(const TrainParts& parts);

}  // namespace retort
