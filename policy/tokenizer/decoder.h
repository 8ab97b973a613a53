#pragma once
// Fifth seam: from tokens back to text.
#include "policy/tokenizer/json_node.h"

#include <memory>
#include <string>
#include <vector>

namespace retort {

// Constant after construction; may be used from several threads at once.
class Decoder {
 public:
  virtual ~Decoder() = default;

  // Changes tokens into parts of the text, which is what they give when joined. Tokens are valid
  // UTF-8, and so are the parts: bytes that are not become U+FFFD.
  virtual void apply(std::vector<std::string>* tokens) const = 0;
};

// From the object of tokenizer.json. UserError for an unknown type, naming the known ones.
std::unique_ptr<Decoder> make_decoder(const JsonNode& node);

}  // namespace retort
