#pragma once
// Text to token ids and back, as the tokenizers library does it from the same tokenizer.json:
//   added tokens → normalizer → pre-tokenizer → model → post-processor, and a decoder for the way
//   back.
// Each seam is a file with a closed table of kinds.
#include "policy/tokenizer/encoding.h"
#include "policy/tokenizer/text_range.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

// Constant after construction and cheap to copy; may be used from several threads at once.
class Tokenizer {
 public:
  // UserError naming file and key for what is missing, wrong or of an unknown kind. "truncation"
  // and "padding" of the file are not applied (Transformers switches them off as well).
  static Tokenizer from_file(const std::string& tokenizer_json_path);

  // With `add_special` the post-processor puts its tokens around the text; special tokens that the
  // text spells out are found in any case. UserError for text that is not UTF-8 ("text", byte) or
  // has 2 GiB.
  std::vector<int32_t> encode(std::string_view utf8, bool add_special) const;

  // The same ids, with the bytes of the text that each stands for. Slower: words are not
  // remembered.
  Encoding encode_tracked(std::string_view utf8, bool add_special) const;

  // Valid UTF-8: bytes that are none become U+FFFD. Ids without a token give nothing; with
  // `skip_special` neither do special tokens.
  std::string decode(std::span<const int32_t> ids, bool skip_special) const;

  // Added tokens first, then the model's.
  std::optional<int32_t> token_to_id(std::string_view token) const;
  std::string id_to_token(int32_t id) const;  // "" when there is none
  bool is_special(int32_t id) const;

  int32_t vocab_size() const;  // distinct tokens, added ones included
  int32_t id_bound() const;    // 1 + the largest id; more than vocab_size() when ids have holes

 private:
  struct Parts;
  friend class StreamDecoder;

  explicit Tokenizer(std::shared_ptr<const Parts> parts);
  Encoding run(std::string_view utf8, bool add_special, bool is_tracked) const;

  std::shared_ptr<const Parts> parts_;
};

// Text as tokens arrive: what `push` and `finish` return, joined, is what `decode` gives for all
// ids, in whole characters. Text that ends in U+FFFD is held back, since the next token may
// complete the character. (With a ByteFallback decoder a later byte token can spoil characters that
// are out already; they stay.)
class StreamDecoder {
 public:
  StreamDecoder(Tokenizer tokenizer, bool skip_special);

  std::string push(int32_t id);  // "" while there is nothing new that is whole
  std::string finish();          // what was held back

 private:
  std::string take(bool is_last);

  Tokenizer tokenizer_;
  bool skip_special_;
  std::vector<int32_t>
      ids_;             // those whose text is not out, and before them those that it depends on
  size_t context_ = 0;  // how many of ids_ are only context
  std::string context_text_;  // text of the context
};

// 1 for the tokens of a tracked encoding that stand for text in one of the ranges, as Transformers
// computes the mask of assistant tokens: from the token of a range's first character to that of its
// last one. It stops at the first range whose first character belongs to no token.
std::vector<uint8_t> mask_of_ranges(const Encoding& encoding, std::string_view text,
                                    std::span<const TextRange> ranges);

}  // namespace retort
