#include "policy/tokenizer/decoder.h"

#include "base/registry.h"
#include "policy/tokenizer/byte_level.h"
#include "policy/tokenizer/regex.h"
#include "policy/tokenizer/split.h"
#include "policy/tokenizer/utf8.h"

#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace retort {
namespace {

using Made = std::unique_ptr<Decoder>;

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Whether all characters are of the byte-level alphabet; then their bytes are appended, else the
// token is.
void append_bytes_of(std::string_view token, std::string* bytes) {
  const size_t before = bytes->size();
  for (size_t at = 0; at < token.size();) {
    const std::optional<uint8_t> byte = character_byte(next_code_point(token, &at));
    if (!byte) {
      bytes->resize(before);
      bytes->append(token);
      return;
    }
    bytes->push_back(static_cast<char>(*byte));
  }
}

class ByteLevel : public Decoder {
 public:
  explicit ByteLevel(const JsonNode&) {}
  void apply(std::vector<std::string>* tokens) const override {
    std::string bytes;
    for (const std::string& token : *tokens) append_bytes_of(token, &bytes);
    tokens->assign(1, "");
    append_lossy(bytes, &tokens->front());
  }
};

// Runs of tokens like <0xE5> become the text that their bytes are; each token of a run that is not
// valid becomes U+FFFD.
class ByteFallback : public Decoder {
 public:
  explicit ByteFallback(const JsonNode&) {}
  void apply(std::vector<std::string>* tokens) const override {
    std::vector<std::string> parts;
    std::string run;
    const auto end_run = [&] {
      if (run.empty()) return;
      if (first_invalid_byte(run)) {
        parts.insert(parts.end(), run.size(), std::string(kReplacement));
      } else {
        parts.push_back(run);
      }
      run.clear();
    };
    for (std::string& token : *tokens) {
      if (const std::optional<uint8_t> byte = byte_of(token)) {
        run.push_back(static_cast<char>(*byte));
        continue;
      }
      end_run();
      parts.push_back(std::move(token));
    }
    end_run();
    *tokens = std::move(parts);
  }

 private:
  static std::optional<uint8_t> byte_of(std::string_view token) {
    if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return std::nullopt;
    uint8_t byte = 0;
    const char* end = token.data() + 5;
    const auto read = std::from_chars(token.data() + 3, end, byte, 16);
    if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
    return byte;
  }
};

class Fuse : public Decoder {
 public:
  explicit Fuse(const JsonNode&) {}
  void apply(std::vector<std::string>* tokens) const override {
    std::string all;
    for (const std::string& token : *tokens) all += token;
    tokens->clear();
    tokens->push_back(std::move(all));
  }
};

// Takes up to `start` and `stop` copies of a character off the ends of each part.
class Strip : public Decoder {
 public:
  explicit Strip(const JsonNode& node)
      : content_(node.member("content").nonempty_text()),
        start_(node.member("start").integer(0, INT32_MAX)),
        stop_(node.member("stop").integer(0, INT32_MAX)) {}
  void apply(std::vector<std::string>* tokens) const override {
    for (std::string& token : *tokens) {
      std::string_view kept = token;
      for (int64_t i = 0; i < start_ && kept.starts_with(content_); ++i) {
        kept.remove_prefix(content_.size());
      }
      for (int64_t i = 0; i < stop_ && kept.ends_with(content_); ++i) {
        kept.remove_suffix(content_.size());
      }
      token = std::string(kept);
    }
  }

 private:
  std::string content_;
  int64_t start_;
  int64_t stop_;
};

class Replace : public Decoder {
 public:
  explicit Replace(const JsonNode& node)
      : pattern_(pattern_of(node.member("pattern"))), content_(node.member("content").text()) {}
  void apply(std::vector<std::string>* tokens) const override {
    std::vector<TextRange> matches;
    for (std::string& token : *tokens) {
      if (token.empty()) continue;
      pattern_.find_all(token, &matches);
      std::string text;
      size_t end = 0;
      for (const TextRange& match : matches) {
        text.append(token, end, match.begin - end).append(content_);
        end = match.end;
      }
      text.append(token, end);
      token = std::move(text);
    }
  }

 private:
  Regex pattern_;
  std::string content_;
};

// The visible character becomes a space; in the first token it disappears when encoding puts it
// there.
class Metaspace : public Decoder {
 public:
  explicit Metaspace(const JsonNode& node)
      : replacement_(node.member("replacement").nonempty_text()),
        prepends_(node.text_or("prepend_scheme", "always") != "never") {}
  void apply(std::vector<std::string>* tokens) const override {
    for (size_t i = 0; i < tokens->size(); ++i) {
      const std::string_view space = i == 0 && prepends_ ? "" : " ";
      std::string text;
      std::string_view rest = (*tokens)[i];
      while (true) {
        const size_t at = rest.find(replacement_);
        text += rest.substr(0, at);
        if (at == std::string_view::npos) break;
        text += space;
        rest.remove_prefix(at + replacement_.size());
      }
      (*tokens)[i] = std::move(text);
    }
  }

 private:
  std::string replacement_;
  bool prepends_;
};

// The suffix that ends a word becomes a space, but for the last token's.
class BpeDecoder : public Decoder {
 public:
  explicit BpeDecoder(const JsonNode& node) : suffix_(node.member("suffix").nonempty_text()) {}
  void apply(std::vector<std::string>* tokens) const override {
    for (size_t i = 0; i < tokens->size(); ++i) {
      std::string& token = (*tokens)[i];
      const std::string_view space = i + 1 == tokens->size() ? "" : " ";
      for (size_t at = token.find(suffix_); at != std::string::npos;
           at = token.find(suffix_, at + space.size())) {
        token.replace(at, suffix_.size(), space);
      }
    }
  }

 private:
  std::string suffix_;
};

class Sequence : public Decoder {
 public:
  explicit Sequence(const JsonNode& node) {
    for (const JsonNode& part : node.member("decoders").elements()) {
      parts_.push_back(make_decoder(part));
    }
  }
  void apply(std::vector<std::string>* tokens) const override {
    for (const Made& part : parts_) part->apply(tokens);
  }

 private:
  std::vector<Made> parts_;
};

template <class T>
Made make(const JsonNode& node) {
  return std::make_unique<T>(node);
}

using Row = RegistryRow<Made (*)(const JsonNode&)>;
constexpr std::array<Row, 8> kDecoders = {
    {{"BPEDecoder", "a word's end becomes a space", make<BpeDecoder>},
     {"ByteFallback", "tokens like <0x41> become bytes", make<ByteFallback>},
     {"ByteLevel", "characters of the byte-level alphabet become bytes", make<ByteLevel>},
     {"Fuse", "joins all parts", make<Fuse>},
     {"Metaspace", "the visible character becomes a space", make<Metaspace>},
     {"Replace", "replaces the matches of a pattern", make<Replace>},
     {"Sequence", "one after the other", make<Sequence>},
     {"Strip", "takes a character off the ends of each part", make<Strip>}}};

}  // namespace

std::unique_ptr<Decoder> make_decoder(const JsonNode& node) {
  const JsonNode type = node.member("type");
  return find_row(std::span<const Row>(kDecoders), type.text(), type.place(), "decoder").make(node);
}

}  // namespace retort
