#include "policy/tokenizer/normalizer.h"

#include "base/registry.h"
#include "policy/tokenizer/byte_level.h"
#include "policy/tokenizer/regex.h"
#include "policy/tokenizer/split.h"
#include "policy/tokenizer/unicode_normalization.h"
#include "policy/tokenizer/utf8.h"

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retort {
namespace {

using Made = std::unique_ptr<Normalizer>;

template <NormalizationForm form>
class UnicodeForm : public Normalizer {
 public:
  explicit UnicodeForm(const JsonNode&) {}
  void apply(TrackedText* text) const override { normalize(form, text); }
};

class Lowercase : public Normalizer {
 public:
  explicit Lowercase(const JsonNode&) {}
  void apply(TrackedText* text) const override {
    TrackedText out = text->empty_copy();
    for (size_t at = 0; at < text->bytes.size();) {
      const size_t begin = at;
      const uint32_t code_point = next_code_point(text->bytes, &at);
      append_lower_case(code_point, text->origin(begin, at), &out);
    }
    *text = std::move(out);
  }
};

class Prepend : public Normalizer {
 public:
  explicit Prepend(const JsonNode& node) : prefix_(node.member("prepend").text()) {}
  void apply(TrackedText* text) const override {
    if (text->bytes.empty()) return;
    size_t first = 0;
    next_code_point(text->bytes, &first);
    TrackedText out = text->empty_copy();
    out.append(prefix_, text->origin(0, first));
    out.append(*text, 0, text->bytes.size());
    *text = std::move(out);
  }

 private:
  std::string prefix_;
};

class Replace : public Normalizer {
 public:
  explicit Replace(const JsonNode& node)
      : pattern_(pattern_of(node.member("pattern"))), content_(node.member("content").text()) {}

  // What is put in has the origin of the last replaced character.
  void apply(TrackedText* text) const override {
    std::vector<TextRange> matches;
    pattern_.find_all(text->bytes, &matches);
    if (matches.empty()) return;
    TrackedText out = text->empty_copy();
    size_t end = 0;
    for (const TextRange& match : matches) {
      out.append(*text, end, match.begin);
      const Origin origin = match.end > 0 ? text->origin(match.end - 1, match.end) : Origin{};
      out.append(content_, origin);
      end = match.end;
    }
    out.append(*text, end, text->bytes.size());
    *text = std::move(out);
  }

 private:
  Regex pattern_;
  std::string content_;
};

class Strip : public Normalizer {
 public:
  explicit Strip(const JsonNode& node)
      : left_(node.member("strip_left").boolean()), right_(node.member("strip_right").boolean()) {}
  void apply(TrackedText* text) const override {
    std::string_view kept = text->bytes;
    if (left_) kept = trim_left(kept);
    if (right_) kept = trim_right(kept);
    const size_t begin = kept.empty() ? 0 : static_cast<size_t>(kept.data() - text->bytes.data());
    *text = text->slice(begin, begin + kept.size());
  }

 private:
  bool left_;
  bool right_;
};

class ByteLevel : public Normalizer {
 public:
  explicit ByteLevel(const JsonNode&) {}
  void apply(TrackedText* text) const override {
    TrackedText out = text->empty_copy();
    append_byte_characters(*text, 0, text->bytes.size(), &out);
    *text = std::move(out);
  }
};

class Sequence : public Normalizer {
 public:
  explicit Sequence(const JsonNode& node) {
    for (const JsonNode& part : node.member("normalizers").elements()) {
      parts_.push_back(make_normalizer(part));
    }
  }
  void apply(TrackedText* text) const override {
    for (const Made& part : parts_) part->apply(text);
  }

 private:
  std::vector<Made> parts_;
};

template <class T>
Made make(const JsonNode& node) {
  return std::make_unique<T>(node);
}

using Row = RegistryRow<Made (*)(const JsonNode&)>;
constexpr std::array<Row, 10> kNormalizers = {
    {{"ByteLevel", "one character for each byte", make<ByteLevel>},
     {"Lowercase", "lower case, character by character", make<Lowercase>},
     {"NFC", "canonical composition", make<UnicodeForm<NormalizationForm::kNfc>>},
     {"NFD", "canonical decomposition", make<UnicodeForm<NormalizationForm::kNfd>>},
     {"NFKC", "compatibility composition", make<UnicodeForm<NormalizationForm::kNfkc>>},
     {"NFKD", "compatibility decomposition", make<UnicodeForm<NormalizationForm::kNfkd>>},
     {"Prepend", "puts text before what is not empty", make<Prepend>},
     {"Replace", "replaces the matches of a pattern", make<Replace>},
     {"Sequence", "one after the other", make<Sequence>},
     {"Strip", "drops white space at the ends", make<Strip>}}};

}  // namespace

std::unique_ptr<Normalizer> make_normalizer(const JsonNode& node) {
  const JsonNode type = node.member("type");
  return find_row(std::span<const Row>(kNormalizers), type.text(), type.place(), "normalizer")
      .make(node);
}

}  // namespace retort
