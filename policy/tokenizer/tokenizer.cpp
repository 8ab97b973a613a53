#include "policy/tokenizer/tokenizer.h"

#include "base/error.h"
#include "policy/tokenizer/added_vocabulary.h"
#include "policy/tokenizer/bpe_model.h"
#include "policy/tokenizer/decoder.h"
#include "policy/tokenizer/normalizer.h"
#include "policy/tokenizer/post_processor.h"
#include "policy/tokenizer/pre_tokenizer.h"
#include "policy/tokenizer/tokenizer_file.h"
#include "policy/tokenizer/utf8.h"

#include <algorithm>
#include <utility>

namespace retort {
namespace {

constexpr size_t kMaxText = size_t{1}
                            << 31;  // bytes; positions have 32 bits, and byte-level text doubles

template <class Make>
auto make_part(const JsonNode& root, const char* key, Make make) {
  const std::optional<JsonNode> node = root.optional_member(key);
  return node ? make(*node) : decltype(make(*node))();
}

void check_version(const JsonNode& root) {
  const auto version = root.optional_member("version");
  if (version && version->text() != "1.0") version->fail("got " + version->text(), "known: 1.0");
}

}  // namespace

struct Tokenizer::Parts {
  explicit Parts(TokenizerFile file)
      : model((check_version(file.root()), &file)),
        normalizer(make_part(file.root(), "normalizer", make_normalizer)),
        pre_tokenizer(make_part(file.root(), "pre_tokenizer", make_pre_tokenizer)),
        post_processor(make_part(file.root(), "post_processor", make_post_processor)),
        decoder(make_part(file.root(), "decoder", make_decoder)),
        added(file.root().optional_member("added_tokens"), model.vocabulary(), normalizer.get()) {}

  // What decoders see: an added token in the form in which the text had it.
  const std::string* shown_token(int32_t id) const {
    const AddedToken* token = added.token_of(id);
    return token != nullptr ? &token->normal : model.vocabulary().token_of(id);
  }

  BpeModel model;
  std::unique_ptr<Normalizer> normalizer;  // these four may be null
  std::unique_ptr<PreTokenizer> pre_tokenizer;
  std::unique_ptr<PostProcessor> post_processor;
  std::unique_ptr<Decoder> decoder;
  AddedVocabulary added;
};

Tokenizer::Tokenizer(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}

Tokenizer Tokenizer::from_file(const std::string& tokenizer_json_path) {
  return Tokenizer(std::make_shared<const Parts>(read_tokenizer_file(tokenizer_json_path)));
}

Encoding Tokenizer::run(std::string_view utf8, bool add_special, bool is_tracked) const {
  if (const std::optional<size_t> at = first_invalid_byte(utf8)) {
    throw UserError("text", "not UTF-8 at byte " + std::to_string(*at), "convert it to UTF-8");
  }
  if (utf8.size() >= kMaxText) throw UserError("text", "2 GiB or more", "cut it into parts");
  const Parts& parts = *parts_;
  const bool needs_origins =
      is_tracked || (parts.pre_tokenizer != nullptr && parts.pre_tokenizer->needs_origins());
  PieceText text = parts.added.extract(utf8, parts.normalizer.get(), needs_origins);
  if (parts.pre_tokenizer != nullptr) parts.pre_tokenizer->apply(&text);

  Encoding encoding;
  encoding.is_tracked = is_tracked;
  encoding.ids.reserve(text.pieces.size() + text.pieces.size() / 2);
  std::vector<uint32_t> lengths;
  BpeModel::Lease workspace(parts.model);
  for (const Piece& piece : text.pieces) {
    if (piece.token >= 0) {
      encoding.ids.push_back(piece.token);
      if (!is_tracked) continue;
      encoding.origins.push_back(text.text.origin(piece.begin, piece.end));
      encoding.texts.emplace_back(text.bytes(piece));
      continue;
    }
    lengths.clear();
    const size_t first = encoding.ids.size();
    parts.model.encode(text.bytes(piece), *workspace, &encoding.ids,
                       is_tracked ? &lengths : nullptr);
    size_t begin = piece.begin;
    for (size_t i = 0; i < lengths.size(); ++i) {
      encoding.origins.push_back(text.text.origin(begin, begin + lengths[i]));
      encoding.texts.push_back(*parts.model.vocabulary().token_of(encoding.ids[first + i]));
      begin += lengths[i];
    }
  }
  if (parts.post_processor != nullptr) parts.post_processor->apply(utf8, add_special, &encoding);
  return encoding;
}

std::vector<int32_t> Tokenizer::encode(std::string_view utf8, bool add_special) const {
  return std::move(run(utf8, add_special, false).ids);
}

Encoding Tokenizer::encode_tracked(std::string_view utf8, bool add_special) const {
  return run(utf8, add_special, true);
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const int32_t id : ids) {
    const std::string* token = parts_->shown_token(id);
    if (token == nullptr || (skip_special && parts_->added.is_special(*token))) continue;
    tokens.push_back(*token);
  }
  const std::string_view between = parts_->decoder == nullptr ? " " : "";
  if (parts_->decoder != nullptr) parts_->decoder->apply(&tokens);
  std::string text;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0) text += between;
    text += tokens[i];
  }
  return text;
}

std::optional<int32_t> Tokenizer::token_to_id(std::string_view token) const {
  int32_t id = parts_->added.id_of(token);
  if (id < 0) id = parts_->model.vocabulary().id_of(token);
  return id < 0 ? std::nullopt : std::optional(id);
}

std::string Tokenizer::id_to_token(int32_t id) const {
  const std::string* token = parts_->shown_token(id);
  return token == nullptr ? "" : *token;
}

bool Tokenizer::is_special(int32_t id) const {
  const AddedToken* token = parts_->added.token_of(id);
  return token != nullptr && parts_->added.is_special(token->content);
}

int32_t Tokenizer::vocab_size() const {
  const TokenTable& vocabulary = parts_->model.vocabulary();
  return static_cast<int32_t>(vocabulary.size() + parts_->added.count_beyond(vocabulary));
}

int32_t Tokenizer::id_bound() const {
  return std::max(parts_->model.vocabulary().id_bound(), parts_->added.id_bound());
}

std::vector<uint8_t> mask_of_ranges(const Encoding& encoding, std::string_view text,
                                    std::span<const TextRange> ranges) {
  std::vector<uint8_t> mask(encoding.ids.size(), 0);
  const auto token_at = [&](size_t byte) {
    const auto found = std::ranges::find_if(encoding.origins, [&](const Origin& origin) {
      return byte >= origin.begin && byte < origin.end;
    });
    return static_cast<size_t>(found - encoding.origins.begin());
  };
  for (const TextRange& range : ranges) {
    const size_t first = token_at(range.begin);
    if (first == mask.size()) break;
    size_t last_byte = range.end;
    if (last_byte > 0) previous_code_point(text, &last_byte);
    const size_t last = token_at(last_byte);
    // Transformers reads token 0 as "none found" here, and none as "up to the end".
    const size_t end = last == 0 || last == mask.size() ? mask.size() : last + 1;
    for (size_t i = first; i < end; ++i) mask[i] = 1;
  }
  return mask;
}

}  // namespace retort
