#pragma once
// Second seam: cuts normalized text into the words that the model splits further.
#include "policy/tokenizer/json_node.h"
#include "policy/tokenizer/pieces.h"

#include <memory>

namespace retort {

// Constant after construction; may be used from several threads at once.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;

  // Cuts and changes the pieces of text; added tokens stay as they are.
  virtual void apply(PieceText* text) const = 0;

  // Whether `apply` asks where in the original text a piece began.
  virtual bool needs_origins() const { return false; }
};

// From the object of tokenizer.json. UserError for an unknown type, naming the known ones.
std::unique_ptr<PreTokenizer> make_pre_tokenizer(const JsonNode& node);

}  // namespace retort
