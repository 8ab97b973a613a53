#include "policy/tokenizer/token_trie.h"

namespace retort {

bool TokenTrie::insert(std::string_view text, int32_t id) {
  if (text.empty()) return false;
  uint32_t at = 0;
  for (const char c : text) {
    const auto [edge, is_new] =
        nodes_[at].next.try_emplace(c, static_cast<uint32_t>(nodes_.size()));
    at = edge->second;
    if (is_new) nodes_.emplace_back();
  }
  if (nodes_[at].id >= 0 && nodes_[at].id != id) return false;
  nodes_[at].id = id;
  may_begin_[static_cast<unsigned char>(text[0])] = true;
  return true;
}

std::optional<TokenTrie::Match> TokenTrie::longest_at(std::string_view text, size_t at) const {
  if (!may_begin_[static_cast<unsigned char>(text[at])]) return std::nullopt;
  std::optional<Match> longest;
  uint32_t node = 0;
  for (size_t i = at; i < text.size(); ++i) {
    const auto edge = nodes_[node].next.find(text[i]);
    if (edge == nodes_[node].next.end()) break;
    node = edge->second;
    if (nodes_[node].id >= 0) longest = {nodes_[node].id, i + 1 - at};
  }
  return longest;
}

}  // namespace retort
