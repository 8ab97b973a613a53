#include "policy/tokenizer/post_processor.h"

#include "base/registry.h"
#include "policy/tokenizer/utf8.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace retort {
namespace {

using Made = std::unique_ptr<PostProcessor>;

// A token's white space does not belong to its origin: 'Ġ' and what Unicode calls white space.
class ByteLevel : public PostProcessor {
 public:
  explicit ByteLevel(const JsonNode& node)
      : add_prefix_space_(node.member("add_prefix_space").boolean()),
        trim_offsets_(node.member("trim_offsets").boolean()) {}

  void apply(std::string_view text, bool, Encoding* encoding) const override {
    if (!trim_offsets_) return;
    for (size_t i = 0; i < encoding->origins.size(); ++i) {
      Origin& origin = encoding->origins[i];
      auto [leading, trailing] = spaces(encoding->texts[i]);
      const bool is_first = i == 0 || origin.begin == 0;
      if (is_first && add_prefix_space_ && leading == 1) leading = 0;  // the one that was put there
      size_t begin = origin.begin;
      for (size_t n = 0; n < leading && begin < origin.end; ++n) next_code_point(text, &begin);
      size_t end = origin.end;
      for (size_t n = 0; n < trailing && end > begin; ++n) previous_code_point(text, &end);
      origin = {static_cast<uint32_t>(begin), static_cast<uint32_t>(std::max(begin, end))};
    }
  }

 private:
  // Numbers of characters at both ends.
  static std::pair<size_t, size_t> spaces(std::string_view token) {
    const auto is_space = [](uint32_t c) { return c == 0x120 || is_white_space(c); };
    size_t leading = 0;
    for (size_t at = 0; at < token.size() && is_space(next_code_point(token, &at));) ++leading;
    size_t trailing = 0;
    for (size_t at = token.size(); at > 0 && is_space(previous_code_point(token, &at));) ++trailing;
    return {leading, trailing};
  }

  bool add_prefix_space_;
  bool trim_offsets_;
};

class TemplateProcessing : public PostProcessor {
 public:
  explicit TemplateProcessing(const JsonNode& node) {
    const auto tokens = node.optional_member("special_tokens");
    for (const JsonNode& piece : node.member("single").elements()) {
      if (const auto sequence = piece.optional_member("Sequence")) {
        if (sequence->member("id").text() != "A") sequence->fail("not 'A'", "a text alone is A");
        pieces_.emplace_back();
        continue;
      }
      const JsonNode special = piece.member("SpecialToken");
      const std::string name = special.member("id").text();
      const auto entry = tokens ? tokens->optional_member(name) : std::nullopt;
      if (!entry) special.fail("'" + name + "' is not in special_tokens", "add it there");
      Special& added = pieces_.emplace_back(Special{});
      const std::vector<JsonNode> names = entry->member("tokens").elements();
      const std::vector<JsonNode> ids = entry->member("ids").elements();
      if (names.size() != ids.size()) entry->fail("ids and tokens differ in number", "pair them");
      for (size_t i = 0; i < ids.size(); ++i) {
        added.ids.push_back(static_cast<int32_t>(ids[i].integer(0, INT32_MAX)));
        added.texts.push_back(names[i].text());
      }
    }
  }

  void apply(std::string_view, bool add_special, Encoding* encoding) const override {
    Encoding out;
    out.is_tracked = encoding->is_tracked;
    for (const Special& piece : pieces_) {
      if (piece.ids.empty()) {
        append(*encoding, &out);
      } else if (add_special) {
        out.ids.insert(out.ids.end(), piece.ids.begin(), piece.ids.end());
        if (!out.is_tracked) continue;
        out.origins.resize(out.ids.size());
        out.texts.insert(out.texts.end(), piece.texts.begin(), piece.texts.end());
      }
    }
    *encoding = std::move(out);
  }

 private:
  // No ids: the place of the text.
  struct Special {
    std::vector<int32_t> ids;
    std::vector<std::string> texts;
  };

  static void append(const Encoding& from, Encoding* out) {
    out->ids.insert(out->ids.end(), from.ids.begin(), from.ids.end());
    out->origins.insert(out->origins.end(), from.origins.begin(), from.origins.end());
    out->texts.insert(out->texts.end(), from.texts.begin(), from.texts.end());
  }

  std::vector<Special> pieces_;
};

class Sequence : public PostProcessor {
 public:
  explicit Sequence(const JsonNode& node) {
    int templates = 0;
    for (const JsonNode& part : node.member("processors").elements()) {
      parts_.push_back(make_post_processor(part));
      templates += part.member("type").text() == "TemplateProcessing";
    }
    if (templates > 1) {
      node.fail("more than one TemplateProcessing", "keep the one that adds the special tokens");
    }
  }

  void apply(std::string_view text, bool add_special, Encoding* encoding) const override {
    for (const Made& part : parts_) part->apply(text, add_special, encoding);
  }

 private:
  std::vector<Made> parts_;
};

template <class T>
Made make(const JsonNode& node) {
  return std::make_unique<T>(node);
}

using Row = RegistryRow<Made (*)(const JsonNode&)>;
constexpr std::array<Row, 3> kPostProcessors = {
    {{"ByteLevel", "takes white space off the tokens' origins", make<ByteLevel>},
     {"Sequence", "one after the other", make<Sequence>},
     {"TemplateProcessing", "special tokens before and behind the text",
      make<TemplateProcessing>}}};

}  // namespace

std::unique_ptr<PostProcessor> make_post_processor(const JsonNode& node) {
  const JsonNode type = node.member("type");
  return find_row(std::span<const Row>(kPostProcessors), type.text(), type.place(),
                  "post-processor")
      .make(node);
}

}  // namespace retort
