#pragma once
// Third seam: byte-pair encoding. A word becomes one symbol a character; then the pair of
// neighbours with the lowest rank is merged, the leftmost first, until no pair has a merge.
// (Sennrich, Haddow, Birch 2016, algorithm 1; the rank is the place in the list of merges.)
#include "policy/tokenizer/merge_table.h"
#include "policy/tokenizer/token_table.h"
#include "policy/tokenizer/tokenizer_file.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace retort {

// A symbol of a word while it is merged: a list through the array.
struct Symbol {
  int32_t id;
  int32_t previous;  // index, -1 at the border
  int32_t next;
  uint32_t length;  // bytes of the word; 0: merged into its left neighbour
};

// What one thread needs while it encodes; also remembers words. Made and kept by the model.
class BpeWorkspace {
 public:
  struct HashBytes {
    using is_transparent = void;
    size_t operator()(std::string_view bytes) const;
  };
  struct Waiting {  // a possible merge at the symbol `at`
    uint32_t rank;
    int32_t at;
    int32_t result;
  };
  std::vector<Symbol> symbols;
  std::vector<Waiting> heap;
  std::vector<uint32_t> ranks;
  std::unordered_map<std::string, std::vector<int32_t>, HashBytes, std::equal_to<>> words;
};

// Constant after construction, but for the pool of workspaces, which has its own lock: may be used
// from several threads at once.
class BpeModel {
 public:
  // Reads the member "model"; takes the lists out of `file`. UserError for another kind of model,
  // for a merge whose tokens the vocabulary lacks, for dropout other than 0.
  explicit BpeModel(TokenizerFile* file);

  // A workspace that goes back to the model when the lease ends.
  class Lease {
   public:
    explicit Lease(const BpeModel& model);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    BpeWorkspace& operator*() { return *workspace_; }

   private:
    const BpeModel& model_;
    std::unique_ptr<BpeWorkspace> workspace_;
  };

  // Appends the ids of one word, and, when asked, how many of its bytes each id covers. Characters
  // that the vocabulary lacks become byte tokens, the unknown token or nothing, in this order of
  // preference. UserError when the unknown token is needed and the vocabulary lacks it.
  void encode(std::string_view word, BpeWorkspace& workspace, std::vector<int32_t>* ids,
              std::vector<uint32_t>* lengths) const;

  const TokenTable& vocabulary() const { return *vocabulary_; }

 private:
  void start_symbols(std::string_view word, std::vector<Symbol>* symbols) const;
  int32_t character_id(std::string_view word, size_t begin, size_t end) const;
  void merge_short(BpeWorkspace& workspace) const;
  void merge_long(BpeWorkspace& workspace) const;

  std::optional<TokenTable> vocabulary_;
  std::optional<MergeTable> merges_;
  std::string prefix_;  // of every character but a word's first
  std::string suffix_;  // of a word's last character
  // [256] of <0x00> …, -1 where missing; empty without byte fallback
  std::vector<int32_t> byte_ids_;
  std::vector<int32_t> low_ids_;  // of characters below U+0800, without prefix and suffix
  int32_t unknown_id_ = -1;
  std::string missing_unknown_;  // place of an unknown token that the vocabulary lacks, else ""
  bool fuse_unknown_ = false;
  bool ignore_merges_ = false;  // a word that is a token stays whole

  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<BpeWorkspace>> idle_;  // guarded by mutex_
};

}  // namespace retort
