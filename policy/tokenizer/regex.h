#pragma once
// A pattern of tokenizer.json, compiled. Matches as the tokenizers library does through Oniguruma.
#include "policy/tokenizer/text_range.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

// Constant after construction; may be used from several threads at once.
class Regex {
 public:
  // `pattern` in Oniguruma's syntax. UserError at `place` when it cannot be read.
  Regex(std::string_view pattern, const std::string& place);

  // Matches exactly this text.
  static Regex literal(std::string_view text, const std::string& place);

  // All matches from left to right, without overlaps; an empty match right behind the previous
  // match is passed over. The text is valid UTF-8. UserError when a match takes more than ten
  // million steps.
  void find_all(std::string_view text, std::vector<TextRange>* matches) const;

  // Whether it matches somewhere.
  bool matches(std::string_view text) const;

 private:
  struct Code;

  Regex(std::shared_ptr<const Code> code, std::string place);
  bool match_at(std::string_view text, size_t from, TextRange* match) const;

  std::shared_ptr<const Code> code_;
  std::string place_;
};

}  // namespace retort
