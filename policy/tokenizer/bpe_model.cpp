#include "policy/tokenizer/bpe_model.h"

#include "base/error.h"
#include "policy/tokenizer/utf8.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <utility>

namespace retort {
namespace {

constexpr size_t kShortWord = 48;  // symbols; above, a heap is faster than looking at all pairs
constexpr size_t kLongestRemembered = 256;  // bytes of a word
constexpr size_t kMaxRemembered = 65'536;   // words

constexpr uint32_t kNoRank = Merge{}.rank;

// A heap with the lowest rank, and of equal ranks the leftmost pair, on top.
bool comes_later(const BpeWorkspace::Waiting& a, const BpeWorkspace::Waiting& b) {
  return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
}

void check_kind(const JsonNode& model) {
  const auto type = model.optional_member("type");
  if (!type) {  // older files leave it out; the lists tell
    if (!model.optional_member("merges")) model.fail("'type' is missing", "known: BPE");
  } else if (type->text() != "BPE") {
    throw UserError(type->place(), "unknown model '" + type->text() + "'", "known: BPE");
  }
}

}  // namespace

size_t BpeWorkspace::HashBytes::operator()(std::string_view bytes) const {
  return XXH3_64bits(bytes.data(), bytes.size());
}

BpeModel::Lease::Lease(const BpeModel& model) : model_(model) {
  const std::lock_guard lock(model_.mutex_);
  if (model_.idle_.empty()) {
    workspace_ = std::make_unique<BpeWorkspace>();
  } else {
    workspace_ = std::move(model_.idle_.back());
    model_.idle_.pop_back();
  }
}

BpeModel::Lease::~Lease() {
  const std::lock_guard lock(model_.mutex_);
  model_.idle_.push_back(std::move(workspace_));
}

BpeModel::BpeModel(TokenizerFile* file) {
  const JsonNode model = file->root().member("model");
  check_kind(model);
  const JsonNode vocab = model.member("vocab");
  const JsonNode merges = model.member("merges");
  if (!vocab.is_object()) vocab.fail("not an object", "make it an object of tokens with their ids");
  if (!merges.is_array()) merges.fail("not an array", "make it an array of pairs");
  if (!file->vocabulary_problem.empty()) vocab.fail(file->vocabulary_problem, "correct the entry");
  if (!file->merges_problem.empty()) merges.fail(file->merges_problem, "correct the entry");
  vocabulary_.emplace(std::move(file->vocabulary));

  if (const auto dropout = model.optional_member("dropout")) {
    if (dropout->number() != 0)
      dropout->fail("is not 0", "set it to null: encoding is deterministic");
  }
  prefix_ = model.text_or("continuing_subword_prefix", "");
  suffix_ = model.text_or("end_of_word_suffix", "");
  fuse_unknown_ = model.boolean_or("fuse_unk", false);
  ignore_merges_ = model.boolean_or("ignore_merges", false);
  if (const auto unknown = model.optional_member("unk_token")) {
    unknown_id_ = vocabulary_->id_of(unknown->text());
    // No mistake as long as no character needs it: byte-level files name tokens they do not have.
    if (unknown_id_ < 0) missing_unknown_ = unknown->place();
  }
  if (model.boolean_or("byte_fallback", false)) {
    for (int byte = 0; byte < 256; ++byte) {
      std::array<char, 8> name;
      std::snprintf(name.data(), name.size(), "<0x%02X>", byte);
      byte_ids_.push_back(vocabulary_->id_of(name.data()));
    }
  }
  for (uint32_t code_point = 0; code_point < 0x800; ++code_point) {
    std::string character;
    append_code_point(code_point, &character);
    low_ids_.push_back(vocabulary_->id_of(character));
  }

  merges_.emplace(file->merges.size());
  std::string joined;
  for (size_t i = 0; i < file->merges.size(); ++i) {
    const auto& [left, right] = file->merges[i];
    const auto known_id = [&](const std::string& token) {
      const int32_t id = vocabulary_->id_of(token);
      if (id < 0) {
        merges.fail("entry " + std::to_string(i + 1) + ": '" + token + "' is not in the vocabulary",
                    "add it to model.vocab or drop the merge");
      }
      return id;
    };
    if (right.size() < prefix_.size()) {
      merges.fail(
          "entry " + std::to_string(i + 1) + ": '" + right + "' lacks the prefix '" + prefix_ + "'",
          "correct the entry");
    }
    joined.assign(left).append(right, prefix_.size());
    const int32_t left_id = known_id(left);
    const int32_t right_id = known_id(right);
    merges_->insert(left_id, right_id, {static_cast<uint32_t>(i), known_id(joined)});
  }
  file->merges.clear();
}

int32_t BpeModel::character_id(std::string_view word, size_t begin, size_t end) const {
  const std::string_view character = word.substr(begin, end - begin);
  const bool has_prefix = begin > 0 && !prefix_.empty();
  const bool has_suffix = end == word.size() && !suffix_.empty();
  if (has_prefix || has_suffix) {
    std::string text = has_prefix ? prefix_ : "";
    text += character;
    if (has_suffix) text += suffix_;
    return vocabulary_->id_of(text);
  }
  size_t at = 0;
  if (character.size() <= 2) return low_ids_[next_code_point(character, &at)];
  return vocabulary_->id_of(character);
}

void BpeModel::start_symbols(std::string_view word, std::vector<Symbol>* symbols) const {
  symbols->clear();
  const auto add = [&](int32_t id, size_t length) {
    const auto index = static_cast<int32_t>(symbols->size());
    symbols->push_back({id, index - 1, index + 1, static_cast<uint32_t>(length)});
  };
  size_t unknown = 0;  // bytes of unknown characters that wait to be fused
  for (size_t end = 0; end < word.size();) {
    const size_t begin = end;
    next_code_point(word, &end);
    const int32_t id = character_id(word, begin, end);
    if (id < 0 && !byte_ids_.empty()) {
      std::string text = begin > 0 ? prefix_ : "";
      text += word.substr(begin, end - begin);
      if (end == word.size()) text += suffix_;
      const auto byte_id = [&](char c) { return byte_ids_[static_cast<unsigned char>(c)]; };
      if (std::ranges::all_of(text, [&](char c) { return byte_id(c) >= 0; })) {
        for (const char c : text) add(byte_id(c), 1);
        continue;
      }
    }
    if (id < 0 && !missing_unknown_.empty()) {
      throw UserError(missing_unknown_, "not in the vocabulary, but a text needs it",
                      "add the token to model.vocab");
    }
    if (id < 0 && unknown_id_ < 0) continue;
    if (unknown > 0 && (id >= 0 || !fuse_unknown_)) {
      add(unknown_id_, unknown);
      unknown = 0;
    }
    if (id >= 0) {
      add(id, end - begin);
    } else {
      unknown += end - begin;
    }
  }
  if (unknown > 0) add(unknown_id_, unknown);
  if (!symbols->empty()) symbols->back().next = -1;
}

// Looks at the ranks of all neighbouring pairs for each merge.
void BpeModel::merge_short(BpeWorkspace& workspace) const {
  std::vector<Symbol>& symbols = workspace.symbols;
  std::vector<uint32_t>& ranks = workspace.ranks;  // of the pair that begins here
  size_t count = symbols.size();
  ranks.assign(count, kNoRank);
  const auto rank_at = [&](size_t i) {
    return i + 1 < count ? merges_->find(symbols[i].id, symbols[i + 1].id).rank : kNoRank;
  };
  for (size_t i = 0; i + 1 < count; ++i) ranks[i] = rank_at(i);
  while (count > 1) {
    const auto best =
        std::min_element(ranks.begin(), ranks.begin() + static_cast<std::ptrdiff_t>(count) - 1);
    if (*best == kNoRank) break;
    const auto at = static_cast<size_t>(best - ranks.begin());
    symbols[at].id = merges_->find(symbols[at].id, symbols[at + 1].id).result;
    symbols[at].length += symbols[at + 1].length;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    ranks.erase(ranks.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    --count;
    ranks[at] = rank_at(at);
    if (at > 0) ranks[at - 1] = rank_at(at - 1);
  }
}

// Keeps the possible merges in a heap. An entry is stale when its pair has changed; then the pair's
// merge, if it has one, makes another token.
void BpeModel::merge_long(BpeWorkspace& workspace) const {
  std::vector<Symbol>& symbols = workspace.symbols;
  std::vector<BpeWorkspace::Waiting>& heap = workspace.heap;
  heap.clear();
  const auto wait = [&](int32_t at) {
    const int32_t next = symbols[static_cast<size_t>(at)].next;
    if (next < 0) return false;
    const Merge merge =
        merges_->find(symbols[static_cast<size_t>(at)].id, symbols[static_cast<size_t>(next)].id);
    if (merge.result < 0) return false;
    heap.push_back({merge.rank, at, merge.result});
    return true;
  };
  for (size_t i = 0; i < symbols.size(); ++i) wait(static_cast<int32_t>(i));
  std::ranges::make_heap(heap, comes_later);
  while (!heap.empty()) {
    std::ranges::pop_heap(heap, comes_later);
    const BpeWorkspace::Waiting top = heap.back();
    heap.pop_back();
    Symbol& left = symbols[static_cast<size_t>(top.at)];
    if (left.length == 0 || left.next < 0) continue;
    Symbol& right = symbols[static_cast<size_t>(left.next)];
    if (merges_->find(left.id, right.id).result != top.result) continue;
    left.id = top.result;
    left.length += right.length;
    left.next = right.next;
    right.length = 0;
    if (left.next >= 0) symbols[static_cast<size_t>(left.next)].previous = top.at;
    if (left.previous >= 0 && wait(left.previous)) std::ranges::push_heap(heap, comes_later);
    if (wait(top.at)) std::ranges::push_heap(heap, comes_later);
  }
  std::erase_if(symbols, [](const Symbol& symbol) { return symbol.length == 0; });
}

void BpeModel::encode(std::string_view word, BpeWorkspace& workspace, std::vector<int32_t>* ids,
                      std::vector<uint32_t>* lengths) const {
  if (ignore_merges_) {
    const int32_t id = vocabulary_->id_of(word);
    if (id >= 0) {
      ids->push_back(id);
      if (lengths != nullptr) lengths->push_back(static_cast<uint32_t>(word.size()));
      return;
    }
  }
  if (lengths == nullptr) {
    const auto remembered = workspace.words.find(word);
    if (remembered != workspace.words.end()) {
      ids->insert(ids->end(), remembered->second.begin(), remembered->second.end());
      return;
    }
  }
  start_symbols(word, &workspace.symbols);
  if (workspace.symbols.size() <= kShortWord) {
    merge_short(workspace);
  } else {
    merge_long(workspace);
  }
  const size_t first = ids->size();
  for (const Symbol& symbol : workspace.symbols) {
    ids->push_back(symbol.id);
    if (lengths != nullptr) lengths->push_back(symbol.length);
  }
  if (word.size() < kLongestRemembered) {
    if (workspace.words.size() >= kMaxRemembered) workspace.words.clear();
    workspace.words.emplace(
        word, std::vector<int32_t>(ids->begin() + static_cast<std::ptrdiff_t>(first), ids->end()));
  }
}

}  // namespace retort
