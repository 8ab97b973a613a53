#include "policy/tokenizer/added_vocabulary.h"

#include "policy/tokenizer/utf8.h"

#include <algorithm>

namespace retort {
namespace {

// A word character of Rust's regular expressions.
constexpr std::string_view kWord =
    R"([\p{L}\p{Nl}\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}])";

AddedToken read_token(const JsonNode& node, const Normalizer* normalizer) {
  AddedToken token;
  token.content = node.member("content").text();
  token.single_word = node.member("single_word").boolean();
  token.lstrip = node.member("lstrip").boolean();
  token.rstrip = node.member("rstrip").boolean();
  token.normalized = node.member("normalized").boolean();
  token.special = node.member("special").boolean();
  token.normal = token.content;
  if (token.normalized && normalizer != nullptr) {
    TrackedText text = TrackedText::of(token.content, false);
    normalizer->apply(&text);
    token.normal = text.bytes;
  }
  return token;
}

}  // namespace

AddedVocabulary::AddedVocabulary(const std::optional<JsonNode>& tokens, const TokenTable& model,
                                 const Normalizer* normalizer)
    : word_(kWord, "added tokens") {
  if (!tokens) return;
  auto next_id = static_cast<int32_t>(model.size());
  for (const JsonNode& node : tokens->elements()) {
    const AddedToken token = read_token(node, normalizer);
    if (!token.content.empty()) add(token, model, &next_id);
  }
  for (const auto& [id, token] : tokens_) {
    const bool is_new =
        token.normalized ? normal_.insert(token.normal, id) : raw_.insert(token.content, id);
    if (!is_new) {
      tokens->fail("'" + token.content + "' cannot be told from another token after normalization",
                   "drop one of them");
    }
  }
}

void AddedVocabulary::add(const AddedToken& token, const TokenTable& model, int32_t* next_id) {
  int32_t id = id_of(token.content);
  if (id < 0) id = model.id_of(token.content);
  if (id < 0) id = (*next_id)++;
  ids_[token.content] = id;
  if (token.special) special_.insert(token.content);
  tokens_[id] = token;
}

bool AddedVocabulary::touches_word(std::string_view text, size_t begin, size_t end) const {
  if (begin > 0) {
    size_t before = begin;
    previous_code_point(text, &before);
    if (word_.matches(text.substr(before, begin - before))) return true;
  }
  if (end < text.size()) {
    size_t behind = end;
    next_code_point(text, &behind);
    if (word_.matches(text.substr(end, behind - end))) return true;
  }
  return false;
}

// Appends the text, cut at the entries of the trie, to `out`. The search goes on behind a match
// also when `rstrip` takes more: what is taken twice occurs twice.
void AddedVocabulary::cut(const TrackedText& text, const TokenTrie& trie, PieceText* out) const {
  const std::string_view bytes = text.bytes;
  const auto append = [&](size_t begin, size_t end, int32_t id) {
    if (begin == end) return;
    const auto first = static_cast<uint32_t>(out->text.bytes.size());
    out->text.append(text, begin, end);
    out->pieces.push_back({first, static_cast<uint32_t>(out->text.bytes.size()), id});
  };
  size_t done = 0;
  for (size_t at = 0; !trie.empty() && at < bytes.size();) {
    const auto match = trie.longest_at(bytes, at);
    if (!match) {
      ++at;
      continue;
    }
    size_t begin = at;
    size_t end = at + match->length;
    at = end;
    const AddedToken& token = tokens_.at(match->id);
    if (token.single_word && touches_word(bytes, begin, end)) continue;
    if (token.lstrip) begin = std::max(trim_right(bytes.substr(0, begin)).size(), done);
    if (token.rstrip) end = bytes.size() - trim_left(bytes.substr(end)).size();
    if (done < begin) append(done, begin, -1);
    append(begin, end, match->id);
    done = end;
  }
  if (done < bytes.size()) append(done, bytes.size(), -1);
}

PieceText AddedVocabulary::extract(std::string_view text, const Normalizer* normalizer,
                                   bool is_tracked) const {
  PieceText raw;
  raw.text.is_tracked = is_tracked;
  cut(TrackedText::of(text, is_tracked), raw_, &raw);
  if (normalizer == nullptr && normal_.empty()) return raw;
  PieceText out;
  out.text.is_tracked = is_tracked;
  for (const Piece& piece : raw.pieces) {
    TrackedText part = raw.text.slice(piece.begin, piece.end);
    if (piece.token >= 0) {
      const auto first = static_cast<uint32_t>(out.text.bytes.size());
      out.text.append(part, 0, part.bytes.size());
      out.pieces.push_back({first, static_cast<uint32_t>(out.text.bytes.size()), piece.token});
      continue;
    }
    if (normalizer != nullptr) normalizer->apply(&part);
    cut(part, normal_, &out);
  }
  return out;
}

int32_t AddedVocabulary::id_of(std::string_view content) const {
  const auto found = ids_.find(content);
  return found == ids_.end() ? -1 : found->second;
}

const AddedToken* AddedVocabulary::token_of(int32_t id) const {
  const auto found = tokens_.find(id);
  return found == tokens_.end() ? nullptr : &found->second;
}

size_t AddedVocabulary::count_beyond(const TokenTable& model) const {
  return static_cast<size_t>(
      std::ranges::count_if(ids_, [&](const auto& entry) { return model.id_of(entry.first) < 0; }));
}

int32_t AddedVocabulary::id_bound() const {
  return tokens_.empty() ? 0 : tokens_.rbegin()->first + 1;
}

}  // namespace retort
