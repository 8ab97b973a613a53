#pragma once
// Cutting pieces at the matches of a pattern: what pre-tokenizers are made of.
#include "policy/tokenizer/json_node.h"
#include "policy/tokenizer/pieces.h"
#include "policy/tokenizer/regex.h"

namespace retort {

// What becomes of a match. For "the-final--countdown" and "-":
enum class SplitBehavior {
  kRemoved,             // the | final | countdown
  kIsolated,            // the | - | final | - | - | countdown
  kMergedWithPrevious,  // the- | final- | - | countdown
  kMergedWithNext,      // the | -final | - | -countdown
  kContiguous,          // the | - | final | -- | countdown
};

// By its name in tokenizer.json ("Isolated", …).
SplitBehavior split_behavior(const JsonNode& node);

// A member like {"Regex": "…"} or {"String": "…"}.
Regex pattern_of(const JsonNode& node);

// Cuts the pieces of text; pieces that would be empty disappear. With `invert` the parts between
// the matches count as matches and the matches as the rest.
void split_pieces(const Regex& pattern, SplitBehavior behavior, bool invert, PieceText* text);

}  // namespace retort
