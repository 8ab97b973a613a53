#include "policy/tokenizer/pre_tokenizer.h"

#include "base/registry.h"
#include "policy/tokenizer/byte_level.h"
#include "policy/tokenizer/regex.h"
#include "policy/tokenizer/split.h"
#include "policy/tokenizer/unicode_tables.h"
#include "policy/tokenizer/utf8.h"

#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace retort {
namespace {

using Made = std::unique_ptr<PreTokenizer>;

// GPT-2's pattern, built into ByteLevel.
constexpr std::string_view kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// Puts `prefix` before each piece of text that does not start with it.
void prepend(std::string_view prefix, PieceText* text) {
  text->rewrite([&](const TrackedText& from, const Piece& piece, TrackedText* out) {
    const std::string_view bytes =
        std::string_view(from.bytes).substr(piece.begin, piece.end - piece.begin);
    if (!bytes.starts_with(prefix)) {
      size_t first = 0;
      next_code_point(bytes, &first);
      out->append(prefix, from.origin(piece.begin, piece.begin + first));
    }
    out->append(from, piece.begin, piece.end);
  });
}

// One pattern with one behaviour: most kinds are no more than that.
class PatternSplit : public PreTokenizer {
 public:
  PatternSplit(Regex pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  void apply(PieceText* text) const override { split_pieces(pattern_, behavior_, invert_, text); }

 private:
  Regex pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

class ByteLevel : public PreTokenizer {
 public:
  explicit ByteLevel(const JsonNode& node)
      : add_prefix_space_(node.member("add_prefix_space").boolean()) {
    node.member("trim_offsets").boolean();  // of the post-processor of the same name
    if (node.boolean_or("use_regex", true)) words_.emplace_back(kGpt2, node.place());
  }

  void apply(PieceText* text) const override {
    if (add_prefix_space_) prepend(" ", text);
    for (const Regex& words : words_) split_pieces(words, SplitBehavior::kIsolated, false, text);
    text->rewrite([](const TrackedText& from, const Piece& piece, TrackedText* out) {
      append_byte_characters(from, piece.begin, piece.end, out);
    });
  }

 private:
  bool add_prefix_space_;
  std::vector<Regex> words_;  // none or one
};

class Metaspace : public PreTokenizer {
 public:
  explicit Metaspace(const JsonNode& node)
      : replacement_(node.member("replacement").nonempty_text()),
        scheme_(node.text_or("prepend_scheme", "always")),
        split_(node.boolean_or("split", true)),
        pattern_(Regex::literal(replacement_, node.place())) {
    if (code_point_count(replacement_) != 1) {
      node.member("replacement").fail("got '" + replacement_ + "'", "use one character");
    }
    if (scheme_ != "always" && scheme_ != "first" && scheme_ != "never") {
      node.member("prepend_scheme").fail("got '" + scheme_ + "'", "use always, first or never");
    }
    if (!node.boolean_or("add_prefix_space", true) && scheme_ != "never") {
      node.fail("add_prefix_space is false but prepend_scheme is " + scheme_,
                "set prepend_scheme to never");
    }
  }

  bool needs_origins() const override { return scheme_ == "first"; }

  void apply(PieceText* text) const override {
    text->rewrite([&](const TrackedText& from, const Piece& piece, TrackedText* out) {
      const std::string_view bytes =
          std::string_view(from.bytes).substr(piece.begin, piece.end - piece.begin);
      size_t first = 0;
      next_code_point(bytes, &first);
      const Origin origin = from.origin(piece.begin, piece.begin + first);
      const bool has_it = bytes[0] == ' ' || bytes.starts_with(replacement_);
      const bool wants_it = scheme_ == "always" || (scheme_ == "first" && origin.begin == 0);
      if (wants_it && !has_it) out->append(replacement_, origin);
      for (size_t i = piece.begin; i < piece.end; ++i) {
        if (from.bytes[i] == ' ') {
          out->append(replacement_, from.origin(i, i + 1));
        } else {
          out->append(from, i, i + 1);
        }
      }
    });
    if (split_) split_pieces(pattern_, SplitBehavior::kMergedWithNext, false, text);
  }

 private:
  std::string replacement_;
  std::string scheme_;
  bool split_;
  Regex pattern_;
};

class Sequence : public PreTokenizer {
 public:
  explicit Sequence(const JsonNode& node) {
    for (const JsonNode& part : node.member("pretokenizers").elements()) {
      parts_.push_back(make_pre_tokenizer(part));
    }
  }

  bool needs_origins() const override {
    for (const Made& part : parts_) {
      if (part->needs_origins()) return true;
    }
    return false;
  }

  void apply(PieceText* text) const override {
    for (const Made& part : parts_) part->apply(text);
  }

 private:
  std::vector<Made> parts_;
};

std::string bracket_ranges(const std::vector<CodePointRange>& ranges) {
  std::string text;
  for (const CodePointRange& row : ranges) {
    append_code_point(row.first, &text);
    text += '-';
    append_code_point(row.last, &text);
  }
  return text;
}

Made make_split(const JsonNode& node) {
  return std::make_unique<PatternSplit>(pattern_of(node.member("pattern")),
                                        split_behavior(node.member("behavior")),
                                        node.member("invert").boolean());
}

Made make_digits(const JsonNode& node) {
  const std::string pattern = "[\\p{N}" + bracket_ranges(numeric_after_oniguruma()) + "]";
  const bool individual = node.member("individual_digits").boolean();
  return std::make_unique<PatternSplit>(
      Regex(pattern, node.place()),
      individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous, false);
}

// Words and runs of other marks; here "word" is that of Rust's regular expressions.
Made make_whitespace(const JsonNode& node) {
  const std::string word = R"(\p{L}\p{Nl}\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D})";
  return std::make_unique<PatternSplit>(Regex("[" + word + "]+|[^\\s" + word + "]+", node.place()),
                                        SplitBehavior::kRemoved, true);
}

Made make_whitespace_split(const JsonNode& node) {
  return std::make_unique<PatternSplit>(Regex("\\s", node.place()), SplitBehavior::kRemoved, false);
}

Made make_punctuation(const JsonNode& node) {
  const std::string pattern = "[\\p{P}!-/:-@\\[-`{-~" +
                              bracket_ranges(punctuation_beyond_category()) + "&&[^" +
                              bracket_ranges(category_beyond_punctuation()) + "]]";
  const auto behavior = node.optional_member("behavior");
  return std::make_unique<PatternSplit>(
      Regex(pattern, node.place()), behavior ? split_behavior(*behavior) : SplitBehavior::kIsolated,
      false);
}

Made make_character_delimiter(const JsonNode& node) {
  const JsonNode delimiter = node.member("delimiter");
  return std::make_unique<PatternSplit>(
      Regex::literal(delimiter.nonempty_text(), delimiter.place()), SplitBehavior::kRemoved, false);
}

template <class T>
Made make(const JsonNode& node) {
  return std::make_unique<T>(node);
}

using Row = RegistryRow<Made (*)(const JsonNode&)>;
constexpr std::array<Row, 9> kPreTokenizers = {
    {{"ByteLevel", "GPT-2's words, then one character for each byte", make<ByteLevel>},
     {"CharDelimiterSplit", "cuts at a character and drops it", make_character_delimiter},
     {"Digits", "cuts numbers from the rest, or every digit", make_digits},
     {"Metaspace", "a visible character for the space, words begin with it", make<Metaspace>},
     {"Punctuation", "cuts at punctuation", make_punctuation},
     {"Sequence", "one after the other", make<Sequence>},
     {"Split", "cuts at the matches of a pattern", make_split},
     {"Whitespace", "words and runs of other marks", make_whitespace},
     {"WhitespaceSplit", "cuts at white space and drops it", make_whitespace_split}}};

}  // namespace

std::unique_ptr<PreTokenizer> make_pre_tokenizer(const JsonNode& node) {
  const JsonNode type = node.member("type");
  return find_row(std::span<const Row>(kPreTokenizers), type.text(), type.place(), "pre-tokenizer")
      .make(node);
}

}  // namespace retort
