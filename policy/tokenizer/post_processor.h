#pragma once
// Fourth seam: puts special tokens around the ids of a text.
#include "policy/tokenizer/encoding.h"
#include "policy/tokenizer/json_node.h"

#include <memory>
#include <string_view>

namespace retort {

// Constant after construction; may be used from several threads at once.
class PostProcessor {
 public:
  virtual ~PostProcessor() = default;

  // `text` is what was encoded. Without `add_special` no tokens are added; trimming still happens.
  virtual void apply(std::string_view text, bool add_special, Encoding* encoding) const = 0;
};

// From the object of tokenizer.json. UserError for an unknown type, naming the known ones.
std::unique_ptr<PostProcessor> make_post_processor(const JsonNode& node);

}  // namespace retort
