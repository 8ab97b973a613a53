#pragma once
// Normalization forms C, D, KC and KD (Unicode annex 15) as the tokenizers library has them: with
// tables older than utf8proc's, so that characters it does not know pass through
// (unicode_tables.h), and with its rule for origins.
#include "policy/tokenizer/pieces.h"

#include <cstdint>

namespace retort {

enum class NormalizationForm { kNfc, kNfd, kNfkc, kNfkd };

// A composed character has the origin of its base; the second and further characters of a
// decomposition have the origin of what stands before them.
void normalize(NormalizationForm form, TrackedText* text);

// One character in lower case; U+0130 becomes two.
void append_lower_case(uint32_t code_point, Origin origin, TrackedText* out);

}  // namespace retort
