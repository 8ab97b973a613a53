#pragma once
// Token ids of a text and, when asked for, what each of them stands for.
#include "policy/tokenizer/pieces.h"

#include <cstdint>
#include <string>
#include <vector>

namespace retort {

struct Encoding {
  std::vector<int32_t> ids;
  bool is_tracked = false;

  // Empty unless tracked. A token put in by the post-processor has origin {0, 0}.
  std::vector<Origin> origins;     // [ids.size()] bytes of the original text
  std::vector<std::string> texts;  // [ids.size()] the tokens
};

}  // namespace retort
