#pragma once
// Tokens that are looked for in the text before the model sees it: special ones and others
// ("added_tokens").
#include "policy/tokenizer/json_node.h"
#include "policy/tokenizer/normalizer.h"
#include "policy/tokenizer/pieces.h"
#include "policy/tokenizer/regex.h"
#include "policy/tokenizer/token_table.h"
#include "policy/tokenizer/token_trie.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace retort {

struct AddedToken {
  std::string content;       // as the file has it
  std::string normal;        // normalized, for a token that is looked for after normalization
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // takes the white space before it along
  bool rstrip = false;       // … and behind it
  bool normalized = false;   // looked for after normalization, else before
  bool special = false;      // left out by skip_special
};

// Constant after construction; may be used from several threads at once.
class AddedVocabulary {
 public:
  // `tokens` is the array of tokenizer.json, if there is one; `normalizer` may be null. As in the
  // tokenizers library the ids in the file do not count: a token that the model has keeps the
  // model's, the others are numbered from the model's size on.
  AddedVocabulary(const std::optional<JsonNode>& tokens, const TokenTable& model,
                  const Normalizer* normalizer);

  // Cuts the text at the tokens that are looked for before normalization, normalizes what lies
  // between, and cuts that at the others. Of several matches the leftmost counts, of these the
  // longest.
  PieceText extract(std::string_view text, const Normalizer* normalizer, bool is_tracked) const;

  // -1 and null when it is not an added token.
  int32_t id_of(std::string_view content) const;
  const AddedToken* token_of(int32_t id) const;

  bool is_special(std::string_view text) const { return special_.contains(text); }
  size_t count_beyond(const TokenTable& model) const;  // tokens that the model does not have
  int32_t id_bound() const;                            // 1 + the largest id, 0 when there are none

 private:
  void add(const AddedToken& token, const TokenTable& model, int32_t* next_id);
  void cut(const TrackedText& text, const TokenTrie& trie, PieceText* out) const;
  bool touches_word(std::string_view text, size_t begin, size_t end) const;

  std::map<int32_t, AddedToken> tokens_;
  std::map<std::string, int32_t, std::less<>> ids_;  // by content
  std::set<std::string, std::less<>> special_;       // contents
  TokenTrie raw_;                                    // looked for before normalization
  TokenTrie normal_;                                 // looked for after it
  Regex word_;                                       // one word character
};

}  // namespace retort
