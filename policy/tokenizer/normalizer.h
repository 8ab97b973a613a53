#pragma once
// First seam: changes the text between the added tokens before anything is cut.
#include "policy/tokenizer/json_node.h"
#include "policy/tokenizer/pieces.h"

#include <memory>

namespace retort {

// Constant after construction; may be used from several threads at once.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void apply(TrackedText* text) const = 0;
};

// From the object of tokenizer.json. UserError for an unknown type, naming the known ones.
std::unique_ptr<Normalizer> make_normalizer(const JsonNode& node);

}  // namespace retort
